using System.Net;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>Who may do what, and why, by Usher's own API.</summary>
public sealed class AccessApiTests(UsherApp app)
{
    [Fact]
    public async Task One_question_is_answered_with_the_reason_why_not()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.ActiveAsync(NewEmail("ada"), row => row with
        {
            Permissions = ["ingestion"],
            Levels = [
                new(Reference.To(org.Created.Resources[0].Id), AccessLevel.ReadOnly) { Capabilities = ["deploy_all"] }],
        });
        var bob = await org.InviteAsync(NewEmail("bob"), row => row with { Permissions = ["ingestion"] });
        foreach (var (question, answer) in new (object Question, string Answer)[]
        {
            (new { permission = "ingestion" }, """{"allowed":true}"""),
            (new { permission = "log_management" }, """{"allowed":false,"reason":"permission_not_held"}"""),
            (new { resource = "production" }, """{"allowed":true}"""),
            (
                new
                {
                    resource = "res_" + ShortId.Of(org.Created.Resources[0].Id), level = "read_only",
                    permission = "ingestion",
                },
                """{"allowed":true}"""),
            (new { resource = "production", level = "full" }, """{"allowed":false,"reason":"level_not_reached"}"""),
            (new { resource = "production", capability = "deploy_all" }, """{"allowed":true}"""),
            (
                new { resource = "production", capability = "update_config" },
                """{"allowed":false,"reason":"capability_not_held"}"""),
            (new { resource = "staging" }, """{"allowed":false,"reason":"resource_not_reached"}"""),
            (new { resource = "nowhere" }, """{"allowed":false,"reason":"resource_not_reached"}"""),
        })
            Assert.Equal(
                answer,
                await (await org.PostAsync("access/check", question, by: ada.Client)).Content.ReadAsStringAsync(Ct));

        // About others: by id, by address in any case, by whoever manages users.
        foreach (var member in new[] { "mem_" + ShortId.Of(ada.Member.Id), ada.Member.Identifier.ToUpperInvariant() })
            Assert.True(
                (
                    await (await org.PostAsync("access/check", new { member, permission = "ingestion" }))
                        .JsonAsync("allowed")).GetBoolean());
        Assert.Equal(
            "member_not_active",
            await (await org.PostAsync("access/check", new { member = bob.Identifier, permission = "ingestion" }))
                .TextAsync("reason"));
        await (await org.PostAsync(
            "access/check", new { member = bob.Identifier, permission = "ingestion" },
            by: ada.Client)).RefusedAsync(HttpStatusCode.Forbidden, "not_allowed");
        var nobody = await (await org.PostAsync(
            "access/check",
            new
            {
                member = "nobody@example.test", permission = "flying", resource = "nowhere",
            })).RefusedAsync(HttpStatusCode.UnprocessableEntity, "member_not_found");
        Assert.Equal(["/member", "/permission", "/resource"], nobody.Named("errors", "pointer"));
    }

    [Fact]
    public async Task Many_questions_are_answered_in_their_order_and_refused_together()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.ActiveAsync(NewEmail("ada"), row => row with { Permissions = ["ingestion"] });
        var answer = await (await org.PostAsync("access/check", new
        {
            checks = new object[]
            {
                new { member = ada.Member.Identifier, permission = "ingestion" },
                new { member = ada.Member.Identifier, permission = "log_management" },
                new { permission = "log_management" },
            },
        })).JsonAsync();
        Assert.False(answer.GetProperty("allowed").GetBoolean());
        Assert.Equal(
            ["True", "False", "True"],
            answer.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("allowed").ToString()));
        Assert.Equal(
            [ada.Member.Id, ada.Member.Id, org.Created.Owner.Id],
            answer.Named("results", "memberId").Select(id => ShortId.Parse(id["mem_".Length..])!.Value));

        var refused = await (await org.PostAsync(
            "access/check",
            new
            {
                checks = new object[]
                {
                    new { permission = "flying" }, new { permission = "ingestion" }, new { level = "full" },
                },
            })).RefusedAsync(HttpStatusCode.UnprocessableEntity, null);
        Assert.Equal(["/checks/0/permission", "/checks/2/resource"], refused.Named("errors", "pointer"));
        var both = await (await org.PostAsync(
            "access/check",
            new
            {
                permission = "ingestion", checks = new[] { new { permission = "ingestion" } },
            })).RefusedAsync(HttpStatusCode.UnprocessableEntity, "value_invalid");
        Assert.Equal(["/checks"], both.Named("errors", "pointer"));
        await (await org.PostAsync(
            "access/check",
            new
            {
                checks = Enumerable.Range(0, 1_001).Select(_ => new { permission = "ingestion" }),
            })).RefusedAsync(HttpStatusCode.UnprocessableEntity, "check_count_invalid");
        Assert.Equal(
            1_000,
            (
                await (await org.PostAsync(
                    "access/check",
                    new
                    {
                        checks = Enumerable.Range(0, 1_000).Select(_ => new { permission = "ingestion" }),
                    })).JsonAsync("results")).GetArrayLength());
    }

    [Fact]
    public async Task Explained_every_grant_is_told_as_a_chain_with_who_gave_it()
    {
        var org = await app.CreateOrganizationAsync();
        await org.MakeAsync("roles", new { name = "Reader", permissions = new[] { "ingestion" } });
        var ada = await org.ActiveAsync(NewEmail("ada"), row => row with { Permissions = ["ingestion"] });
        await org.MakeAsync(
            "groups",
            new
            {
                name = "Ops", roles = new[] { "Reader" },
                levels = new[] { new { resource = "production", level = "full" } },
                members = new[] { ada.Member.Identifier },
            });
        var answer = await (await org.PostAsync(
            "access/check?explain=true", new { permission = "ingestion" }, by: ada.Client)).JsonAsync();
        Assert.Equal(
            ["group Ops > role Reader > permission ingestion", "permission ingestion"],
            Chains(answer.GetProperty("grants")).Order(StringComparer.Ordinal));
        var step = answer.GetProperty("grants").EnumerateArray().Single(g => g.GetArrayLength() is 3)[0];
        Assert.Equal("Olivia Owner", step.GetProperty("grantedBy").GetString());
        Assert.StartsWith("grp_", step.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.EndsWith("Z", step.GetProperty("grantedAt").GetString(), StringComparison.Ordinal);
        Assert.Equal(
            0,
            (
                await (await org.PostAsync(
                    "access/check?explain=true", new { permission = "log_management" },
                    by: ada.Client)).JsonAsync("grants")).GetArrayLength());

        var access = await (await org.GetAsync(
            $"members/mem_{ShortId.Of(ada.Member.Id)}/access?explain=true", by: ada.Client)).JsonAsync();
        Assert.Equal("active user False none", access.Shown("status", "role", "isAdmin", "everywhere"));
        Assert.Equal(["ingestion"], access.Named("permissions"));
        Assert.Equal(2, access.GetProperty("permissions")[0].GetProperty("grants").GetArrayLength());
        var production = access.GetProperty("resources")[0];
        Assert.Equal("production full", production.Shown("slug", "level"));
        Assert.Equal(["group Ops > level Production"], Chains(production.GetProperty("grants")));

        static IEnumerable<string> Chains(JsonElement grants) =>
            grants.EnumerateArray()
                .Select(g => string.Join(" > ", g.EnumerateArray().Select(s => s.Shown("kind", "name"))));
    }

    [Fact]
    public async Task What_a_member_holds_is_his_to_see_and_that_of_others_for_who_manages_users()
    {
        var org = await app.CreateOrganizationAsync();
        var (ada, bob) = (
            await org.ActiveAsync(NewEmail("ada")),
            await org.InviteAsync(
                NewEmail("bob"), row => row with { Role = BuiltInRole.ReadOnly, Permissions = ["ingestion"] }));
        await (await org.GetAsync($"members/mem_{ShortId.Of(bob.Id)}/access", by: ada.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "not_allowed");
        await (await org.GetAsync("members/mem_AAAAAAAAAAAAAAAAAAAAAA/access", by: ada.Client))
            .RefusedAsync(HttpStatusCode.Forbidden, "not_allowed");
        var would = await (await org.GetAsync($"members/mem_{ShortId.Of(bob.Id)}/access")).JsonAsync();
        Assert.Equal("invited read_only False read_only", would.Shown("status", "role", "isAdmin", "everywhere"));
        Assert.Equal(["ingestion"], would.Named("permissions"));
        Assert.False(would.TryGetProperty("adminGrants", out _));
        var owner = await (await org.GetAsync($"members/mem_{ShortId.Of(org.Created.Owner.Id)}/access")).JsonAsync();
        Assert.Equal("True full", owner.Shown("isAdmin", "everywhere"));
        Assert.Equal(Permissions.BuiltIn.Order(StringComparer.Ordinal), owner.Named("permissions"));
    }

    [Fact]
    public async Task Who_reaches_a_resource_is_told_page_by_page_each_once()
    {
        var org = await app.CreateOrganizationAsync();
        var production = Reference.To(org.Created.Resources[0].Id);
        List<string> expected = [org.Created.Owner.Identifier];
        for (var i = 0; i < 6; i++)
        {
            var email = NewEmail($"p{i}");
            await org.ActiveAsync(
                email,
                row =>
                    i % 3 is 0
                        ? row with { Role = BuiltInRole.PowerUser }
                        : i % 3 is 1
                        ? row with { Levels = [new(production, AccessLevel.ReadOnly)] }
                        : row);
            if (i % 3 is not 2) expected.Add(email);
        }

        var group = await org.MakeAsync(
            "groups", new { name = "Ops", levels = new[] { new { resource = "production", level = "full" } } });
        var late = await org.InviteAsync(NewEmail("late"));
        await (await org.PostAsync(group + "/members", new { add = new[] { late.Identifier } })).JsonAsync();
        var seen = await org.PagesAsync("resources/production/access?explain=true", 2);
        Assert.Equal([.. expected, late.Identifier], seen.Select(m => m.GetProperty("email").GetString()));
        Assert.Equal("person invited full", seen[^1].Shown("kind", "status", "level"));
        Assert.All(seen, m => Assert.NotEqual(0, m.GetProperty("grants").GetArrayLength()));
        await (await org.GetAsync("resources/nowhere/access"))
            .RefusedAsync(HttpStatusCode.NotFound, "resource_not_found");
        Assert.Equal(MemberStatus.Invited, (await org.MemberAsync(late.Identifier)).Status);
    }
}
