using System.Collections.Frozen;
using System.Data;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Caching.Memory;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Roles;

namespace Usher.Core.Organizations;

/// <summary>
/// The settings, groups and roles of an organization with their permissions, without levels, resources and memberships.
/// Loaded once and shared between requests, so it must not be modified. Valid while <see cref="Stamp"/> equals the
/// organization's stamp in the database.
/// </summary>
public sealed class OrganizationDefinitions
{
    private readonly FrozenDictionary<Guid, Group> groups;
    private readonly FrozenDictionary<Guid, Role> roles;

    internal OrganizationDefinitions(Organization organization, IEnumerable<Group> groups, IEnumerable<Role> roles)
    {
        Organization = organization;
        this.groups = groups.ToFrozenDictionary(g => g.Id);
        this.roles = roles.ToFrozenDictionary(r => r.Id);
    }

    public Organization Organization { get; }

    public Guid Stamp => Organization.DefinitionsStamp;

    public IReadOnlyDictionary<Guid, Group> Groups => groups;

    public IReadOnlyDictionary<Guid, Role> Roles => roles;
}

/// <summary>
/// The cache of recently loaded definitions on this node. An entry is used only if its stamp equals the one that the
/// same request has read from the database.
/// </summary>
public sealed class DefinitionsCache : IDisposable
{
    /// <summary>An organization with more groups and roles than this in total is not cached.</summary>
    public const int MostKept = 10_000;

    // The size of an entry is its number of groups and roles plus one.
    private readonly MemoryCache cache = new(new MemoryCacheOptions { SizeLimit = 200_000 });

    /// <summary>The definitions of an organization; null if there is none.</summary>
    /// <param name="db">The context of the request.</param>
    /// <param name="organization">The organization's id.</param>
    /// <param name="stamp">The stamp that the request has read.</param>
    /// <param name="ct">Cancels the read.</param>
    internal async Task<OrganizationDefinitions?> GetAsync(
        UsherDb db, Guid organization, Guid stamp, CancellationToken ct)
    {
        if (cache.TryGetValue(organization, out OrganizationDefinitions? kept) && kept!.Stamp == stamp) return kept;
        // Under lock, the reads may come from several points in time. The result is right for this attempt, but must
        // not be cached.
        if (db.Database.CurrentTransaction is not null) return await LoadAsync(db, organization, ct);

        await using var snapshot = await BeginSnapshotAsync(db, ct);
        var loaded = await LoadAsync(db, organization, ct);
        if (loaded is not null && loaded.Groups.Count + loaded.Roles.Count is <= MostKept and var size)
            cache.Set(organization, loaded, new MemoryCacheEntryOptions { Size = size + 1 });
        return loaded;
    }

    public void Dispose() => cache.Dispose();

    // All reads must come from one point in time. If the stamp were older than the groups, restoring a database could
    // make the cached copy valid again.
    private static async Task<IAsyncDisposable> BeginSnapshotAsync(UsherDb db, CancellationToken ct)
    {
        if (!db.IsSqlite) return await db.Database.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
        await db.Database.OpenConnectionAsync(ct);
        // Deferred, because another transaction would wait for the write lock.
        var transaction = ((SqliteConnection)db.Database.GetDbConnection()).BeginTransaction(deferred: true);
        await db.Database.UseTransactionAsync(transaction, CancellationToken.None); // or nothing would end it
        return new SqliteSnapshot(db, transaction);
    }

    // EF does not end a transaction that was passed to it.
    private sealed class SqliteSnapshot(UsherDb db, SqliteTransaction transaction) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await db.Database.UseTransactionAsync(null);
            await transaction.DisposeAsync();
            await db.Database.CloseConnectionAsync();
        }
    }

    private static async Task<OrganizationDefinitions?> LoadAsync(UsherDb db, Guid id, CancellationToken ct)
    {
        var organization = await db.Organizations.AsNoTracking().SingleOrDefaultAsync(o => o.Id == id, ct);
        if (organization is null) return null;
        var groups = await db.Groups.AsNoTracking().Where(g => g.OrganizationId == id).ToListAsync(ct);
        var roles = await db.Roles.AsNoTracking().Where(r => r.OrganizationId == id).ToListAsync(ct);
        return new(organization, groups, roles);
    }
}
