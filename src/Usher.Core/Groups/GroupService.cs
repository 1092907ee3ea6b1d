using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;

namespace Usher.Core.Groups;

/// <summary>A group to create, with everything it grants to its members.</summary>
public sealed record NewGroup(string Name)
{
    public string Description { get; init; } = "";

    public bool IsAdmin { get; init; }

    public bool AllResources { get; init; }

    /// <summary>Whether invitations that name no groups add people to this one.</summary>
    public bool IsDefault { get; init; }

    public IReadOnlyList<string> Permissions { get; init; } = [];

    public IReadOnlyList<Reference> Roles { get; init; } = [];

    public IReadOnlyList<NewLevel> Levels { get; init; } = [];

    public IReadOnlyList<MemberKey> Members { get; init; } = [];
}

/// <summary>Creates, reads, changes and deletes groups.</summary>
public sealed class GroupService(UsherDb db, Database database, PermissionCatalogue catalogue, TimeProvider clock)
{
    /// <summary>Creates a group. The actor must hold everything that the group grants.</summary>
    public Task<Result<GroupView>> CreateAsync(Actor actor, NewGroup given, GroupOptions how, CancellationToken ct)
    {
        var change = new GroupChange
        {
            Name = given.Name, Description = given.Description, IsAdmin = given.IsAdmin,
            AllResources = given.AllResources, IsDefault = given.IsDefault,
            Permissions = SetChange.Add(given.Permissions), Roles = SetChange.Add(given.Roles), Levels = given.Levels,
            Members = SetChange.Add(given.Members),
        };
        return SaveAsync(actor, null, change, how, ct);
    }

    /// <summary>
    /// Changes a group. For every edit, even of the name, the actor must hold everything that the group grants before
    /// and after it. The same applies to adding and removing members.
    /// </summary>
    /// <returns>The changed group. Refused with <c>group_not_found</c>, <c>system_group</c>, <c>name_taken</c>,
    /// <c>more_than_you_hold</c> and others.</returns>
    public Task<Result<GroupView>> UpdateAsync(
        Actor actor, Guid groupId, GroupChange change, GroupOptions how, CancellationToken ct) =>
        SaveAsync(actor, groupId, change, how, ct);

    /// <summary>
    /// Deletes a group. Its members stay and lose what the group granted. The actor must hold everything that the group
    /// grants.
    /// </summary>
    /// <returns>The deleted group.</returns>
    public Task<Result<GroupView>> DeleteAsync(Actor actor, Guid groupId, GroupOptions how, CancellationToken ct) =>
        database.RunAsync<Result<GroupView>>(async unit =>
        {
            if (await AccessGraph.TrackAsync(unit, Query(actor, [groupId], how.Details), ct) is not { } graph)
                return GroupErrors.NotFound;
            var today = graph.Today(actor);
            if (!graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
            if (graph.Group(groupId) is not { } group
                    || (!how.SystemGroups && group.SystemKind is not SystemGroup.None))
                return GroupErrors.NotFound;
            if (group.SystemKind is not SystemGroup.None) return GroupErrors.SystemGroup;
            if (Precondition.Refuses(how.IfMatch, group) is { } outdated) return outdated;
            if (!graph.Pass(GrantingRule.GroupEdit, today.CanGrant(graph.Of(group))))
                return CommonErrors.MoreThanYouHold;

            unit.Remove(group.Copy());
            unit.Add(DeletedGrant.Of(actor.OrganizationId, Grant.Group(group.Id)));
            unit.Add(UsherEvent.Record(
                EventTypes.GroupDeleted, actor, "group", group.Id, clock.Now(), new() { ["name"] = group.Name }));
            return new GroupView(group, graph, []);
        }, ct);

    /// <summary>
    /// Reads one group of the actor's organization. Needs <c>user_management</c> or <c>directory_read</c>, like every
    /// read of groups.
    /// </summary>
    public async Task<Result<GroupView>> GetAsync(Actor actor, Guid groupId, GroupOptions how, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return CommonErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(db, Query(actor, [groupId], how.Details), ct);
        return graph?.Group(groupId) is { } group && (how.SystemGroups || group.SystemKind is SystemGroup.None)
            ? new GroupView(group, graph, [])
            : GroupErrors.NotFound;
    }

    /// <summary>A page of the groups of the actor's organization, oldest first.</summary>
    public async Task<Result<IReadOnlyList<GroupView>>> PageAsync(
        Actor actor, DefinitionRun run, GroupOptions how, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return CommonErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(db, Query(actor, [], how.Details) with { GroupRun = run }, ct);
        return graph is null
            ? GroupErrors.NotFound
            : graph.RunOfGroups.Select(g => new GroupView(g, graph, [])).ToList();
    }

    /// <summary>All groups of the actor's organization, in no particular order.</summary>
    /// <param name="actor">The actor that reads.</param>
    /// <param name="how">How the surface treats groups.</param>
    /// <param name="ct">Cancels the read.</param>
    /// <param name="holders">Conditions to check for the members of each group; see
    /// <see cref="AccessGraph.HasHolder"/>.</param>
    public async Task<Result<IReadOnlyList<GroupView>>> ListAsync(
        Actor actor, GroupOptions how, CancellationToken ct, IReadOnlyList<MemberCondition>? holders = null)
    {
        if (!actor.MayReadDirectory) return CommonErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(
            db, Query(actor, [], how.Details) with { AllDefinitions = true, Holders = holders ?? [] }, ct);
        if (graph is null) return GroupErrors.NotFound;
        return graph.Groups.Where(g => how.SystemGroups || g.SystemKind is SystemGroup.None)
            .Select(g => new GroupView(g, graph, [])).ToList();
    }

    /// <summary>
    /// Streams the members of some groups, ordered by group id and member id. Memory use does not depend on their
    /// number.
    /// </summary>
    public IAsyncEnumerable<GroupMembership> StreamMembersAsync(Actor actor, IReadOnlyCollection<Guid> groupIds) => (
        from held in db.MemberGrants.AsNoTracking()
        join member in db.Members.AsNoTracking() on new
        {
            held.OrganizationId, Id = held.MemberId,
        } equals new { member.OrganizationId, member.Id }
        where held.OrganizationId == actor.OrganizationId && held.Kind == GrantKind.Group
            && groupIds.Select(id => Grant.Group(id).Target).Contains(held.Target)
        orderby held.Target, held.MemberId
        select new GroupMembership(Guid.ParseExact(held.Target, "N"), member)).AsAsyncEnumerable();

    /// <summary>Lists all faults in a change that do not depend on the group.</summary>
    public IEnumerable<Error> Faults(GroupChange change)
    {
        if (change.Name is { } name && !Text.IsFilledName(name)) yield return CommonErrors.NameInvalid;
        if (change.Description is { } description && !Text.IsDescription(description))
            yield return CommonErrors.DescriptionInvalid;
        foreach (var fault in catalogue.Faults(change.Permissions?.Named ?? [])) yield return fault;
        if (change.Members?.Named.Count() > MemberService.MaxKeys) yield return CommonErrors.TooManyEntries;
    }

    private Task<Result<GroupView>> SaveAsync(
        Actor actor, Guid? groupId, GroupChange change, GroupOptions how, CancellationToken ct) =>
        database.RunAsync<Result<GroupView>>(async unit =>
        {
            if (Error.Of(Faults(change)) is { } fault) return fault;

            // The current members are read only if the change replaces them.
            var present = groupId is { } known && change.Members is { How: SetChangeKind.Exactly }
                ? await MembersOfAsync(actor, known, ct) : [];
            var query = Query(actor, groupId is { } id ? [id] : [], how.Details, [.. change.Members?.Named ?? []]);
            query = ReferenceReader.With(query with
            {
                MemberIds = [.. query.MemberIds, .. present],
            }, [], change.Roles?.Named ?? []);
            query = ReferenceReader.With(query, change.Levels);
            if (await AccessGraph.TrackAsync(unit, query, ct) is not { } graph) return GroupErrors.NotFound;
            var today = graph.Today(actor);
            if (!graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
            var now = clock.Now();
            var group = groupId is { } of ? graph.Edit(of) : New(actor, Text.Name(change.Name!), now);
            if (group is null || (!how.SystemGroups && group.SystemKind is not SystemGroup.None))
                return GroupErrors.NotFound;
            if (Precondition.Refuses(how.IfMatch, group) is { } outdated) return outdated;
            var wish = how.AllResourcesReplaceLevels && change.AllResources is true && !group.AllResources
                ? change with { ReplaceLevels = true }
                : change;

            var renamed = change.Name is { } wanted && Text.Name(wanted) != group.Name;
            if (group.SystemKind is not SystemGroup.None && (renamed || change.Members is not null))
                return GroupErrors.SystemGroup;

            var named = new ReferenceReader(graph, UnknownReferences.Refuse);
            var levels = named.Levels(change.Levels);
            var roles = change.Roles?.As(named.Roles(change.Roles.Elements)).Against([.. graph.RolesOf(group.Roles)])
                ?? ([], []);
            if (named.Refused is { } unknown) return unknown;
            var members = MemberService.Select(graph, [.. change.Members?.Named ?? []], []);
            if (members.Unknown.Count > 0 && (how.UnknownMembers is UnknownReferences.Refuse || members.Members is []))
                return how.UnknownMembers is UnknownReferences.Refuse
                    ? GroupErrors.MembersUnknown
                    : MemberErrors.NotFound;
            var places = change.Members?.Map(keys => MemberService.Select(graph, keys, []).Members)
                .Against([.. graph.Members.Where(m => m.Groups.Contains(group.Id))])
                ?? ([], []);

            // The rule covers every edit, even of the name, because people choose groups by name. A change without
            // effect needs no rights.
            var before = graph.Of(group);
            List<MemberPlan> moves = [];
            foreach (var (moved, kind) in places.Added.Select(m => (m, SetChangeKind.Add))
                    .Concat(places.Removed.Select(m => (m, SetChangeKind.Remove))))
            {
                if (!MemberPlan.Make(graph, today, moved, Wanted.Of(new SetChange<Group>([group], kind)))
                        .TryGet(out var move, out var refused))
                    return refused;
                moves.Add(move);
            }

            if (groupId is not null) db.Attach(group);
            var had = graph.LevelsOf(group).ToList();
            var kept = had.ToList();
            db.AttachRange(had);
            var details = Apply(group, kept, wish, roles, levels, actor, now);
            graph.Add(group, kept);
            var mayEdit = details.Count is 0
                || graph.Pass(GrantingRule.GroupEdit, today.CanGrant(before) && today.CanGrant(graph.Of(group)));
            if (!mayEdit || ((renamed || groupId is null) && await IsTakenAsync(group, ct)))
            {
                unit.Discard();
                return mayEdit ? CommonErrors.NameTaken : CommonErrors.MoreThanYouHold;
            }

            if (groupId is null) unit.Add(group);
            // A change of levels alone also changes the group's version.
            else if (details.Count > 0) db.Entry(group).Property(g => g.HasLevels).IsModified = true;
            unit.AddRange(kept.Except(had));
            unit.RemoveRange(had.Except(kept));
            if (groupId is null || details.Count > 0)
                unit.Add(UsherEvent.Record(
                    groupId is null ? EventTypes.GroupCreated : EventTypes.GroupUpdated, actor, "group", group.Id, now,
                    new(details) { ["name"] = group.Name }));
            foreach (var move in moves)
                unit.Add(UsherEvent.Record(
                    EventTypes.MemberUpdated, actor, "member", move.Member.Id, now, move.Apply(graph, actor, now)));
            return new GroupView(group, graph, members.Unknown);
        }, ct);

    private Task<List<Guid>> MembersOfAsync(Actor actor, Guid groupId, CancellationToken ct)
    {
        var grant = Grant.Group(groupId);
        return db.MemberGrants.Where(g =>
            g.OrganizationId == actor.OrganizationId && g.Kind == grant.Kind && g.Target == grant.Target)
            .Select(g => g.MemberId).ToListAsync(ct);
    }

    private Task<bool> IsTakenAsync(Group group, CancellationToken ct) =>
        db.Groups.AnyAsync(
            g => g.OrganizationId == group.OrganizationId && g.NameKey == group.NameKey && g.Id != group.Id, ct);

    private static AccessQuery Query(
        Actor actor, IReadOnlyList<Guid> groupIds, MemberDetails details, IReadOnlyList<MemberKey>? members = null) =>
        MemberService.Query(actor.OrganizationId, members ?? [], details).With(actor) with { GroupIds = groupIds };

    private static Group New(Actor actor, string name, DateTimeOffset now) =>
        new()
        {
            OrganizationId = actor.OrganizationId, Id = Uuid.Create(now), Name = name, NameKey = Text.Key(name),
            CreatedAt = now,
        };

    private static Dictionary<string, string> Apply(
        Group group, List<ResourceAccess> kept, GroupChange change,
        (IReadOnlyList<Role> Added, IReadOnlyList<Role> Removed) roles,
        IReadOnlyList<(Guid Resource, Reach Reach)> levels, Actor actor, DateTimeOffset now)
    {
        Dictionary<string, string> details = [];
        if (change.Name is { } name && Text.Name(name) != group.Name)
        {
            details["renamed_from"] = group.Name;
            (group.Name, group.NameKey) = (Text.Name(name), Text.Key(name));
        }

        if (change.Description is { } description && description != group.Description)
            details["description"] = group.Description = description;
        if (change.IsAdmin is { } admin && admin != group.IsAdmin)
        {
            (group.IsAdmin, group.IsAdminGrantedBy, group.IsAdminGrantedAt) = (admin, actor.Id, admin ? now : null);
            details["is_admin"] = admin ? "given" : "taken";
        }

        if (change.AllResources is { } all && all != group.AllResources)
        {
            (group.AllResources, group.AllResourcesGrantedBy, group.AllResourcesGrantedAt) =
                (all, actor.Id, all ? now : null);
            details["all_resources"] = all ? "given" : "taken";
        }

        if (change.IsDefault is { } isDefault && isDefault != group.IsDefault)
            details["is_default"] = (group.IsDefault = isDefault) ? "yes" : "no";
        var permissions = change.Permissions?.Against(group.Permissions) ?? ([], []);
        foreach (var permission in permissions.Added) group.Give(Grant.Permission(permission), actor, now);
        foreach (var permission in permissions.Removed) group.Take(Grant.Permission(permission));
        Tell("permissions", permissions.Added, permissions.Removed);
        foreach (var role in roles.Added) group.Give(Grant.Role(role.Id), actor, now);
        foreach (var role in roles.Removed) group.Take(Grant.Role(role.Id));
        Tell("roles", roles.Added.Select(r => r.Name), roles.Removed.Select(r => r.Name));

        foreach (var (resource, reach) in levels)
        {
            if (kept.Find(l => l.ResourceId == resource) is not { } row)
                kept.Add(
                    row = new()
                    {
                        OrganizationId = group.OrganizationId, Id = Uuid.Create(now), ResourceId = resource,
                        GroupId = group.Id,
                    });
            else if (row.Reach == reach) continue;
            row.Set(reach, actor, now);
            details[$"level {resource}"] = string.Join('+', [SnakeCaseName.Of(reach.Level), .. reach.Capabilities]);
        }

        if (change.ReplaceLevels
                && kept.RemoveAll(l => !levels.Any(n => n.Resource == l.ResourceId)) is > 0 and var gone)
            details["levels_removed"] = $"{gone}";
        group.HasLevels = kept.Count > 0;
        return details;

        void Tell(string what, IEnumerable<string> added, IEnumerable<string> removed)
        {
            if (string.Join(", ", added) is { Length: > 0 } more) details[$"{what}_added"] = more;
            if (string.Join(", ", removed) is { Length: > 0 } less) details[$"{what}_removed"] = less;
        }
    }
}
