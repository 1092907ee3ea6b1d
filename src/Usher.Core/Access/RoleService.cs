using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Access;

/// <summary>Why making or changing a role can be refused, besides <see cref="GroupErrors"/> about its name.</summary>
public static class RoleErrors
{
    public static readonly Error NotFound = new(ErrorKind.NotFound, "role_not_found", "There is no such role.");
    public static readonly Error HolderUnknown = new(
        ErrorKind.NotFound, "role_holder_not_found", "A named member or group does not exist in this organization.");
}

/// <summary>What to change about roles. What is null stays as it is.</summary>
public sealed record RoleChange
{
    /// <summary>1 to 120 characters, unique in the organization, letter case aside. For one role alone.</summary>
    public string? Name { get; init; }

    /// <summary>0 to 1,000 characters.</summary>
    public string? Description { get; init; }

    public SetChange<string>? Permissions { get; init; }

    /// <summary>Who holds it directly: some more or some less, at most 1,000 at a time.</summary>
    public SetChange<MemberKey>? Members { get; init; }

    /// <summary>Whose members hold it: some more or some less.</summary>
    public SetChange<Guid>? Groups { get; init; }
}

/// <summary>The roles a call named: each once, in its order.</summary>
/// <param name="Roles">Those there are.</param>
/// <param name="Unknown">Ids of none.</param>
/// <param name="Graph">To show them by.</param>
public sealed record RoleSelection(IReadOnlyList<Role> Roles, IReadOnlyList<Guid> Unknown, AccessGraph Graph);

/// <summary>An organization's own roles.</summary>
public sealed class RoleService(UsherDb db, PermissionCatalogue catalogue, TimeProvider clock)
{
    /// <summary>Makes a role. Its maker must hold every permission in it.</summary>
    public Task<Result<Role>> CreateAsync(
        Actor actor, string name, string description, IReadOnlyList<string> permissions, CancellationToken ct) =>
        db.RunAsync<Result<Role>>(async () =>
        {
            if (Error.Of(Faults(name, description, permissions)) is { } fault) return fault;
            if (await AccessGraph.ReadAsync(db, Query(actor, [], MemberDetails.None), ct) is not { } graph)
                return MemberErrors.NotFound;
            var today = graph.Today(actor);
            if (!graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
            var conferred = new EffectiveAccess.Builder().Add(permissions).Build();
            if (!graph.Pass(GrantingRule.RoleEdit, today.CanGrant(conferred))) return InvitationErrors.MoreThanYouHold;
            if (await IsTakenAsync(actor, name, null, ct)) return GroupErrors.NameTaken;

            var now = clock.Now();
            var role = new Role
            {
                OrganizationId = actor.OrganizationId, Id = Uuid.Create(now), Name = Text.Name(name),
                NameKey = Text.Key(name), Description = description,
                CreatedAt = now, UpdatedAt = now, UpdatedBy = NameOf(actor, graph),
            };
            role.Give(permissions.Distinct(), actor, now);
            db.Add(role);
            db.Add(UsherEvent.Record(
                EventTypes.RoleCreated, actor, "role", role.Id, now,
                new() { ["name"] = role.Name, ["permissions"] = string.Join(' ', permissions) }));
            await db.SaveChangesAsync(ct);
            return role;
        }, ct);

    /// <summary>
    /// Changes one role, or several in the same way: all that are known, or, when one is refused, none. Any edit, the
    /// name included, needs everything that the role confers before and after; so does handing it out or taking it
    /// back. Giving it to a group, or taking it from one, is an edit of that group.
    /// </summary>
    /// <returns>The roles as they are then. Refused with <c>role_not_found</c> when none is known, with
    /// <c>role_holder_not_found</c> when one to hold it is not.</returns>
    public Task<Result<RoleSelection>> UpdateAsync(
        Actor actor, IReadOnlyList<Guid> roleIds, RoleChange change, MemberDetails details, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        db.RunAsync<Result<RoleSelection>>(async () =>
    {
        if (roleIds.Count > MemberService.MaxKeys || change.Members?.Named.Count() > MemberService.MaxKeys
                || change.Groups?.Elements.Count > MemberService.MaxKeys)
            return MemberErrors.TooMany;
        if (Error.Of(Faults(change.Name, change.Description, change.Permissions?.Named ?? [])) is { } fault)
            return fault;
        var query = Query(
            actor, roleIds, details,
            [.. change.Members?.Named ?? []]) with { GroupIds = change.Groups?.Elements ?? [] };
        if (await AccessGraph.TrackAsync(db, query, ct) is not { } graph) return MemberErrors.NotFound;
        var today = graph.Today(actor);
        if (!graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
        var selection = Select(graph, roleIds);
        if (selection.Roles is []) return RoleErrors.NotFound;
        if (selection.Roles.Select(r => Precondition.Refuses(ifMatch, r))
                .FirstOrDefault(e => e is not null) is { } outdated)
            return outdated;
        var holders = MemberService.Select(graph, [.. change.Members?.Named ?? []], []);
        if (holders.Unknown.Count > 0 || change.Groups?.Elements.Any(g => graph.Group(g) is null) is true)
            return RoleErrors.HolderUnknown;
        List<MemberPlan> hands = [];
        foreach (var role in selection.Roles)
        {
            if (!MayEdit(role)) return InvitationErrors.MoreThanYouHold;
            var less = MemberService.Select(graph, change.Members?.Less ?? [], []).Members;
            foreach (var member in holders.Members)
            {
                if (!MemberPlan.Make(
                        graph, today, member,
                        Wanted.Of(new SetChange<Role>(
                            [role],
                            less.Contains(member)
                                ? SetChangeKind.Remove
                                : change.Members!.How))).TryGet(out var hand, out var refused))
                    return refused;
                hands.Add(hand);
            }

            if (change.Name is { } name && Text.Name(name) != role.Name && await IsTakenAsync(actor, name, role.Id, ct))
                return GroupErrors.NameTaken;
        }

        var now = clock.Now();
        List<Role> edited = [];
        Dictionary<Guid, Group> handed = [];
        foreach (var shared in selection.Roles)
        {
            var role = graph.EditRole(shared.Id)!;
            edited.Add(role);
            db.Attach(role);
            var told = Apply(role, change, actor, now);
            if (told.Count > 0)
            {
                (role.UpdatedAt, role.UpdatedBy) = (now, NameOf(actor, graph));
                db.Add(UsherEvent.Record(
                    EventTypes.RoleUpdated, actor, "role", role.Id, now, new(told) { ["name"] = role.Name }));
            }

            foreach (var id in change.Groups?.Elements.Distinct() ?? []) HandTo(id, role);
        }

        foreach (var hand in hands)
            if (hand.Apply(graph, actor, now) is { Count: > 0 } moved)
                db.Add(UsherEvent.Record(EventTypes.MemberUpdated, actor, "member", hand.Member.Id, now, moved));
        await db.SaveChangesAsync(ct);
        return selection with { Roles = edited };

        // What is there already, or gone already, is no edit.
        bool MayEdit(Role role)
        {
            var (added, removed) = change.Permissions?.Against(role.Permissions) ?? ([], []);
            var isEdited = added.Count + removed.Count > 0 || (change.Name is { } name && Text.Name(name) != role.Name)
                || (change.Description is { } description && description != role.Description);
            if ((isEdited || (change.Members ?? (object?)change.Groups) is not null)
                && !graph.Pass(
                       GrantingRule.RoleEdit,
                       today.CanGrant(
                           new EffectiveAccess.Builder().Add(role.Permissions).Add(added).Build()))) return false;
            return (change.Groups?.Elements.Distinct() ?? []).Select(g => graph.Group(g)!)
                .Where(g => g.Roles.Contains(role.Id) == change.Groups!.How is SetChangeKind.Remove)
                .All(g => graph.Pass(GrantingRule.GroupEdit, today.CanGrant(graph.Of(g))));
        }

        void HandTo(Guid groupId, Role role)
        {
            var gives = change.Groups!.How is not SetChangeKind.Remove;
            if (graph.Group(groupId)!.Roles.Contains(role.Id) == gives) return;
            // Of several roles for one group, the first makes the copy.
            if (!handed.TryGetValue(groupId, out var group)) db.Attach(handed[groupId] = group = graph.Edit(groupId)!);
            if (gives) group.Give(Grant.Role(role.Id), actor, now);
            else group.Take(Grant.Role(role.Id));
            db.Add(UsherEvent.Record(
                EventTypes.GroupUpdated, actor, "group", group.Id, now,
                new() { ["name"] = group.Name, [gives ? "roles_added" : "roles_removed"] = role.Name }));
        }
    }, ct);

    /// <summary>Deletes a role, and so takes it from all who hold it. The actor must hold all that it gives.</summary>
    /// <returns>The role as it was.</returns>
    public Task<Result<RoleSelection>> DeleteAsync(
        Actor actor, Guid roleId, MemberDetails details, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        db.RunAsync<Result<RoleSelection>>(async () =>
    {
        if (await AccessGraph.TrackAsync(db, Query(actor, [roleId], details), ct) is not { } graph)
            return RoleErrors.NotFound;
        var today = graph.Today(actor);
        if (!graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
        if (graph.Role(roleId) is not { } role) return RoleErrors.NotFound;
        if (Precondition.Refuses(ifMatch, role) is { } outdated) return outdated;
        if (!graph.Pass(GrantingRule.RoleEdit, today.CanGrant(AccessGraph.Of(role))))
            return InvitationErrors.MoreThanYouHold;
        db.Remove(role.Copy());
        db.Add(DeletedGrant.Of(actor.OrganizationId, Grant.Role(role.Id)));
        db.Add(UsherEvent.Record(
            EventTypes.RoleDeleted, actor, "role", role.Id, clock.Now(), new() { ["name"] = role.Name }));
        await db.SaveChangesAsync(ct);
        return new RoleSelection([role], [], graph);
    }, ct);

    /// <summary>
    /// One role of the actor's organization. Needs <c>user_management</c> or <c>directory_read</c>, as every read of
    /// roles does.
    /// </summary>
    public async Task<Result<RoleSelection>> GetAsync(
        Actor actor, Guid roleId, MemberDetails details, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return MemberErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(db, Query(actor, [roleId], details), ct);
        return graph?.Role(roleId) is { } role ? new RoleSelection([role], [], graph) : RoleErrors.NotFound;
    }

    /// <summary>A run of the roles of the actor's organization, oldest first.</summary>
    public async Task<Result<RoleSelection>> PageAsync(
        Actor actor, DefinitionRun run, MemberDetails details, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return MemberErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(db, Query(actor, [], details) with { RoleRun = run }, ct);
        return graph is null ? RoleErrors.NotFound : new RoleSelection([.. graph.RunOfRoles], [], graph);
    }

    /// <summary>All roles of the actor's organization, by name.</summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="details">What the answer shows besides the roles.</param>
    /// <param name="ct">Cancels.</param>
    /// <param name="holders">What to ask of those who hold them directly; see
    /// <see cref="AccessGraph.HasHolder"/>.</param>
    public async Task<Result<RoleSelection>> ListAsync(
        Actor actor, MemberDetails details, CancellationToken ct, IReadOnlyList<MemberCondition>? holders = null)
    {
        if (!actor.MayReadDirectory) return MemberErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(
            db, Query(actor, [], details) with { AllDefinitions = true, Holders = holders ?? [] }, ct);
        return graph is null
            ? RoleErrors.NotFound
            : new RoleSelection([.. graph.Roles.OrderBy(r => r.NameKey, Text.KeyOrder)], [], graph);
    }

    private static AccessQuery Query(
        Actor actor, IReadOnlyList<Guid> roleIds, MemberDetails details, IReadOnlyList<MemberKey>? members = null) =>
        MemberService.Query(actor.OrganizationId, members ?? [], details).With(actor) with { RoleIds = roleIds };

    private static RoleSelection Select(AccessGraph graph, IReadOnlyList<Guid> roleIds)
    {
        var found = roleIds.Distinct().ToLookup(id => graph.Role(id) is not null);
        return new([.. found[true].Select(id => graph.Role(id)!)], [.. found[false]], graph);
    }

    /// <summary>Everything that is wrong with a role's own values.</summary>
    public IEnumerable<Error> Faults(string? name, string? description, IEnumerable<string> permissions)
    {
        if (name is not null && !Text.IsFilledName(name)) yield return GroupErrors.NameInvalid;
        if (description is not null && !Text.IsDescription(description)) yield return GroupErrors.DescriptionInvalid;
        foreach (var fault in catalogue.Faults(permissions)) yield return fault;
    }

    private Task<bool> IsTakenAsync(Actor actor, string name, Guid? by, CancellationToken ct)
    {
        var key = Text.Key(name);
        return db.Roles.AnyAsync(r => r.OrganizationId == actor.OrganizationId && r.NameKey == key && r.Id != by, ct);
    }

    private static string NameOf(Actor actor, AccessGraph graph) => graph.Member(actor.Id)?.Identifier ?? actor.Name;

    private static Dictionary<string, string> Apply(Role role, RoleChange change, Actor actor, DateTimeOffset now)
    {
        Dictionary<string, string> told = [];
        if (change.Name is { } name && Text.Name(name) != role.Name)
        {
            told["renamed_from"] = role.Name;
            (role.Name, role.NameKey) = (Text.Name(name), Text.Key(name));
        }

        if (change.Description is { } description && description != role.Description)
            told["description"] = role.Description = description;
        var (added, removed) = change.Permissions?.Against(role.Permissions) ?? ([], []);
        role.Give(added, actor, now);
        role.Take(removed);
        if (added.Count > 0) told["permissions_added"] = string.Join(' ', added);
        if (removed.Count > 0) told["permissions_removed"] = string.Join(' ', removed);
        return told;
    }
}
