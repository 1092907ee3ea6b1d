using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Core.Access;

/// <summary>An organization's own roles.</summary>
public sealed class RoleService(UsherDb db, PermissionCatalogue catalogue, TimeProvider clock)
{
    /// <summary>Makes a role. Its maker must hold every permission in it.</summary>
    public Task<Result<Role>> CreateAsync(Actor actor, string name, string description, IReadOnlyList<string> permissions, CancellationToken ct) =>
        db.RunAsync<Result<Role>>(async () =>
        {
            if (!Text.IsName(name) || Text.Name(name).Length is 0) return GroupErrors.NameInvalid;
            if (description.Length > 1_000 || !Text.IsWellFormed(description, joiners: true)) return GroupErrors.DescriptionInvalid;
            if (permissions.FirstOrDefault(p => !catalogue.Contains(p)) is { } unknown) return InvitationErrors.PermissionUnknown(unknown);
            if (await AccessGraph.ReadAsync(db, new(actor.OrganizationId) { MemberIds = actor.IsMember ? [actor.Id] : [] }, ct) is not { } graph) return MemberErrors.NotFound;
            var today = graph.Today(actor);
            if (!today.May(Permissions.UserManagement)) return MemberErrors.NotAllowed;
            if (!today.CanGrant(new EffectiveAccess.Builder().Add(permissions).Build())) return InvitationErrors.MoreThanYouHold;
            var (now, key) = (clock.Now(), Text.Key(name));
            if (await db.Roles.AnyAsync(r => r.OrganizationId == actor.OrganizationId && r.NameKey == key, ct)) return GroupErrors.NameTaken;

            var role = new Role
            {
                OrganizationId = actor.OrganizationId, Id = Uuid.Create(now), Name = Text.Name(name), NameKey = key, Description = description,
                CreatedAt = now, UpdatedAt = now, UpdatedBy = graph.Member(actor.Id)?.Identifier ?? actor.Name,
            };
            foreach (var permission in permissions.Distinct())
                role.Permissions.Add(new() { OrganizationId = role.OrganizationId, RoleId = role.Id, Permission = permission, GrantedBy = actor.Id, GrantedAt = now });
            db.Add(role);
            db.Add(UsherEvent.Record(EventTypes.RoleCreated, actor, "role", role.Id, now, new() { ["name"] = role.Name, ["permissions"] = string.Join(' ', permissions) }));
            await db.SaveChangesAsync(ct);
            return role;
        }, ct);
}
