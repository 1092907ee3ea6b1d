using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Conformity;

/// <summary>Looking: the list, one user, oneself.</summary>
public sealed class ConformityUserTests(UsherApp app)
{
    private const string NoSuchUser =
        """{ "errors": [{ "status": 422, "source": { "pointer": "/data/attributes" }, "details": "No such user" }] }""";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoami_shows_the_caller_with_mfa_and_an_administrator_without_a_list()
    {
        var org = await app.CreateOrganizationAsync();
        var owner = org.Created.Owner;
        var expected = $$"""
            { "data": { "type": "users", "id": "{{ShortId.Of(owner.Id)}}",
                "attributes": { "first-name": "Olivia", "last-name": "Owner", "role": "ADMIN",
                  "email": "{{owner.Email}}", "status": "ACTIVE", "last-login-date": null,
                    "created-date": {{owner.CreatedAt.ToUnixTimeMilliseconds()}}, "mfa": false,
                      "summary-email-opt-out": false },
                "relationships": { "organisation": { "data": { "type": "organisations",
                  "id": "{{ShortId.Of(org.Id)}}" } } } } }
            """;

        await org.Admin.GetAsync("/v1/users/whoami", Ct).AssertAsync(200, expected);
        await org.Admin.GetAsync("/v1/users/" + ShortId.Of(owner.Id), Ct).AssertAsync(200, expected);
    }

    [Fact]
    public async Task A_user_sees_the_accounts_he_reaches_and_an_administrator_sees_them_all()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync(
            "mara@acme.test",
            r => r with { Levels = [Level(org, 0, AccessLevel.ReadOnly), Level(org, 1, AccessLevel.None)] });
        var path = "/v1/users/" + ShortId.Of(mara.Member.Id);

        Assert.Equal(
            $$"""[{"account":"{{org.Accounts[0]}}","level":"READONLY"}]""",
            await ListAsync(mara.Client, "/v1/users/whoami"));
        Assert.Equal(
            $$"""[{"account":"{{org.Accounts[0]}}","level":"READONLY"}]""", await ListAsync(mara.Client, path));
        Assert.Equal(
            $$"""
            [{"account":"{{org.Accounts[0]}}","level":"READONLY"},{"account":"{{org.Accounts[1]}}","level":"NONE"},
            {"account":"{{org.Accounts[2]}}","level":"NONE"}]
            """.Replace("\n", "", StringComparison.Ordinal),
            await ListAsync(org.Admin, path));
    }

    [Fact]
    public async Task A_user_who_reaches_nothing_has_an_empty_list()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.ActiveAsync("mara@acme.test");

        Assert.Equal("[]", await ListAsync(mara.Client, "/v1/users/whoami"));
    }

    [Fact]
    public async Task Every_role_may_look_at_others_but_only_an_administrator_sees_their_levels()
    {
        var org = await app.CreateOrganizationAsync();
        var mara = await org.InviteAsync("mara@acme.test", r => r with { Levels = [Level(org, 0, AccessLevel.Full)] });
        foreach (var role in new[] { BuiltInRole.User, BuiltInRole.ReadOnly, BuiltInRole.PowerUser })
        {
            var caller = await org.ActiveAsync($"{role}@acme.test", r => r with { Role = role });
            var user = await caller.Client.GetAsync("/v1/users/" + ShortId.Of(mara.Id), Ct).OkAsync();
            Assert.Equal(
                ("mara@acme.test", "INVITED"),
                (user.TextAt("data/attributes/email"), user.TextAt("data/attributes/status")));
            Assert.Equal(["organisation"], user.At("data/relationships").Names());
        }
    }

    [Theory]
    [InlineData(BuiltInRole.PowerUser, "POWER_USER")]
    [InlineData(BuiltInRole.ReadOnly, "READ_ONLY")]
    public async Task The_two_roles_that_reach_every_account_have_no_list(BuiltInRole role, string name)
    {
        var org = await app.CreateOrganizationAsync();
        var caller = await org.ActiveAsync(
            "mara@acme.test", r => r with { Role = role, Levels = [Level(org, 0, AccessLevel.Full)] });
        foreach (var client in new[] { caller.Client, org.Admin })
        {
            var user = await client.GetAsync("/v1/users/" + ShortId.Of(caller.Member.Id), Ct).OkAsync();
            Assert.Equal(name, user.TextAt("data/attributes/role"));
            Assert.Equal(["organisation"], user.At("data/relationships").Names());
        }
    }

    [Fact]
    public async Task The_list_has_invited_and_active_persons_in_the_order_they_came_and_no_removed_ones()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("zoe@acme.test", sendMail: false);
        await org.InviteAsync("gone@acme.test", sendMail: false);
        await org.ServiceAccountAsync("bot");
        await org.ActiveAsync("mara@acme.test");
        var suspended = await org.ActiveAsync(
            "adam@acme.test", r => r with { Levels = [Level(org, 0, AccessLevel.Full)] });
        await org.SetStatusAsync(suspended.Member, MemberStatus.Suspended);
        await org.RemoveAsync("gone@acme.test");

        var list = await org.Admin.GetAsync("/v1/users?page[size]=1&page[number]=7", Ct).OkAsync();
        Assert.Equal(["data"], list.Names());
        var users = list.At("data").EnumerateArray().ToList();
        Assert.Equal(
            [
                (org.Created.Owner.Email, "ACTIVE"), ("zoe@acme.test", "INVITED"), ("mara@acme.test", "ACTIVE"),
                ("adam@acme.test", "ACTIVE"),
            ],
            users.Select(u => (u.TextAt("attributes/email"), u.TextAt("attributes/status"))));
        Assert.All(users, user =>
        {
            Assert.Equal(["type", "id", "attributes", "relationships"], user.Names());
            Assert.Equal(
                [
                    "first-name", "last-name", "role", "email", "status", "last-login-date", "created-date",
                    "has-credentials",
                ],
                user.At("attributes").Names());
            Assert.Equal(["organisation"], user.At("relationships").Names());
            Assert.Equal(["data"], user.At("relationships/organisation").Names());
            Assert.Equal(
                ("organisations", ShortId.Of(org.Id)),
                (
                    user.TextAt("relationships/organisation/data/type"),
                    user.TextAt("relationships/organisation/data/id")));
        });
    }

    [Fact]
    public async Task The_list_is_there_however_often_it_is_asked_for()
    {
        // The serializer changes its ways after a number of small answers.
        var org = await app.CreateOrganizationAsync();
        for (var i = 0; i < 30; i++)
            foreach (var path in new[] { "/v1/users", "/api/v2/user", "/users" })
                await org.Admin.GetAsync(path, Ct).OkAsync();
    }

    [Fact]
    public async Task The_list_is_for_administrators()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var (name, change) in new (string, Func<NewInvitation, NewInvitation>)[]
        {
            ("full", r => r with { Levels = [Level(org, 0, AccessLevel.Full)] }),
            ("power", r => r with { Role = BuiltInRole.PowerUser }),
            ("manager", r => r with { Permissions = [Permissions.UserManagement] }),
        })
        {
            var caller = await org.ActiveAsync(name + "@acme.test", change);
            await caller.Client.GetAsync("/v1/users", Ct)
                .AssertAsync(401, """
                    { "errors": [{ "status": 401, "details": "You are not authorized to perform such actions" }] }
                    """);
        }
    }

    [Fact]
    public async Task A_member_of_a_group_of_administrators_has_the_list_and_everybodys_levels()
    {
        var org = await app.CreateOrganizationAsync();
        var group = await org.GroupAsync(new("Chiefs") { IsAdmin = true });
        var chief = await org.ActiveAsync("chief@acme.test", r => r with { Groups = [Reference.To(group.Id)] });
        var mara = await org.InviteAsync("mara@acme.test", sendMail: false);

        await chief.Client.GetAsync("/v1/users", Ct).OkAsync();
        Assert.Contains(
            "NONE", await ListAsync(chief.Client, "/v1/users/" + ShortId.Of(mara.Id)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_that_is_not_here_is_a_422()
    {
        var org = await app.CreateOrganizationAsync();
        var member = await org.InviteAsync("mara@acme.test", sendMail: false);
        var id = ShortId.Of(member.Id);
        var swapped = string.Concat(id.Select(c =>
            char.IsLower(c) ? char.ToUpperInvariant(c) : char.ToLowerInvariant(c)));
        foreach (var wrong in new[]
            {
                "Kq7_dR2xw", "nobody", ShortId.Of(Guid.NewGuid()), member.Id.ToString(), swapped, id + "A", id[..^1],
                "mara@acme.test", "%20", "..%2f" + id,
            })
            await org.Admin.GetAsync(Wire.Raw(app.Url, "/v1/users/" + wrong), Ct).AssertAsync(422, NoSuchUser);

        await org.RemoveAsync("mara@acme.test");
        await org.Admin.GetAsync("/v1/users/" + id, Ct).AssertAsync(422, NoSuchUser);
    }

    [Fact]
    public async Task A_key_only_identity_has_no_email()
    {
        var org = await app.CreateOrganizationAsync();
        var bot = await org.ServiceAccountAsync("bot");
        var self = await bot.Client.GetAsync("/v1/users/whoami", Ct).OkAsync();

        Assert.Equal(
            [
                "first-name", "last-name", "role", "status", "last-login-date", "created-date", "mfa",
                "summary-email-opt-out",
            ],
            self.At("data/attributes").Names());
    }

    private static NewLevel Level(TestOrganization org, int resource, AccessLevel level) =>
        new(Reference.To(org.Created.Resources[resource].Id), level);

    private static async Task<string> ListAsync(HttpClient client, string path) =>
        Wire.Compact(
            (await client.GetAsync(path, Ct).OkAsync()).At("data/relationships/accountAccessList").GetRawText());
}
