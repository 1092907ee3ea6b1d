using System.Text;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Dialects.Conformity;
using Usher.Server.Tests.Dialects.DeployHq;
using Usher.Server.Tests.Dialects.Wavefront;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;
using Usher.Server.Tests.RouteTable;
using Usher.Server.Tests.RouteTable.UsherApi;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Data;

/// <summary>
/// Every change of an organization's settings, groups and roles gives the organization another stamp, whichever
/// surface makes it, and nothing else does. The bodies are those of the route table. A route that writes and is in
/// none of the lists fails.
/// </summary>
public sealed partial class DefinitionsStampTests(OperatedApp operated) : IClassFixture<OperatedApp>
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
        ["PUT /api/v2/apitoken/{id}"] = "", // it is another member's key
        ["DELETE /api/v2/apitoken/{id}"] = "",
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
        ["DELETE /security/api_keys/{identifier}"] = "", // it is another member's key
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

    private static readonly SurfaceRoutes[] Surfaces = [
        new ConformityRoutes(), new WavefrontRoutes(), new DeployHqRoutes(), new UsherApiRoutes(),
    ];

    private readonly UsherApp app = operated.App;
    private TestOrganization org = null!;
    private Dictionary<string, string>? made;

    [Fact]
    public void Every_route_that_writes_is_in_one_of_the_lists_and_every_row_has_its_route()
    {
        string[] rows = [.. Changing.Keys, .. ChangingByGroups.Keys, .. Keeping.Keys];
        var names = Writes().Select(w => w.Route.Name).ToHashSet();
        Assert.Empty(names.Except(rows));
        Assert.Empty(rows.Except(names));
        Assert.Equal(rows.Length, rows.Distinct().Count());
    }

    [Fact]
    public async Task Every_change_of_definitions_gives_another_stamp_and_nothing_else_does()
    {
        List<string> failures = [];
        org = await app.CreateOrganizationAsync();
        foreach (var write in Writes())
        foreach (var template in write.Surface.Templates(write.Route))
        {
            if (await TryAsync(write, template) is { } failure)
                failures.Add($"{write.Route} as {template}: {failure}");
        }

        Assert.True(failures is [], $"{failures.Count} failed.\n{string.Join('\n', failures)}");
    }

    // What guests do, what workers do, and what needs steps that no single request has.
    [Fact]
    public async Task Joining_declining_removing_importing_and_sweeping_keep_the_stamp()
    {
        org = await app.CreateOrganizationAsync();
        var group = await org.GroupAsync(new("Stamped"));
        var role = await org.RoleAsync("Stamped");
        var doomed = await org.GroupAsync(new("Doomed"));
        var holder = await org.JoinedAsync(NewEmail("eve"), row => row with { Groups = [Reference.Named("Doomed")] });
        await org.DeleteGroupAsync(org.System, doomed.Id);
        var stamp = await StampAsync();

        var joined = await org.JoinedAsync(
            NewEmail("ada"),
            row => row with { Groups = [Reference.Named("Stamped")], Roles = [Reference.Named("Stamped")] });
        var (_, declined) = await org.GuestAsync(NewEmail("bob"));
        Assert.Null((await app.DeclineAsync(declined)).Error);
        var (resent, _) = await org.GuestAsync(NewEmail("cem"));
        Assert.Null((await org.ResendAsync(org.System, resent)).Error);
        Assert.Null((await org.RemoveAsync(org.System, resent.Id)).Error);
        Assert.Null((await app.SignInAsync(joined.Member.Identifier)).Error);
        Assert.Null((await org.UpdateAsync(org.System, joined.Member.Id, new() { Suspended = true })).Error);
        await org.DoneAsync(await org.ImportAsync("email,groups", [$"{NewEmail("dan")},Stamped"]));
        while (await app.WithAsync<MemberGrantSweep, bool>(s => s.RunAsync(Ct))) continue;
        Assert.Null((await org.RemoveAsync(org.System, holder.Member.Id)).Error);
        Assert.Equal(stamp, await StampAsync());

        // What changes nothing is not written either.
        Assert.Null((await org.UpdateGroupAsync(org.System, group.Id, new() { Name = "Stamped" })).Error);
        Assert.Null((await org.UpdateRoleAsync(org.System, role.Id, new() { Name = "Stamped" })).Error);
        Assert.Null((await org.UpdateAsync(org.System, new() { Name = (await org.RowAsync()).Name })).Error);
        Assert.Equal(stamp, await StampAsync());
    }

    // The routes that write and take a key.
    private List<Write> Writes() =>
    [
        .. from route in ApiRoute.Of(app)
           where !route.Reads
           let surface = Surfaces.Single(s => s.Surface == route.Surface)
           where surface.Rows.GetValueOrDefault(route.Name)?.Guest is null
           select new Write(surface, route),
    ];

    private async Task<string?> TryAsync(Write write, string template)
    {
        var name = write.Route.Name;
        var changes = Changing.ContainsKey(name)
            || (ChangingByGroups.ContainsKey(name) && template.Contains("{group.id}", StringComparison.Ordinal));
        var first = Changing.GetValueOrDefault(name) ?? ChangingByGroups.GetValueOrDefault(name)
            ?? Keeping.GetValueOrDefault(name);
        if (changes || UsesUp(name)) made = null;
        var ids = made ??= await MakeIdsAsync();
        if (changes || UsesUp(name)) made = null;
        if (first is { Length: > 0 } && await SendAsync(Writes().First(w => w.Route.Name == first), template, ids)
                is { } early)
            return $"{first}: {early}";

        var stamp = await StampAsync();
        var refused = await SendAsync(write, template, ids);
        var isOther = await StampAsync() != stamp;
        if (name == $"POST {Organization}/suspend")
            await SendAsync(Writes().Single(w => w.Route.Name == $"POST {Organization}/resume"), template, ids);
        if (isOther != changes) return isOther ? "another stamp" : "the same stamp";
        return first is "" ? null : refused;
    }

    // Whether it needs things that no earlier request has changed, and leaves none for later ones.
    private static bool UsesUp(string name) =>
        name.StartsWith("DELETE", StringComparison.Ordinal)
        || new[] { "/delete", "/revoke", "/cancel", "/endorse", "/resend", "{invitation}" }
               .Any(part => name.Contains(part, StringComparison.Ordinal));

    // Null, or how it was refused. A route that takes fewer ids is called with its own path.
    private async Task<string?> SendAsync(Write write, string template, Dictionary<string, string> ids)
    {
        var templates = write.Surface.Templates(write.Route).ToList();
        var path = templates.Contains(template) ? template : templates[0];
        var row = write.Surface.Rows[write.Route.Name];
        using var request = new HttpRequestMessage(new(write.Route.Method), Fill(path));
        request.Content = new StringContent(
            Fill(row.Body), Encoding.UTF8,
            row.Body is ['{' or '[', ..] ? "application/json" : "application/x-www-form-urlencoded");
        using var client = row.Entry == Entry.Operator ? OperatedApp.ClientOf(app) : org.ClientOf(org.Key);
        using var answer = await client.SendAsync(request, Ct);
        return answer.IsSuccessStatusCode
            ? null
            : $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Ct)}";

        string Fill(string text) => Name().Replace(text, found => found.Value switch
        {
            "{new}" => NewEmail("new"), "{name}" => $"n{Guid.NewGuid():N}",
            var id => ids.GetValueOrDefault(id, id),
        });
    }

    private Task<Guid> StampAsync() =>
        app.QueryAsync(db =>
            db.Organizations.Where(o => o.Id == org.Id).Select(o => o.DefinitionsStamp).SingleAsync(Ct));

    // Things to name in requests, in the forms that paths and bodies of the route table have them.
    private async Task<Dictionary<string, string>> MakeIdsAsync()
    {
        var name = $"n{Guid.NewGuid():N}";
        var (group, role) = (await org.GroupAsync(new(name)), await org.RoleAsync(name));
        var member = await org.InviteAsync(NewEmail("member"), row => row with
        {
            Groups = [Reference.To(group.Id)], Roles = [Reference.To(role.Id)],
        });
        var resource = (await app.WithAsync<ResourceService, Result<Resource>>(s =>
            s.CreateAsync(org.System, name, new Dictionary<string, string>(), Ct))).Value;
        var bot = (await org.ServiceAccountAsync(name)).Member;
        var key = (await org.CreateKeyAsync(org.System, bot.Id)).Value.Key;
        var job = (await org.TryStartAsync(JobKind.Resend, new() { GroupId = group.Id })).Value;
        return new()
        {
            ["{organization}"] = org.Slug, ["{number}"] = $"{member.Number}", ["{email}"] = member.Identifier,
            ["{member}"] = $"{member.Id}", ["{member.short}"] = ShortId.Of(member.Id), ["{bot}"] = bot.Identifier,
            ["{group}"] = $"{group.Id}", ["{role}"] = $"{role.Id}", ["{resource}"] = $"{resource.Id}",
            ["{resource.short}"] = ShortId.Of(resource.Id), ["{key}"] = $"{key.Id}",
            ["{member.id}"] = "mem_" + ShortId.Of(member.Id), ["{bot.id}"] = "mem_" + ShortId.Of(bot.Id),
            ["{invitation.id}"] = "inv_" + ShortId.Of(member.Invitations[0].Id),
            ["{group.id}"] = "grp_" + ShortId.Of(group.Id), ["{role.id}"] = "rol_" + ShortId.Of(role.Id),
            ["{resource.id}"] = "res_" + ShortId.Of(resource.Id), ["{key.id}"] = "key_" + ShortId.Of(key.Id),
            ["{job.id}"] = "job_" + ShortId.Of(job.Id), ["{user.id}"] = "usr_" + ShortId.Of(member.Id),
        };
    }

    [GeneratedRegex(@"\{[a-z.]+\}", RegexOptions.None, 1000)]
    private static partial Regex Name();

    private sealed record Write(SurfaceRoutes Surface, ApiRoute Route);
}
