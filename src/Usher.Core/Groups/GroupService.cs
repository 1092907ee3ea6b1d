using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Groups;

/// <summary>Why making a group or role can be refused.</summary>
public static class GroupErrors
{
    public static readonly Error NameInvalid = new(ErrorKind.Invalid, "name_invalid", "1 to 120 characters, none of them a control character.", "name");
    public static readonly Error NameTaken = new(ErrorKind.Conflict, "name_taken", "This name is taken.", "name");
    public static readonly Error DescriptionInvalid = new(ErrorKind.Invalid, "description_invalid", "At most 1,000 characters, none of them a control character.", "description");
}

/// <summary>A group to make, and all that membership of it gives.</summary>
public sealed record NewGroup(string Name)
{
    public string Description { get; init; } = "";

    public bool IsAdmin { get; init; }

    public bool AllResources { get; init; }

    /// <summary>Whether invitations that name no groups put into it.</summary>
    public bool IsDefault { get; init; }

    public IReadOnlyList<string> Permissions { get; init; } = [];

    public IReadOnlyList<Reference> Roles { get; init; } = [];

    public IReadOnlyList<NewLevel> Levels { get; init; } = [];
}

/// <summary>Named sets of members.</summary>
public sealed class GroupService(UsherDb db, PermissionCatalogue catalogue, TimeProvider clock)
{
    /// <summary>Makes a group. What it gives, its maker must hold.</summary>
    public Task<Result<Group>> CreateAsync(Actor actor, NewGroup given, CancellationToken ct) => db.RunAsync<Result<Group>>(async () =>
    {
        if (!Text.IsName(given.Name) || Text.Name(given.Name).Length is 0) return GroupErrors.NameInvalid;
        if (given.Description.Length > 1_000 || !Text.IsWellFormed(given.Description, joiners: true)) return GroupErrors.DescriptionInvalid;
        if (given.Permissions.FirstOrDefault(p => !catalogue.Contains(p)) is { } unknown) return InvitationErrors.PermissionUnknown(unknown);
        var query = new AccessQuery(actor.OrganizationId)
        {
            MemberIds = actor.IsMember ? [actor.Id] : [], RoleIds = [.. given.Roles.Select(r => r.Id).OfType<Guid>()],
            ResourceIds = [.. given.Levels.Select(l => l.Resource.Id).OfType<Guid>()],
        };
        if (await AccessGraph.ReadAsync(db, query, ct) is not { } graph) return MemberErrors.NotFound;
        if (!graph.Today(actor).May(Permissions.UserManagement)) return MemberErrors.NotAllowed;
        foreach (var role in given.Roles)
            if (role.Id is not { } id || graph.Role(id) is null) return InvitationErrors.ReferenceUnknown("roles", role.Text);
        foreach (var level in given.Levels)
            if (level.Resource.Id is not { } id || !graph.HasResource(id)) return InvitationErrors.ReferenceUnknown("levels", level.Resource.Text);

        var (now, key, by) = (clock.Now(), Text.Key(given.Name), actor.Id);
        var group = new Group
        {
            OrganizationId = actor.OrganizationId, Id = Uuid.Create(now), Name = Text.Name(given.Name), NameKey = key, Description = given.Description,
            IsAdmin = given.IsAdmin, IsAdminGrantedBy = by, IsAdminGrantedAt = given.IsAdmin ? now : null, IsDefault = given.IsDefault,
            AllResources = given.AllResources, AllResourcesGrantedBy = by, AllResourcesGrantedAt = given.AllResources ? now : null, CreatedAt = now,
        };
        foreach (var permission in given.Permissions.Distinct())
            group.Permissions.Add(new() { OrganizationId = group.OrganizationId, GroupId = group.Id, Permission = permission, GrantedBy = by, GrantedAt = now });
        foreach (var role in given.Roles.Select(r => r.Id!.Value).Distinct())
            group.Roles.Add(new() { OrganizationId = group.OrganizationId, RoleId = role, GroupId = group.Id, GrantedBy = by, GrantedAt = now });
        foreach (var (resource, level) in given.Levels.GroupBy(l => l.Resource.Id!.Value).Select(l => (l.Key, l.Last().Level)))
            group.Levels.Add(new() { OrganizationId = group.OrganizationId, Id = Uuid.Create(now), ResourceId = resource, GroupId = group.Id, Level = level, GrantedBy = by, GrantedAt = now });

        if (!graph.Today(actor).CanGrant(graph.Of(group))) return InvitationErrors.MoreThanYouHold;
        if (await db.Groups.AnyAsync(g => g.OrganizationId == actor.OrganizationId && g.NameKey == key, ct)) return GroupErrors.NameTaken;
        db.Add(group);
        db.Add(UsherEvent.Record(EventTypes.GroupCreated, actor, "group", group.Id, now, new() { ["name"] = group.Name }));
        await db.SaveChangesAsync(ct);
        return group;
    }, ct);
}
