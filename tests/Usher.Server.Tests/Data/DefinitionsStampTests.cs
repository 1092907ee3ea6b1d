using Microsoft.EntityFrameworkCore;
using Usher.Core.Members;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Data;

/// <summary>
/// Every change of an organization's settings, groups and roles gives the organization another stamp, whichever
/// surface makes it, and nothing else does. A route that is in neither list fails.
/// </summary>
public sealed class DefinitionsStampTests(RouteTableTests.World world) : IClassFixture<RouteTableTests.World>
{
    private const string Organization = "/usher/v1/organizations/{organization}";

    // Each route that changes definitions, and the route that has to be called first for there to be a change.
    private static readonly Dictionary<string, string?> Changing = new()
    {
        ["POST /api/v2/usergroup"] = null,
        ["PUT /api/v2/usergroup/{id}"] = null,
        ["DELETE /api/v2/usergroup/{id}"] = null,
        ["POST /api/v2/usergroup/{id}/addRoles"] = null,
        ["POST /api/v2/usergroup/{id}/removeRoles"] = "POST /api/v2/usergroup/{id}/addRoles",
        ["POST /api/v2/role"] = null,
        ["PUT /api/v2/role/{id}"] = null,
        ["DELETE /api/v2/role/{id}"] = null,
        ["POST /api/v2/role/{id}/addAssignees"] = null, // a group is one of them
        ["POST /api/v2/role/{id}/removeAssignees"] = "POST /api/v2/role/{id}/addAssignees",
        ["POST /api/v2/role/grant/{permission}"] = null,
        ["POST /api/v2/role/revoke/{permission}"] = "POST /api/v2/role/grant/{permission}",
        ["POST /api/v2/customer/preferences"] = null,
        ["POST /teams"] = null,
        ["PUT /teams/{identifier}"] = null,
        ["PATCH /teams/{identifier}"] = null,
        ["DELETE /teams/{identifier}"] = null,
        ["PUT /account"] = null,
        ["PATCH /account"] = null,
        [$"POST {Organization}/suspend"] = null,
        [$"POST {Organization}/resume"] = $"POST {Organization}/suspend",
        [$"PATCH {Organization}/settings"] = null,
        [$"POST {Organization}/groups"] = null,
        [$"PATCH {Organization}/groups/{{group}}"] = null,
        [$"DELETE {Organization}/groups/{{group}}"] = null,
        [$"POST {Organization}/roles"] = null,
        [$"PATCH {Organization}/roles/{{role}}"] = null,
        [$"DELETE {Organization}/roles/{{role}}"] = null,
    };

    // The same of these if the holder of the level is a group: its row says whether it has levels.
    private static readonly Dictionary<string, string?> ChangingByGroups = new()
    {
        [$"PUT {Organization}/resources/{{resource}}/access/{{holder}}"] = null,
        [$"DELETE {Organization}/resources/{{resource}}/access/{{holder}}"] =
            $"PUT {Organization}/resources/{{resource}}/access/{{holder}}",
    };

    // What changes no definitions, and what has to be called first for it to be accepted.
    private static readonly Dictionary<string, string?> Keeping = new()
    {
        ["POST /v1/users"] = null,
        ["POST /v1/users/sso"] = "", // needs an identity provider
        ["PATCH /v1/users/{id}"] = null,
        ["DELETE /v1/users/{id}"] = null,
        ["POST /v1/accounts"] = null,
        ["POST /api/v2/user/invite"] = null,
        ["POST /api/v2/user"] = null,
        ["PUT /api/v2/user/{id}"] = null,
        ["DELETE /api/v2/user/{id}"] = null,
        ["POST /api/v2/user/deleteUsers"] = null,
        ["POST /api/v2/user/validateUsers"] = null,
        ["POST /api/v2/user/{id}/addUserGroups"] = null,
        ["POST /api/v2/user/{id}/removeUserGroups"] = null,
        ["POST /api/v2/user/{id}/grant"] = null,
        ["POST /api/v2/user/{id}/revoke"] = null,
        ["POST /api/v2/user/grant/{permission}"] = null,
        ["POST /api/v2/user/revoke/{permission}"] = null,
        ["DELETE /api/v2/account/{id}"] = null,
        ["POST /api/v2/account/deleteAccounts"] = null,
        ["POST /api/v2/account/validateAccounts"] = null,
        ["POST /api/v2/account/{id}/grant/{permission}"] = null,
        ["POST /api/v2/account/{id}/revoke/{permission}"] = null,
        ["POST /api/v2/account/grant/{permission}"] = null,
        ["POST /api/v2/account/revoke/{permission}"] = null,
        ["POST /api/v2/account/{id}/addUserGroups"] = null,
        ["POST /api/v2/account/{id}/removeUserGroups"] = null,
        ["POST /api/v2/account/{id}/addRoles"] = null,
        ["POST /api/v2/account/{id}/removeRoles"] = null,
        ["POST /api/v2/account/user"] = null,
        ["PUT /api/v2/account/user/{id}"] = null,
        ["POST /api/v2/account/user/invite"] = null,
        ["POST /api/v2/account/serviceaccount"] = null,
        ["PUT /api/v2/account/serviceaccount/{id}"] = null,
        ["POST /api/v2/account/serviceaccount/{id}/activate"] = null,
        ["POST /api/v2/account/serviceaccount/{id}/deactivate"] = null,
        ["POST /api/v2/apitoken"] = null,
        ["PUT /api/v2/apitoken/{id}"] = null,
        ["DELETE /api/v2/apitoken/{id}"] = null,
        ["POST /api/v2/apitoken/serviceaccount/{id}"] = null,
        ["PUT /api/v2/apitoken/serviceaccount/{id}/{token}"] = null,
        ["DELETE /api/v2/apitoken/serviceaccount/{id}/{token}"] = null,
        ["POST /api/v2/usergroup/{id}/addUsers"] = null,
        ["POST /api/v2/usergroup/{id}/removeUsers"] = null,
        ["POST /api/v2/search/user"] = null,
        ["POST /api/v2/search/usergroup"] = null,
        ["POST /api/v2/search/role"] = null,
        ["POST /api/v2/search/account"] = null,
        ["POST /api/v2/search/serviceaccount"] = null,
        ["POST /users"] = null,
        ["POST /users/{identifier}/resend_invitation"] = null,
        ["PUT /users/{identifier}"] = null,
        ["PATCH /users/{identifier}"] = null,
        ["DELETE /users/{identifier}"] = null,
        ["POST /projects"] = null,
        ["PUT /profile"] = null,
        ["PATCH /profile"] = null,
        ["POST /security/api_keys"] = null,
        ["DELETE /security/api_keys/{identifier}"] = null,
        ["POST /usher/v1/organizations"] = null,
        [$"DELETE {Organization}"] = "", // refused unless it is suspended
        [$"POST {Organization}/invitations"] = null,
        [$"PATCH {Organization}/invitations/{{invitation}}"] = null,
        [$"POST {Organization}/invitations/{{invitation}}/resend"] = null,
        [$"POST {Organization}/invitations/{{invitation}}/endorse"] = null,
        [$"POST {Organization}/invitations/{{invitation}}/revoke"] = null,
        [$"POST {Organization}/invitations/{{invitation}}/link"] = null,
        [$"POST {Organization}/invitations/resend"] = null,
        [$"POST {Organization}/invitations/endorse"] = null,
        [$"POST {Organization}/invitations/revoke"] = null,
        [$"PATCH {Organization}/members/{{member}}"] = null,
        [$"DELETE {Organization}/members/{{member}}"] = null,
        [$"POST {Organization}/service-accounts"] = null,
        [$"PATCH {Organization}/service-accounts/{{account}}"] = null,
        [$"DELETE {Organization}/service-accounts/{{account}}"] = null,
        [$"POST {Organization}/groups/{{group}}/members"] = null,
        [$"POST {Organization}/roles/{{role}}/members"] = null,
        [$"POST {Organization}/resources"] = null,
        [$"PATCH {Organization}/resources/{{resource}}"] = null,
        [$"DELETE {Organization}/resources/{{resource}}"] = null,
        [$"POST {Organization}/api-keys"] = null,
        [$"PATCH {Organization}/api-keys/{{key}}"] = null,
        [$"DELETE {Organization}/api-keys/{{key}}"] = null,
        [$"POST {Organization}/access/check"] = null,
        [$"POST {Organization}/imports"] = null,
        [$"POST {Organization}/imports/{{job}}/cancel"] = "", // it is no import
        [$"POST {Organization}/jobs/{{job}}/cancel"] = null,
        ["POST /usher/v1/users/{user}/reset-link"] = "", // it is no user
    };

    private readonly TestOrganization org = world.Organization;

    private IEnumerable<ApiRoute> Writes => world.Routes.Where(r => !r.Reads && !RouteTableTests.IsForGuests(r));

    [Fact]
    public void Every_route_that_writes_is_in_one_of_the_lists_and_every_row_has_its_route()
    {
        string[] rows = [.. Changing.Keys, .. ChangingByGroups.Keys, .. Keeping.Keys];
        var names = Writes.Select(r => r.Name).ToHashSet();
        Assert.Empty(names.Except(rows));
        Assert.Empty(rows.Except(names));
        Assert.Equal(rows.Length, rows.Distinct().Count());
    }

    [Fact]
    public async Task Every_change_of_definitions_gives_another_stamp_and_nothing_else_does()
    {
        List<string> failures = [];
        foreach (var route in Writes)
        foreach (var template in RouteTableTests.Templates(route))
        {
            await world.RebuildIfChangedAsync();
            var changes = Changing.ContainsKey(route.Name)
                || (ChangingByGroups.ContainsKey(route.Name)
                    && template.Contains("{group.id}", StringComparison.Ordinal));
            var first = Changing.GetValueOrDefault(route.Name) ?? ChangingByGroups.GetValueOrDefault(route.Name)
                ?? Keeping.GetValueOrDefault(route.Name);
            if (first is { Length: > 0 })
            {
                var before = world.Routes.First(r => r.Name == first && r.Pattern.StartsWith(route.Pattern[..3], StringComparison.Ordinal));
                await SendAsync(before, template, failures);
            }

            var stamp = await StampAsync();
            if (first is "") await SendAsync(route, template, null);
            else await SendAsync(route, template, failures);
            if (await StampAsync() != stamp != changes)
                failures.Add($"{route} as {template}: {(changes ? "the same stamp" : "another stamp")}");
            if (route.Name.EndsWith("/suspend", StringComparison.Ordinal))
                await SendAsync(
                    world.Routes.Single(r => r.Name == $"POST {Organization}/resume"), template, failures);
        }

        Assert.True(failures is [], $"{failures.Count} failed.\n{string.Join('\n', failures)}");
    }

    // What guests do, what workers do, and what needs steps that no single request has.
    [Fact]
    public async Task Joining_declining_removing_importing_and_sweeping_keep_the_stamp()
    {
        var group = await org.GroupAsync(new("Stamped"));
        var role = await org.RoleAsync("Stamped");
        var doomed = await org.GroupAsync(new("Doomed"));
        var holder = await org.JoinedAsync(NewEmail("eve"), row => row with { Groups = [new("Doomed")] });
        await org.DeleteGroupAsync(org.System, doomed.Id);
        var stamp = await StampAsync();

        var joined = await org.JoinedAsync(
            NewEmail("ada"), row => row with { Groups = [new("Stamped")], Roles = [new("Stamped")] });
        var (_, declined) = await org.GuestAsync(NewEmail("bob"));
        Assert.Null((await org.App.DeclineAsync(declined)).Error);
        var (asking, asked) = await org.GuestAsync(NewEmail("cem"));
        Assert.Null((await org.App.AskForNewAsync(asked)).Error);
        Assert.Null((await org.RemoveAsync(org.System, asking.Id)).Error);
        Assert.Null((await org.App.SignInAsync(joined.Member.Identifier)).Error);
        await org.UpdateAsync(org.System, joined.Member.Id, new() { Suspended = true });
        await org.DoneAsync(await org.ImportAsync("email,groups", [$"{NewEmail("dan")},Stamped"]));
        while (await org.App.WithAsync<MemberGrantSweep, bool>(s => s.RunAsync(Ct))) continue;
        Assert.Null((await org.RemoveAsync(org.System, holder.Member.Id)).Error);
        Assert.Equal(stamp, await StampAsync());

        // What changes nothing is not written either.
        Assert.Null((await org.UpdateGroupAsync(org.System, group.Id, new() { Name = "Stamped" })).Error);
        Assert.Null((await org.UpdateRoleAsync(org.System, role.Id, new() { Name = "Stamped" })).Error);
        Assert.Null((await org.UpdateAsync(org.System, new() { Name = (await org.RowAsync()).Name })).Error);
        Assert.Equal(stamp, await StampAsync());
    }

    private Task<Guid> StampAsync() =>
        org.App.QueryAsync(db =>
            db.Organizations.Where(o => o.Id == org.Id).Select(o => o.DefinitionsStamp).SingleAsync(Ct));

    // Refusals are failures if there is a list for them.
    private async Task SendAsync(ApiRoute route, string template, List<string>? failures)
    {
        var isOperators = route.Name.EndsWith("/suspend", StringComparison.Ordinal)
            || route.Name.EndsWith("/resume", StringComparison.Ordinal)
            || route.Name is "POST /usher/v1/organizations" or "POST /usher/v1/users/{user}/reset-link";
        var path = route.Name == $"POST {Organization}/suspend" || route.Name == $"POST {Organization}/resume"
            ? route.Pattern
            : RouteTableTests.Templates(route).Contains(template) ? template : RouteTableTests.Templates(route).First();
        var (request, _) = RouteTableTests.RequestOf(
            route, isOperators ? OperatedApp.Key : org.Key, path, world.Ids);
        using var sending = request;
        using var answer = await world.Http.SendAsync(request, Ct);
        if (!answer.IsSuccessStatusCode)
            failures?.Add($"{route} as {path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Ct)}");
    }
}
