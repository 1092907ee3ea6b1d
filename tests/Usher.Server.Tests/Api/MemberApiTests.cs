using System.Net;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>Members by Usher's own API.</summary>
public sealed class MemberApiTests(UsherApp app)
{
    [Fact]
    public async Task A_change_says_what_it_says_and_leaves_the_rest()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(
            NewEmail("Ada"),
            row => row with { Permissions = ["ingestion"], Locale = "de", TimeZone = "Europe/Berlin" });
        var path = "members/mem_" + ShortId.Of(ada.Member.Id);
        await org.RoleAsync("Reader", "log_management");
        await org.GroupAsync(new("Ops"));

        var changed = await (await org.PatchAsync(path, new
        {
            lastName = "King", timeZone = (string?)null, description = "Countess", ssoId = "ada-1",
            permissions = new[] { "log_management", "embedded_charts" }, groups = new[] { "ops" },
            roles = new[] { "reader" },
            levels = new[] { new { resource = "staging", level = "none", capabilities = new[] { "deploy_all" } } },
            metadata = new { seat = "7" },
        })).JsonAsync();
        Assert.Equal(
            "person active Ada King de  Countess ada-1 user False",
            changed.Shown(
                "kind", "status", "firstName", "lastName", "locale", "timeZone", "description", "ssoId", "role",
                "allResources"));
        Assert.Equal(JsonValueKind.Null, changed.GetProperty("timeZone").ValueKind);
        Assert.Equal(["embedded_charts", "log_management"], changed.Texts("permissions"));
        Assert.Equal(["Ops"], changed.Named("groups"));
        Assert.Equal(["Reader"], changed.Named("roles"));
        Assert.Equal(
            "staging none [\"deploy_all\"]", changed.GetProperty("levels")[0].Shown("slug", "level", "capabilities"));
        Assert.Equal("""{"seat":"7"}""", changed.GetProperty("metadata").ToString());
        Assert.Equal(changed.ToString(), (await (await org.GetAsync(path)).JsonAsync()).ToString());

        var again = await (await org.PatchAsync(path, """
            {"locale":null,"ssoId":null,"permissions":[],"groups":[],"roles":[],"levels":[],"metadata":{"seat":null}}
            """)).JsonAsync();
        Assert.Equal("[] [] [] [] {}", again.Shown("permissions", "groups", "roles", "levels", "metadata"));
        Assert.Equal("King  ", again.Shown("lastName", "locale", "ssoId"));
    }

    [Fact]
    public async Task A_suspended_members_key_is_refused_on_the_next_request_and_let_in_again_after()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        var path = "members/mem_" + ShortId.Of(ada.Member.Id);
        Assert.Equal("suspended", await (await org.PatchAsync(path, new { suspended = true })).TextAsync("status"));
        await (await org.GetAsync("", by: ada.Client)).RefusedAsync(HttpStatusCode.Unauthorized, "key_refused");
        Assert.Equal("active", await (await org.PatchAsync(path, new { suspended = false })).TextAsync("status"));
        await (await org.GetAsync("", by: ada.Client)).JsonAsync();

        await (await org.DeleteAsync(path)).JsonAsync("id");
        await (await org.GetAsync("", by: ada.Client)).RefusedAsync(HttpStatusCode.Unauthorized, "key_refused");
        await (await org.GetAsync(path)).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        await (await org.DeleteAsync(path)).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        Assert.Equal(MemberStatus.Removed, (await org.MemberAsync(ada.Member.Identifier)).Status);
    }

    [Fact]
    public async Task A_removed_member_who_was_only_invited_has_a_revoked_invitation()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, _) = await org.GuestAsync(NewEmail("ada"));
        var member = await (await org.GetAsync("members/mem_" + ShortId.Of(ada.Id))).JsonAsync();
        Assert.Equal("invited", member.GetProperty("status").GetString());
        await (await org.DeleteAsync("members/mem_" + ShortId.Of(ada.Id))).JsonAsync("id");
        Assert.Equal(
            "revoked",
            await (await org.GetAsync($"invitations/{member.GetProperty("invitationId")}")).TextAsync("state"));
    }

    [Fact]
    public async Task Filters_let_through_what_they_say()
    {
        var org = await app.CreateOrganizationAsync();
        var (group, role) = (await org.GroupAsync(new("Ops")), await org.RoleAsync("Reader"));
        await org.ActiveAsync(
            "ada@example.test",
            row => row with { Role = BuiltInRole.ReadOnly, Groups = [Core.Reference.To(group.Id)] });
        await org.InviteAsync(
            "adam@example.test", row => row with { Roles = [Core.Reference.To(role.Id)] });
        await org.ServiceAccountAsync("ada-bot");
        foreach (var (query, expected) in new (string Query, string[] Expected)[]
        {
            ("status=invited", ["adam@example.test"]), ("role=read_only", ["ada@example.test"]),
            ("email=ADA", ["ada@example.test", "adam@example.test"]), ("email=sa::ada", ["sa::ada-bot"]),
            ("kind=service", ["sa::ada-bot"]), ($"group=grp_{ShortId.Of(group.Id)}", ["ada@example.test"]),
            ($"customRole=rol_{ShortId.Of(role.Id)}", ["adam@example.test"]),
            ("email=ada&status=active&sort=-email", ["ada@example.test"]),
            ("email=ada&sort=-email", ["adam@example.test", "ada@example.test"]), ("status=suspended", []),
        })
        {
            var found = await (await org.GetAsync("members?" + query)).JsonAsync("data");
            Assert.Equal(
                expected,
                found.EnumerateArray()
                    .Select(m => m.GetProperty("email").GetString() ?? m.GetProperty("displayName").GetString()));
        }
    }

    [Fact]
    public async Task Somebody_who_manages_users_gives_and_takes_only_what_he_holds()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ActiveAsync(
            NewEmail("max"), row => row with { Permissions = [Permissions.UserManagement, "ingestion"] });
        var ada = await org.ActiveAsync(NewEmail("ada"), row => row with { Permissions = ["log_management"] });
        var path = "members/mem_" + ShortId.Of(ada.Member.Id);
        foreach (var body in new object[]
            {
                new { role = "admin" }, new { allResources = true }, new { permissions = Array.Empty<string>() },
                new { levels = new[] { new { resource = "production", level = "read_only" } } },
            })
            await (await org.PatchAsync(path, body, by: max.Client))
                .RefusedAsync(HttpStatusCode.Forbidden, "more_than_you_hold");
        await (await org.PatchAsync(path, new { suspended = true }, by: max.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "member_not_covered");
        Assert.Equal(
            ["ingestion", "log_management"],
            (
                await (await org.PatchAsync(
                    path, new { permissions = new[] { "log_management", "ingestion" } },
                    by: max.Client)).JsonAsync()).Texts("permissions"));
    }

    [Fact]
    public async Task Faults_of_shape_and_of_values_are_told_together()
    {
        var org = await app.CreateOrganizationAsync();
        var path = "members/mem_" + ShortId.Of(org.Created.Owner.Id);
        var problem = await (await org.PatchAsync(path, """
            {"email":"x","role":7,"timeZone":"Mars","permissions":["flying"],"levels":[{"resource":"production",
            "level":"high"}],"metadata":{"a":1},"more":true}
            """))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, null);
        Assert.Equal(
            ["/email", "/levels/0/level", "/metadata/a", "/more", "/permissions/0", "/role", "/timeZone"],
            problem.Named("errors", "pointer").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_unknown_capability_is_refused_wherever_a_level_is_given()
    {
        var org = await app.CreateOrganizationAsync();
        var levels = new[] { new { resource = "production", level = "none", capabilities = new[] { "flying" } } };
        foreach (var (method, path, body) in new (HttpMethod Method, string Path, object Body)[]
        {
            (HttpMethod.Patch, "members/mem_" + ShortId.Of(org.Created.Owner.Id), new { levels }),
            (HttpMethod.Post, "invitations", new { email = NewEmail("ada"), levels }),
            (HttpMethod.Post, "groups", new { name = "A", levels }),
        })
        {
            var problem = await (await org.SendAsync(method, path, body))
                .RefusedAsync(HttpStatusCode.UnprocessableEntity, "capability_unknown");
            Assert.Equal(["/levels/0/capabilities"], problem.Named("errors", "pointer"));
        }

        var given = await org.SendAsync(
            HttpMethod.Put, $"resources/production/access/mem_{ShortId.Of(org.Created.Owner.Id)}",
            new { level = "none", capabilities = new[] { "flying" } });
        Assert.Equal(
            ["/capabilities"],
            (await given.RefusedAsync(HttpStatusCode.UnprocessableEntity, "capability_unknown"))
                .Named("errors", "pointer"));
    }
}
