using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects.Wavefront;

/// <summary>Looking: the list and one user.</summary>
public sealed class WavefrontUserTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_user_is_bare_with_every_required_member_and_none_that_has_no_value()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("Pat@example.com", r => r with { Permissions = ["alerts_management"] }, sendMail: false);
        await org.Admin.GetAsync("/api/v2/user/pat@example.com", Ct).AssertAsync(200, $$"""
            { "identifier": "Pat@example.com", "customer": "{{org.Slug}}", "groups": ["alerts_management"],
              "userGroups": [{ "id": "{{await org.EveryoneAsync()}}", "name": "Everyone", "customer": "{{org.Slug}}",
                "description": "System group which contains all users",
                "userCount": 2, "properties": { "nameEditable": false, "usersEditable": false,
                  "rolesEditable": true }, "roles": [] }],
              "roles": [] }
            """);
    }

    [Fact]
    public async Task An_sso_id_and_the_last_sign_in_are_there_once_they_have_a_value()
    {
        var org = await app.CreateOrganizationAsync();
        var kim = await org.ActiveAsync("kim@example.com");
        await app.QueryAsync(db => db.Members.Where(m => m.Id == kim.Member.Id).ExecuteUpdateAsync(
            set =>
                set.SetProperty(m => m.SsoId, "kim")
                    .SetProperty(m => m.LastSignInAt, DateTimeOffset.UnixEpoch.AddMilliseconds(1718000000000)),
                Ct));
        var user = await org.Admin.GetAsync("/api/v2/user/kim@example.com", Ct).OkAsync();

        Assert.Equal(
            ["identifier", "customer", "ssoId", "lastSuccessfulLogin", "groups", "userGroups", "roles"], user.Names());
        Assert.Equal(("kim", 1718000000000), (user.TextAt("ssoId"), user.At("lastSuccessfulLogin").GetInt64()));
    }

    [Fact]
    public async Task Roles_are_those_held_directly_and_permissions_those_granted_directly()
    {
        var org = await app.CreateOrganizationAsync();
        var (direct, grouped) = (
            await org.RoleAsync("Direct", "alerts_management"), await org.RoleAsync("Grouped", "ingestion"));
        var ops = await org.GroupAsync(new("Ops") { Roles = [Reference.To(grouped.Id)] });
        await org.InviteAsync(
            "kim@example.com", r =>
                r with
                {
                    Permissions = ["embedded_charts"], Roles = [Reference.To(direct.Id)],
                    Groups = [Reference.To(ops.Id)],
                },
                sendMail: false);
        var user = await org.Admin.GetAsync("/api/v2/user/kim@example.com", Ct).OkAsync();

        Assert.Equal("""["embedded_charts"]""", user.At("groups").GetRawText());
        Assert.Equal(["Direct"], user.At("roles").EnumerateArray().Select(r => r.TextAt("name")!));
        Assert.Equal(["Everyone", "Ops"], user.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
        Assert.Equal(["Grouped"], user.At("userGroups/1/roles").EnumerateArray().Select(r => r.TextAt("name")!));
        Assert.Equal(
            (1, 0),
            (
                user.At("userGroups/1/roles/0/linkedGroupsCount").GetInt32(),
                user.At("userGroups/1/roles/0/linkedAccountsCount").GetInt32()));
        Assert.Equal(
            (0, 1),
            (user.At("roles/0/linkedGroupsCount").GetInt32(), user.At("roles/0/linkedAccountsCount").GetInt32()));
    }

    [Theory]
    [InlineData("pat+x@example.com")]
    [InlineData("pat%2Bx%40example.com")]
    [InlineData("pat%2bx@example.com")]
    [InlineData("PAT+X@EXAMPLE.COM")]
    [InlineData("%70at+x@example%2Ecom")]
    public async Task A_user_is_found_however_his_address_is_written_in_the_path(string written)
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("Pat+x@example.com", sendMail: false);
        using var request = new HttpRequestMessage(HttpMethod.Get, Wire.Raw(app.Url, "/api/v2/user/" + written));

        Assert.Equal("Pat+x@example.com", (await org.Admin.SendAsync(request, Ct).OkAsync()).TextAt("identifier"));
    }

    [Theory]
    [InlineData("a/b@example.com", "a%2Fb%40example.com")]
    [InlineData("a/b@example.com", "a%2fb@example.com")]
    [InlineData("50%@example.com", "50%25@example.com")]
    [InlineData("x{y}#?@example.com", "x%7By%7D%23%3F@example.com")]
    [InlineData("jürgen@bücher.example", "j%C3%BCrgen@b%C3%BCcher.example")]
    [InlineData("jürgen@bücher.example", "j%C3%BCrgen@xn--bcher-kva.example")]
    public async Task Rare_characters_of_addresses_arrive_as_they_were_encoded(string address, string written)
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync(address, sendMail: false);
        using var request = new HttpRequestMessage(HttpMethod.Get, Wire.Raw(app.Url, "/api/v2/user/" + written));

        Assert.Equal(address, (await org.Admin.SendAsync(request, Ct).OkAsync()).TextAt("identifier"));
    }

    [Theory]
    [InlineData("sa::bot")]
    [InlineData("sa%3A%3Abot")]
    [InlineData("SA::Bot")]
    public async Task A_service_account_is_found_by_its_name(string written)
    {
        var org = await app.CreateOrganizationAsync();
        await org.ServiceAccountAsync("bot");
        var user = await org.Admin.GetAsync(Wire.Raw(app.Url, "/api/v2/user/" + written), Ct).OkAsync();

        Assert.Equal("sa::bot", user.TextAt("identifier"));
        Assert.Equal(["Service Accounts"], user.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
    }

    [Theory]
    [InlineData("nobody@example.com", "nobody@example.com")]
    [InlineData("Nobody%40Example.com", "Nobody@Example.com")]
    [InlineData("no-address", "no-address")]
    [InlineData("invite", "invite")]
    [InlineData("sa::nobody", "sa::nobody")]
    [InlineData("pat%20x@example.com", "pat x@example.com")]
    public async Task An_unknown_user_is_a_404_that_repeats_the_id(string written, string shown)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.GetAsync(Wire.Raw(app.Url, "/api/v2/user/" + written), Ct)
            .AssertAsync(404, $$"""
                { "status": { "result": "ERROR", "message": "User with id {{shown}} does not exist", "code": 404 } }
                """);
    }

    [Fact]
    public async Task A_removed_user_is_unknown()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("pat@example.com", sendMail: false);
        await org.RemoveAsync("pat@example.com");

        await org.Admin.GetAsync("/api/v2/user/pat@example.com", Ct)
            .AssertAsync(404, """
                { "status": { "result": "ERROR", "message": "User with id pat@example.com does not exist",
                "code": 404 } }
                """);
    }

    [Fact]
    public async Task Anybody_may_look_at_himself_and_others_take_user_management()
    {
        const string Forbidden =
            """{ "status": { "result": "ERROR", "message": "You may not do this.", "code": 403 } }""";
        var org = await app.CreateOrganizationAsync();
        var (pat, manager) = (
            await org.ActiveAsync("pat@example.com"),
            await org.ActiveAsync("manager@example.com", r => r with { Permissions = [Permissions.UserManagement] }));
        var bot = await org.ServiceAccountAsync("bot");

        Assert.Equal(
            "pat@example.com",
            (await pat.Client.GetAsync("/api/v2/user/Pat%40example.com", Ct).OkAsync()).TextAt("identifier"));
        Assert.Equal("sa::bot", (await bot.Client.GetAsync("/api/v2/user/sa::bot", Ct).OkAsync()).TextAt("identifier"));
        await pat.Client.GetAsync("/api/v2/user/manager@example.com", Ct).AssertAsync(403, Forbidden);
        await pat.Client.GetAsync("/api/v2/user/nobody@example.com", Ct).AssertAsync(403, Forbidden);
        await pat.Client.GetAsync("/api/v2/user/nonsense", Ct).AssertAsync(403, Forbidden);
        await pat.Client.GetAsync("/api/v2/user", Ct).AssertAsync(403, Forbidden);
        Assert.Equal(
            "pat@example.com",
            (await manager.Client.GetAsync("/api/v2/user/pat@example.com", Ct).OkAsync()).TextAt("identifier"));
    }

    [Theory]
    [InlineData("*/*")]
    [InlineData("text/html")]
    [InlineData("application/xml")]
    public async Task No_Accept_is_ever_answered_with_a_406(string accept)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var (path, status) in new[]
            {
                ("/api/v2/user", 200), ("/api/v2/user/nobody@example.com", 404), ("/api/v2/nothing", 404),
            })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Accept.ParseAdd(accept);
            await org.Admin.SendAsync(request, Ct).OkAsync(status);
        }
    }

    [Fact]
    public async Task The_list_is_a_bare_array_of_all_persons_by_identifier_without_paging()
    {
        var org = await app.CreateOrganizationAsync();
        await org.InviteAsync("zoe@example.com", sendMail: false);
        await org.InviteAsync("a_b@example.com", sendMail: false);
        await org.InviteAsync("Adam@example.com", r => r with { Permissions = ["ingestion"] }, sendMail: false);
        await org.InviteAsync("gone@example.com", sendMail: false);
        await org.InviteAsync("a+b@example.com", sendMail: false);
        await org.ServiceAccountAsync("bot");
        await org.RemoveAsync("gone@example.com");
        var suspended = await org.ActiveAsync("ab@example.com");
        await org.SetStatusAsync(suspended.Member, MemberStatus.Suspended);

        var list = await org.Admin.GetAsync("/api/v2/user?offset=3&limit=1", Ct).OkAsync();
        Assert.Equal(
            [
                "a+b@example.com", "a_b@example.com", "ab@example.com", "Adam@example.com", org.Created.Owner.Email!,
                "zoe@example.com",
            ],
            list.EnumerateArray().Select(u => u.TextAt("identifier")!));
        var adam = Wire.Compact((await org.Admin.GetAsync("/api/v2/user/adam@example.com", Ct).OkAsync()).GetRawText());
        Assert.Equal(adam, Wire.Compact(list[3].GetRawText()));
        Assert.All(list.EnumerateArray(), user =>
        {
            Assert.Equal(["identifier", "customer", "groups", "userGroups", "roles"], user.Names());
            Assert.Equal(6, user.At("userGroups/0/userCount").GetInt32());
        });
    }
}
