using System.Runtime.CompilerServices;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>Teams: the organization's groups without the system groups.</summary>
internal static class DeployHqTeams
{
    private static readonly GroupOptions Options = new(
        SystemGroups: false, Details: MemberDetails.Reached, AllResourcesReplaceLevels: true);

    public static void MapDeployHqTeams(this RouteGroupBuilder teams)
    {
        teams.MapGet("", ListAsync);
        teams.MapPost("", CreateAsync);
        teams.MapGet("/{identifier}", GetAsync);
        teams.MapMethods("/{identifier}", DeployHqDialect.Update, UpdateAsync);
        teams.MapDelete("/{identifier}", DeleteAsync);
    }

    private static async Task<IResult> ListAsync(Caller caller, GroupService groups, CancellationToken ct) =>
        (await groups.ListAsync(caller.Actor, Options, ct)).ToHttp(all => TypedResults.Json(
            DocumentsAsync(caller, groups, [.. all.OrderBy(t => t.Group.Id)], ct),
            DeployHqJson.Default.IAsyncEnumerableTeamDocument));

    private static async Task<IResult> GetAsync(
        string identifier, Caller caller, GroupService groups, CancellationToken ct) =>
        DeployHqDialect.Identifier(identifier) is { } id
        ? Shown(await groups.GetAsync(caller.Actor, id, Options, ct), caller, groups)
        : new ErrorResult(GroupErrors.NotFound);

    private static async Task<IResult> CreateAsync(
        HttpRequest request, Caller caller, GroupService groups, CancellationToken ct)
    {
        if (!(await ReadAsync(request, isNew: true, ct)).TryGet(out var read, out var refused))
            return new ErrorResult(refused);
        if (read.Faults.Count > 0) return new ErrorResult(read.Faults);
        var change = read.Change;
        var team = new NewGroup(change.Name!)
        {
            IsAdmin = change.IsAdmin is true, AllResources = change.AllResources is true,
            Permissions = change.Permissions?.Elements ?? [], Levels = change.Levels,
            Members = change.Members?.Elements ?? [],
        };
        return Shown(
            await groups.CreateAsync(caller.Actor, team, Options, ct), caller, groups, StatusCodes.Status201Created);
    }

    private static async Task<IResult> UpdateAsync(
        string identifier, HttpRequest request, Caller caller, GroupService groups, CancellationToken ct)
    {
        if (!(await ReadAsync(request, isNew: false, ct)).TryGet(out var read, out var refused))
            return new ErrorResult(refused);
        if (DeployHqDialect.Identifier(identifier) is not { } id) return new ErrorResult(GroupErrors.NotFound);
        if (read.Faults.Count > 0) return new ErrorResult(read.Faults);
        return Shown(await groups.UpdateAsync(caller.Actor, id, read.Change, Options, ct), caller, groups);
    }

    private static async Task<IResult> DeleteAsync(
        string identifier, Caller caller, GroupService groups, CancellationToken ct) =>
        DeployHqDialect.Identifier(identifier) is { } id
        // The status is "deleted", while that of a deleted user is "ok".
        ? (await groups.DeleteAsync(caller.Actor, id, Options, ct)).ToHttp(_ => DeployHqDialect.Status("deleted"))
        : new ErrorResult(GroupErrors.NotFound);

    private sealed record Read(GroupChange Change, IReadOnlyList<Error> Faults);

    private static async Task<Result<Read>> ReadAsync(HttpRequest request, bool isNew, CancellationToken ct)
    {
        if (!(await DeployHqForm.ReadAsync(request, "team", ct)).TryGet(out var form, out var refused)) return refused;
        var change = new GroupChange
        {
            Name = form.Filled("name", required: isNew), IsAdmin = form.Flag("is_admin"),
            Permissions = form.Permissions(), AllResources = form.Flag("all_projects_allowed"),
            Members = form.Numbers("user_ids") is { } numbers ? SetChange.To(numbers) : null,
        };
        if (form.Assignments(inside: true) is { } assignments)
            change = change with { Levels = assignments, ReplaceLevels = true };
        return new Read(change, form.Faults);
    }

    // The members are read while the answer is written, after the change.
    private static IResult Shown(
        Result<GroupView> team, Caller caller, GroupService groups, int status = StatusCodes.Status200OK) =>
        team.ToHttp(view => TypedResults.Json(
        TeamDocument.From(
            view,
            groups.StreamMembersAsync(caller.Actor, [view.Group.Id])
                .Select(place => TeamMemberDocument.From(place.Member))),
        DeployHqJson.Default.TeamDocument, statusCode: status));

    // Teams and their members are both ordered by the team's id, so that one stream serves all teams: each team takes
    // its part of the stream while it is written.
    private static async IAsyncEnumerable<TeamDocument> DocumentsAsync(
        Caller caller, GroupService groups, IReadOnlyList<GroupView> teams,
        [EnumeratorCancellation] CancellationToken ct)
    {
        await using var places = groups.StreamMembersAsync(caller.Actor, [.. teams.Select(t => t.Group.Id)])
            .GetAsyncEnumerator(ct);
        var there = await places.MoveNextAsync();
        foreach (var team in teams) yield return TeamDocument.From(team, TakeAsync(team.Group.Id));

        async IAsyncEnumerable<TeamMemberDocument> TakeAsync(Guid team)
        {
            for (; there && places.Current.GroupId == team; there = await places.MoveNextAsync())
                yield return TeamMemberDocument.From(places.Current.Member);
        }
    }
}
