using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Organizations;

namespace Usher.Core.Resources;

public enum ResourceOrder
{
    Created,
    Name,
}

/// <summary>Creates, reads, changes and deletes resources.</summary>
public sealed class ResourceService(UsherDb db, Database database, TimeProvider clock)
{
    private const int MaxAttributes = 50;

    /// <summary>
    /// Creates a resource. Needs <c>resource_creation</c>. A member who does not already reach all resources fully gets
    /// full access to the new one.
    /// </summary>
    public Task<Result<Resource>> CreateAsync(
        Actor actor, string name, IReadOnlyDictionary<string, string> attributes, CancellationToken ct) =>
        database.RunAsync<Result<Resource>>(async unit =>
        {
            if (!actor.May(Permissions.ResourceCreation)) return ResourceErrors.NotAllowed;
            if (Error.Of(Faults(name, attributes.ToDictionary(a => a.Key, a => (string?)a.Value))) is { } fault)
                return fault;
            var (key, slug) = (Text.Key(name), Text.Slug(name));
            var near = await db.Resources.Where(r =>
                r.OrganizationId == actor.OrganizationId
                    && (r.NameKey == key || r.Slug == slug || r.Slug.StartsWith(slug + "-")))
                .Select(r => new { r.NameKey, r.Slug }).ToListAsync(ct);
            if (near.Exists(r => r.NameKey == key)) return ResourceErrors.NameTaken;

            var now = clock.Now();
            var resource = New(actor.OrganizationId, name, new(attributes), [.. near.Select(r => r.Slug)], now);
            unit.Add(resource);
            if (actor.IsMember && actor.Access.Everywhere is not AccessLevel.Full)
            {
                unit.Add(new ResourceAccess
                {
                    OrganizationId = actor.OrganizationId, Id = Uuid.Create(now), ResourceId = resource.Id,
                    MemberId = actor.Id,
                    Level = AccessLevel.Full, GrantedBy = Guid.Empty, GrantedAt = now,
                });
                var maker = await db.Members.SingleAsync(
                    m => m.OrganizationId == actor.OrganizationId && m.Id == actor.Id, ct);
                maker.HasLevels = true;
            }

            unit.Add(UsherEvent.Record(
                EventTypes.ResourceCreated, actor, "resource", resource.Id, now, new() { ["name"] = resource.Name }));
            return resource;
        }, ct);

    /// <summary>
    /// Streams the resources that the actor reaches at any level. Memory use does not depend on their number.
    /// </summary>
    public async IAsyncEnumerable<Resource> StreamAsync(
        Actor actor, ResourceOrder order, [EnumeratorCancellation] CancellationToken ct)
    {
        var all = db.Resources.AsNoTracking().Where(r => r.OrganizationId == actor.OrganizationId);
        if (actor.Access.Everywhere is AccessLevel.None)
        {
            var access = await LevelsOfAsync(actor, ct);
            Guid[] reached = [.. access.Resources.Keys.Where(access.Reaches)];
            all = all.Where(r => reached.Contains(r.Id));
        }

        var ordered = order is ResourceOrder.Created ? all.OrderBy(r => r.Id) : all.OrderBy(r => r.NameKey);
        await foreach (var resource in ordered.AsAsyncEnumerable().WithCancellation(ct)) yield return resource;
    }

    /// <summary>
    /// Reads a resource by id or slug. A resource that the actor does not reach gives the same answer as one that does
    /// not exist.
    /// </summary>
    public async Task<Result<Resource>> GetAsync(Actor actor, Reference reference, CancellationToken ct)
    {
        if (reference.Id is null && !OrganizationService.IsSlug(reference.Text)) return ResourceErrors.NotFound;
        var found = await db.Resources.AsNoTracking().SingleOrDefaultAsync(
            r =>
                r.OrganizationId == actor.OrganizationId
                    && (reference.Id != null ? r.Id == reference.Id : r.Slug == reference.Text), ct);
        if (found is null) return ResourceErrors.NotFound;
        return actor.Access.Everywhere is not AccessLevel.None || (await LevelsOfAsync(actor, ct)).Reaches(found.Id)
            ? found
            : ResourceErrors.NotFound;
    }

    /// <summary>A page of the resources that the actor reaches at any level, oldest first.</summary>
    public async Task<IReadOnlyList<Resource>> PageAsync(Actor actor, Guid? after, int limit, CancellationToken ct)
    {
        var run = db.Resources.AsNoTracking()
            .Where(r => r.OrganizationId == actor.OrganizationId && (after == null || r.Id > after));
        if (actor.Access.Everywhere is AccessLevel.None)
        {
            var access = await LevelsOfAsync(actor, ct);
            Guid[] reached = [.. access.Resources.Keys.Where(access.Reaches)];
            run = run.Where(r => reached.Contains(r.Id));
        }

        return await run.OrderBy(r => r.Id).Take(limit).ToListAsync(ct);
    }

    /// <summary>
    /// Changes a resource's name or attributes. The slug stays. Needs <c>resource_creation</c> and full access to the
    /// resource.
    /// </summary>
    /// <param name="actor">The actor that changes it.</param>
    /// <param name="reference">The resource's id or slug.</param>
    /// <param name="name">The new name; null keeps it.</param>
    /// <param name="attributes">Attributes to set; a null value removes the attribute. Null keeps all.</param>
    /// <param name="ifMatch">The expected versions; see <see cref="Precondition"/>.</param>
    /// <param name="ct">Cancels the operation.</param>
    public Task<Result<Resource>> UpdateAsync(
        Actor actor, Reference reference, string? name, IReadOnlyDictionary<string, string?>? attributes,
        IReadOnlyCollection<string>? ifMatch, CancellationToken ct) => database.RunAsync<Result<Resource>>(async unit =>
        {
            if (Error.Of(Faults(name, attributes)) is { } fault) return fault;
            if (!(await FindAsync(unit, actor, reference, ifMatch, ct)).TryGet(out var resource, out var refused))
                return refused;
            Dictionary<string, string> details = [];
            if (name is not null && Text.Name(name) != resource.Name)
            {
                var key = Text.Key(name);
                if (await db.Resources.AnyAsync(
                        r => r.OrganizationId == actor.OrganizationId && r.NameKey == key && r.Id != resource.Id, ct))
                    return ResourceErrors.NameTaken;
                details["renamed_from"] = resource.Name;
                (resource.Name, resource.NameKey) = (Text.Name(name), key);
            }

            var kept = resource.Attributes.Where(a => attributes?.ContainsKey(a.Key) is not true)
                .Concat(
                    attributes?.Where(a => a.Value is not null).Select(a => KeyValuePair.Create(a.Key, a.Value!)) ?? [])
                .ToDictionary();
            if (kept.Count > MaxAttributes) return ResourceErrors.AttributesInvalid;
            if (kept.Count != resource.Attributes.Count || kept.Except(resource.Attributes).Any())
            {
                details["attributes"] = string.Join(' ', attributes!.Keys);
                resource.Attributes = kept;
            }

            if (details.Count is 0) return resource;
            unit.Add(UsherEvent.Record(
                EventTypes.ResourceUpdated, actor, "resource", resource.Id, clock.Now(), details));
            return resource;
        }, ct);

    /// <summary>
    /// Deletes a resource and all levels on it. Needs <c>resource_creation</c> and full access to the resource.
    /// </summary>
    public Task<Result<Resource>> DeleteAsync(
        Actor actor, Reference reference, IReadOnlyCollection<string>? ifMatch, CancellationToken ct) =>
        database.RunAsync<Result<Resource>>(async unit =>
        {
            if (!(await FindAsync(unit, actor, reference, ifMatch, ct)).TryGet(out var resource, out var refused))
                return refused;
            unit.Remove(resource);
            unit.Add(UsherEvent.Record(
                EventTypes.ResourceDeleted, actor, "resource", resource.Id, clock.Now(),
                new() { ["name"] = resource.Name }));
            return resource;
        }, ct);

    /// <summary>Lists all faults in a resource's name and attributes.</summary>
    public static IEnumerable<Error> Faults(string? name, IReadOnlyDictionary<string, string?>? attributes)
    {
        if (name is not null && !Text.IsFilledName(name)) yield return CommonErrors.NameInvalid;
        if (attributes is not null
                && (attributes.Count > MaxAttributes || attributes.Any(a => !Text.IsMetadata(a.Key, a.Value ?? ""))))
            yield return ResourceErrors.AttributesInvalid;
    }

    // Finds a resource that the actor may change.
    private async Task<Result<Resource>> FindAsync(
        Unit unit, Actor actor, Reference reference, IReadOnlyCollection<string>? ifMatch, CancellationToken ct)
    {
        if (!actor.May(Permissions.ResourceCreation)) return ResourceErrors.NotAllowed;
        if (reference.Id is null && !OrganizationService.IsSlug(reference.Text)) return ResourceErrors.NotFound;
        var access = actor.IsMember ? await LevelsOfAsync(actor, ct, unit) : actor.Access;
        var found = await db.Resources.SingleOrDefaultAsync(
            r =>
                r.OrganizationId == actor.OrganizationId
                    && (reference.Id != null ? r.Id == reference.Id : r.Slug == reference.Text),
            ct);
        if (found is null || !access.Reaches(found.Id)) return ResourceErrors.NotFound;
        var reachesFully = access.LevelOn(found.Id) is AccessLevel.Full;
        if (!db.Runtime.Rules.Pass(GrantingRule.ResourceReachedFully, reachesFully)) return ResourceErrors.NotFully;
        return Precondition.Refuses(ifMatch, found) is { } outdated ? outdated : found;
    }

    internal static Resource New(
        Guid organization, string name, Dictionary<string, string> attributes, HashSet<string> slugsTaken,
        DateTimeOffset now)
    {
        var slug = Text.Slug(name);
        return new()
        {
            OrganizationId = organization, Id = Uuid.Create(now), Name = Text.Name(name), NameKey = Text.Key(name),
            Attributes = attributes, CreatedAt = now,
            Slug = Enumerable.Range(1, slugsTaken.Count + 1).Select(i => i is 1 ? slug : $"{slug}-{i}")
                .First(s => !slugsTaken.Contains(s)),
        };
    }

    // Within a unit, an attempt under lock locks the actor's member.
    private async Task<EffectiveAccess> LevelsOfAsync(Actor actor, CancellationToken ct, Unit? unit = null)
    {
        var query = new AccessQuery(actor.OrganizationId) { MemberIds = [actor.Id] };
        var graph = unit is null
            ? await AccessGraph.ReadAsync(db, query, ct)
            : await AccessGraph.ReadAsync(unit, query, ct);
        return graph is null ? EffectiveAccess.Nothing : graph.Today(actor).Access;
    }
}
