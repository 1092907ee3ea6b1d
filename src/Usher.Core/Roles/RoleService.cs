using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Members;

namespace Usher.Core.Roles;

/// <summary>Manages the roles of an organization.</summary>
public sealed class RoleService(UsherDb db, Database database, PermissionCatalogue catalogue, TimeProvider clock)
{
    /// <summary>Creates a role. The actor must hold every permission in it.</summary>
    public Task<Result<Role>> CreateAsync(
        Actor actor, string name, string description, IReadOnlyList<string> permissions, CancellationToken ct) =>
        database.RunAsync<Result<Role>>(async unit =>
        {
            if (Error.Of(Faults(name, description, permissions)) is { } fault) return fault;
            if (await AccessGraph.ReadAsync(unit, Query(actor, [], MemberDetails.None), ct) is not { } graph)
                return MemberErrors.NotFound;
            var today = graph.Today(actor);
            if (!graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
            var conferred = new EffectiveAccess.Builder().Add(permissions).Build();
            if (!graph.Pass(GrantingRule.RoleEdit, today.CanGrant(conferred))) return CommonErrors.MoreThanYouHold;
            if (await IsTakenAsync(actor, name, null, ct)) return CommonErrors.NameTaken;

            var now = clock.Now();
            var role = new Role
            {
                OrganizationId = actor.OrganizationId, Id = Uuid.Create(now), Name = Text.Name(name),
                NameKey = Text.Key(name), Description = description,
                CreatedAt = now, UpdatedAt = now, UpdatedBy = NameOf(actor, graph),
            };
            role.Give(permissions.Distinct(), actor, now);
            unit.Add(role);
            unit.Add(UsherEvent.Record(
                EventTypes.RoleCreated, actor, "role", role.Id, now,
                new() { ["name"] = role.Name, ["permissions"] = string.Join(' ', permissions) }));
            return role;
        }, ct);

    /// <summary>
    /// Makes the same change to one or more roles. Either all existing roles change or, if one change is refused, none.
    /// The actor of any edit, including a rename, must hold everything that the role grants before and after. The same
    /// applies to granting or revoking the role. Granting the role to a group, or revoking it, is an edit of that
    /// group.
    /// </summary>
    /// <returns>The changed roles. Errors: <c>role_not_found</c> if none of the roles exists,
    /// <c>role_holder_not_found</c> if a member or group to change does not exist.</returns>
    public Task<Result<RoleSelection>> UpdateAsync(
        Actor actor, IReadOnlyList<Guid> roleIds, RoleChange change, MemberDetails details, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        database.RunAsync<Result<RoleSelection>>(async unit =>
        {
            if (roleIds.Count > MemberService.MaxKeys || change.Members?.Named.Count() > MemberService.MaxKeys
                    || change.Groups?.Elements.Count > MemberService.MaxKeys)
                return CommonErrors.TooManyEntries;
            if (Error.Of(Faults(change.Name, change.Description, change.Permissions?.Named ?? [])) is { } fault)
                return fault;
            var query = Query(
                actor, roleIds, details,
                [.. change.Members?.Named ?? []]) with { GroupIds = change.Groups?.Elements ?? [] };
            if (await AccessGraph.TrackAsync(unit, query, ct) is not { } graph) return MemberErrors.NotFound;
            var today = graph.Today(actor);
            if (!graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
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
                if (!MayEdit(role)) return CommonErrors.MoreThanYouHold;
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

                if (change.Name is { } name && Text.Name(name) != role.Name
                        && await IsTakenAsync(actor, name, role.Id, ct))
                    return CommonErrors.NameTaken;
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
                    unit.Add(UsherEvent.Record(
                        EventTypes.RoleUpdated, actor, "role", role.Id, now, new(told) { ["name"] = role.Name }));
                }

                foreach (var id in change.Groups?.Elements.Distinct() ?? []) HandTo(id, role);
            }

            foreach (var hand in hands)
                if (hand.Apply(graph, actor, now) is { Count: > 0 } moved)
                    unit.Add(UsherEvent.Record(EventTypes.MemberUpdated, actor, "member", hand.Member.Id, now, moved));
            return selection with { Roles = edited };

            // Adding what is already present, or removing what is absent, is not an edit.
            bool MayEdit(Role role)
            {
                var (added, removed) = change.Permissions?.Against(role.Permissions) ?? ([], []);
                var isEdited = added.Count + removed.Count > 0
                    || (change.Name is { } name && Text.Name(name) != role.Name)
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
                // If several roles change for one group, the group is copied only once.
                if (!handed.TryGetValue(groupId, out var group))
                    db.Attach(handed[groupId] = group = graph.Edit(groupId)!);
                if (gives) group.Give(Grant.Role(role.Id), actor, now);
                else group.Take(Grant.Role(role.Id));
                unit.Add(UsherEvent.Record(
                    EventTypes.GroupUpdated, actor, "group", group.Id, now,
                    new() { ["name"] = group.Name, [gives ? "roles_added" : "roles_removed"] = role.Name }));
            }
        }, ct);

    /// <summary>
    /// Deletes a role and thereby revokes it from all holders. The actor must hold everything that it grants.
    /// </summary>
    /// <returns>The deleted role.</returns>
    public Task<Result<RoleSelection>> DeleteAsync(
        Actor actor, Guid roleId, MemberDetails details, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        database.RunAsync<Result<RoleSelection>>(async unit =>
        {
            if (await AccessGraph.TrackAsync(unit, Query(actor, [roleId], details), ct) is not { } graph)
                return RoleErrors.NotFound;
            var today = graph.Today(actor);
            if (!graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
            if (graph.Role(roleId) is not { } role) return RoleErrors.NotFound;
            if (Precondition.Refuses(ifMatch, role) is { } outdated) return outdated;
            if (!graph.Pass(GrantingRule.RoleEdit, today.CanGrant(AccessGraph.Of(role))))
                return CommonErrors.MoreThanYouHold;
            unit.Remove(role.Copy());
            unit.Add(DeletedGrant.Of(actor.OrganizationId, Grant.Role(role.Id)));
            unit.Add(UsherEvent.Record(
                EventTypes.RoleDeleted, actor, "role", role.Id, clock.Now(), new() { ["name"] = role.Name }));
            return new RoleSelection([role], [], graph);
        }, ct);

    /// <summary>
    /// Reads one role of the actor's organization. Like every read of roles, it needs <c>user_management</c> or
    /// <c>directory_read</c>.
    /// </summary>
    public async Task<Result<RoleSelection>> GetAsync(
        Actor actor, Guid roleId, MemberDetails details, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return CommonErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(db, Query(actor, [roleId], details), ct);
        return graph?.Role(roleId) is { } role ? new RoleSelection([role], [], graph) : RoleErrors.NotFound;
    }

    /// <summary>Reads a page of the roles of the actor's organization, oldest first.</summary>
    public async Task<Result<RoleSelection>> PageAsync(
        Actor actor, DefinitionRun run, MemberDetails details, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return CommonErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(db, Query(actor, [], details) with { RoleRun = run }, ct);
        return graph is null ? RoleErrors.NotFound : new RoleSelection([.. graph.RunOfRoles], [], graph);
    }

    /// <summary>Reads all roles of the actor's organization, ordered by name.</summary>
    /// <param name="details">What the answer includes besides the roles.</param>
    /// <param name="holders">Conditions to evaluate for the direct holders of each role; see
    /// <see cref="AccessGraph.HasHolder"/>.</param>
    public async Task<Result<RoleSelection>> ListAsync(
        Actor actor, MemberDetails details, CancellationToken ct, IReadOnlyList<MemberCondition>? holders = null)
    {
        if (!actor.MayReadDirectory) return CommonErrors.NotAllowed;
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

    /// <summary>Validates the name, description and permissions of a role. Returns all errors found.</summary>
    public IEnumerable<Error> Faults(string? name, string? description, IEnumerable<string> permissions)
    {
        if (name is not null && !Text.IsFilledName(name)) yield return CommonErrors.NameInvalid;
        if (description is not null && !Text.IsDescription(description)) yield return CommonErrors.DescriptionInvalid;
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
