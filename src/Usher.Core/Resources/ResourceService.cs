using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;

namespace Usher.Core.Resources;

/// <summary>Why making or seeing a resource can be refused.</summary>
public static class ResourceErrors
{
    public static readonly Error NotAllowed = new(ErrorKind.Forbidden, "not_allowed", "This needs the permission resource_creation.");
    public static readonly Error NameInvalid = new(ErrorKind.Invalid, "name_invalid", "1 to 120 characters, none of them a control character.", "name");
    public static readonly Error NameTaken = new(ErrorKind.Conflict, "name_taken", "Another resource has this name.", "name");
    public static readonly Error AttributesInvalid = new(ErrorKind.Invalid, "attributes_invalid", "Attributes are at most 1,000 characters each, none of them a control character.", "attributes");
}

/// <summary>Things to reach.</summary>
public sealed class ResourceService(UsherDb db, TimeProvider clock)
{
    /// <summary>Makes a resource. Whoever makes one without already reaching everything reaches it fully: nobody makes what he then cannot see.</summary>
    public Task<Result<Resource>> CreateAsync(Actor actor, string name, IReadOnlyDictionary<string, string> attributes, CancellationToken ct) =>
        db.RunAsync<Result<Resource>>(async () =>
        {
            if (!actor.May(Permissions.ResourceCreation)) return ResourceErrors.NotAllowed;
            if (!Text.IsName(name) || Text.Name(name).Length is 0) return ResourceErrors.NameInvalid;
            if (attributes.Any(a => a.Value.Length > 1_000 || !Text.IsWellFormed(a.Value, joiners: true))) return ResourceErrors.AttributesInvalid;
            var key = Text.Key(name);
            if (await db.Resources.AnyAsync(r => r.OrganizationId == actor.OrganizationId && r.NameKey == key, ct)) return ResourceErrors.NameTaken;

            var now = clock.Now();
            var resource = New(actor.OrganizationId, name, new(attributes), now);
            db.Add(resource);
            if (actor.IsMember && actor.Access.Everywhere is not AccessLevel.Full)
            {
                db.Add(new ResourceAccess
                {
                    OrganizationId = actor.OrganizationId, Id = Uuid.Create(now), ResourceId = resource.Id, MemberId = actor.Id,
                    Level = AccessLevel.Full, GrantedBy = Guid.Empty, GrantedAt = now,
                });
            }

            db.Add(UsherEvent.Record(EventTypes.ResourceCreated, actor, "resource", resource.Id, now, new() { ["name"] = resource.Name }));
            await db.SaveChangesAsync(ct);
            return resource;
        }, ct);

    /// <summary>The resources an actor reaches at any level, oldest first.</summary>
    public async Task<IReadOnlyList<Resource>> ListAsync(Actor actor, CancellationToken ct)
    {
        var all = db.Resources.AsNoTracking().Where(r => r.OrganizationId == actor.OrganizationId).OrderBy(r => r.Id);
        if (actor.Access.Everywhere is not AccessLevel.None) return await all.ToListAsync(ct);
        var graph = await AccessGraph.ReadAsync(db, new(actor.OrganizationId) { MemberIds = [actor.Id] }, ct);
        if (graph is null) return [];
        Guid[] reached = [.. graph.Today(actor).Access.Resources.Where(r => r.Value.Level is not AccessLevel.None || r.Value.Capabilities is not []).Select(r => r.Key)];
        return await all.Where(r => reached.Contains(r.Id)).ToListAsync(ct);
    }

    internal static Resource New(Guid organization, string name, Dictionary<string, string> attributes, DateTimeOffset now) =>
        new() { OrganizationId = organization, Id = Uuid.Create(now), Name = Text.Name(name), NameKey = Text.Key(name), Attributes = attributes, CreatedAt = now };
}
