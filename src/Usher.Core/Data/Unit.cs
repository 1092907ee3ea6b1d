using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Data;

/// <summary>
/// One attempt of an operation: what it reads through <see cref="Db"/>, adds and changes. <see cref="Database"/> makes
/// one for every attempt and writes what it holds at the end, all of it in one commit, or nothing.
/// <para>
/// Rows that are read with tracking, or attached, may simply be changed; rows that are new are given to
/// <see cref="Add{T}"/>, and rows to delete to <see cref="Remove"/>. What writing means beyond that is decided here and
/// nowhere else: versions rise, search rows follow the members' grants, and stamps of definitions are renewed.
/// </para>
/// </summary>
public sealed partial class Unit
{
    private readonly List<object> added = [];
    private readonly Dictionary<Guid, int> seats = [];

    internal Unit(UsherDb db, bool isLocked)
    {
        (Db, IsLocked) = (db, isLocked);
        db.ChangeTracker.Clear(); // of what was read before in the same request
    }

    /// <summary>The context to read with.</summary>
    public UsherDb Db { get; }

    /// <summary>
    /// Whether this attempt is alone: in a transaction, holding the write gate on SQLite, and locking what it reads on
    /// PostgreSQL.
    /// </summary>
    public bool IsLocked { get; }

    /// <summary>Whether <see cref="LoseRace"/> was called.</summary>
    internal bool IsLost { get; private set; }

    /// <summary>
    /// What was read is not what was read before: nothing is written, and the operation runs again under lock.
    /// </summary>
    public void LoseRace() => IsLost = true;

    /// <summary>
    /// Gets or sets whether what it holds is written even where the operation is refused. The default is false.
    /// </summary>
    public bool KeepsRefusal { get; set; }

    /// <summary>Adds a row, with those in its collections.</summary>
    public T Add<T>(T row)
        where T : class
    {
        added.Add(row);
        return row;
    }

    /// <inheritdoc cref="Add{T}"/>
    public void AddRange(IEnumerable<object> rows) => added.AddRange(rows);

    /// <summary>Deletes a row that was read.</summary>
    public void Remove(object row) => Db.Remove(row);

    /// <inheritdoc cref="Remove"/>
    public void RemoveRange(IEnumerable<object> rows) => Db.RemoveRange(rows);

    /// <summary>
    /// Takes seats, or gives them back. The unit loses its race when the organization's limit does not hold them. Only
    /// for organizations with a limit.
    /// </summary>
    public void ChangeSeats(Guid organization, int count) =>
        seats[organization] = seats.GetValueOrDefault(organization) + count;

    /// <summary>
    /// Deletes every row of an organization but its own, at once, in the transaction of an attempt under lock.
    /// </summary>
    /// <returns>How many rows of each table there were.</returns>
    internal async Task<Dictionary<string, int>> DeleteRowsOfAsync(Guid organization, CancellationToken ct)
    {
        Dictionary<string, int> gone = [];
        foreach (var table in Tables.All.Reverse().Where(t => t.Columns.Any(c => c.Name is "organization_id")))
        {
#pragma warning disable EF1002 // the table's name is a constant
            gone[table.Name] = await Db.Database.ExecuteSqlRawAsync(
                $"DELETE FROM {table.Name} WHERE organization_id = {{0}}", [Db.Raw(organization)], ct);
#pragma warning restore EF1002
        }

        return gone;
    }

    /// <summary>Drops all that was added, changed and deleted.</summary>
    public void Discard()
    {
        Db.ChangeTracker.Clear();
        added.Clear();
        seats.Clear();
    }

    /// <summary>Whether the unit adds a row of a type.</summary>
    internal bool Adds<T>() => added.Exists(row => row is T);

    /// <summary>All that is to be written, in an order that can be written.</summary>
    internal IReadOnlyList<Change> Changes()
    {
        Db.ChangeTracker.DetectChanges();
        var entries = Db.ChangeTracker.Entries().ToList(); // each call makes others
        List<RowChange> rows = [];
        foreach (var entry in RaiseVersions(entries)) Add(rows, entry);
        HashSet<object> seen = new(rows.Select(r => r.Row), ReferenceEqualityComparer.Instance);
        foreach (var row in added) AddWithChildren(rows, seen, row);
        AddSearchRows(rows);
        var stamps = RenewStamps(rows);
        return [.. stamps, .. SeatChanges(), .. rows.OrderBy(row => PlaceOf(row, rows))];
    }

    // Deleted rows first, those that refer to others before these; then table by table what changes, and what is new.
    // Of changed rows those come first that give up what others take.
    private static (bool, int, bool, bool) PlaceOf(RowChange change, List<RowChange> rows) =>
        change.Kind is ChangeKind.Delete
            ? (false, -change.Table.Order, false, false)
            : (true, change.Table.Order, IsNew(change), !IsAwaited(change, rows));

    private static bool IsAwaited(RowChange change, List<RowChange> rows) =>
        change.Unique.GivenUp.Length > 0
        && rows.Exists(r =>
               r != change && r.Table == change.Table && r.Unique.Taken.Intersect(change.Unique.GivenUp).Any());

    private static bool IsNew(RowChange change) => change.Kind is ChangeKind.Insert;

    private static void Add(List<RowChange> rows, EntityEntry entry)
    {
        var table = Tables.Of(entry.Entity);
        var token = table.Token is null
            ? null
            : entry.Properties.Single(p => p.Metadata.IsConcurrencyToken).OriginalValue;
        switch (entry.State)
        {
            case EntityState.Added: rows.Add(new(table, entry.Entity, ChangeKind.Insert)); return;
            case EntityState.Deleted: rows.Add(new(table, entry.Entity, ChangeKind.Delete, token)); return;
        }

        var changed = entry.Properties.Where(p => p.IsModified)
            .ToLookup(p => table.IsApart(p.Metadata.GetColumnName()));
        if (changed[false].Any())
            rows.Add(new(table, entry.Entity, ChangeKind.Update, token) { Unique = UniqueOf(entry) });
        if (changed[true].Any()) rows.Add(new(table, entry.Entity, ChangeKind.Touch));
    }

    // Values of which there is only one in the table: those that are given up, and those that are taken.
    private static (object?[] GivenUp, object?[] Taken) UniqueOf(EntityEntry entry)
    {
        var modified = entry.Metadata.GetIndexes().Where(i => i.IsUnique).SelectMany(i => i.Properties).Distinct()
            .Select(p => entry.Property(p)).Where(p => p.IsModified).ToList();
        return ([.. modified.Select(p => p.OriginalValue)], [.. modified.Select(p => p.CurrentValue)]);
    }

    private static void AddWithChildren(List<RowChange> rows, HashSet<object> seen, object row)
    {
        if (!seen.Add(row)) return;
        var table = Tables.Of(row);
        rows.Add(new(table, row, ChangeKind.Insert));
        foreach (var child in table.ChildrenOf(row)) AddWithChildren(rows, seen, child);
    }

    // The table to search follows what the members hold.
    private void AddSearchRows(List<RowChange> rows)
    {
        foreach (var change in rows.ToList())
        {
            if (change is not { Row: Member member, Kind: ChangeKind.Insert or ChangeKind.Update }) continue;
            var had = IsNew(change) ? Grants.None : Db.Entry(member).Property(m => m.Grants).OriginalValue;
            foreach (var grant in member.Grants.All.Except(had.All)) Add(grant, ChangeKind.Insert);
            foreach (var grant in had.All.Except(member.Grants.All)) Add(grant, ChangeKind.Delete);

            // Those of a deleted group or role may have been swept.
            void Add(Grant grant, ChangeKind kind) => rows.Add(new(
                Tables.Of<MemberGrant>(), MemberGrant.Of(member.OrganizationId, grant, member.Id), kind)
            {
                MayBeGone = true,
            });
        }
    }

    // A change of settings, groups or roles makes every node's copy of them useless.
    private List<StatementChange> RenewStamps(List<RowChange> rows)
    {
        var definitions = rows.Where(r => r.Kind is not ChangeKind.Touch).ToLookup(r => r.Row switch
        {
            Group group => group.OrganizationId,
            Role role => role.OrganizationId,
            Organization organization => organization.Id,
            _ => Guid.Empty,
        });
        List<StatementChange> renewed = [];
        foreach (var organization in definitions.Where(d => d.Key != Guid.Empty))
        {
            // A new organization has a stamp; one that is written as a whole takes its new one along.
            var own = organization.FirstOrDefault(r => r.Row is Organization);
            if (own?.Row is Organization whole) whole.DefinitionsStamp = Guid.NewGuid();
            if (own is not null) continue;
            renewed.Add(new(
                new Sql(Db.IsSqlite).Add(
                    $"UPDATE organizations SET definitions_stamp = {Guid.NewGuid()} WHERE id = {organization.Key}"),
                mustFind: true));
        }

        return renewed;
    }

    private IEnumerable<StatementChange> SeatChanges() =>
        from change in seats
        where change.Value is not 0
        select new StatementChange(
            new Sql(Db.IsSqlite).Add(
                $"""
                UPDATE organizations SET seats_used = seats_used + {change.Value} WHERE id = {change.Key}
                    AND (seat_limit IS NULL OR seats_used + {change.Value} <= seat_limit OR {change.Value} < 0)
                """),
            mustFind: true);

    // Of every changed row, and of those that rows depending on them hang on. Signing in, using a key and delivering a
    // mail change nothing that somebody could be editing.
    private List<EntityEntry> RaiseVersions(List<EntityEntry> tracked)
    {
        var stored = tracked
            .Where(e => e.Entity is IVersioned && e.State is EntityState.Unchanged or EntityState.Modified).ToList();
        var entries = tracked.Where(e => e.State is not EntityState.Unchanged).ToList();
        if (stored.Count is 0) return entries;
        HashSet<EntityEntry> raised = [];
        var byId = stored.ToDictionary(IdOf);
        foreach (var entry in entries)
        {
            // A level taken out of its holder's collection: to EF it hangs on two optional rows, and would stay.
            if (entry is
                {
                    State: EntityState.Modified, Entity: Resources.ResourceAccess { MemberId: null, GroupId: null },
                })
                entry.State = EntityState.Deleted;
            if (entry.State is EntityState.Modified && byId.TryGetValue(IdOf(entry), out var self) && ChangesMore(self))
                raised.Add(self);
            foreach (var holder in HoldersOf(entry))
                if (byId.TryGetValue(holder, out var owner)) raised.Add(owner);
        }

        foreach (var holder in added.SelectMany(Tables.HoldersOf))
            if (byId.TryGetValue(holder, out var owner)) raised.Add(owner);
        foreach (var entry in raised)
            entry.Property(nameof(IVersioned.Version)).CurrentValue = ((IVersioned)entry.Entity).Version + 1;
        return [.. entries.Union(raised)];

        static bool ChangesMore(EntityEntry entry)
        {
            var table = Tables.Of(entry.Entity);
            return entry.Properties.Any(p => p.IsModified && !table.IsApart(p.Metadata.GetColumnName()));
        }

        // The last part of every key is an id of its own.
        static object IdOf(EntityEntry entry) =>
            entry.Property(entry.Metadata.FindPrimaryKey()!.Properties[^1].Name).CurrentValue!;
    }

    // Those that have the row in a collection of theirs.
    private static IEnumerable<object> HoldersOf(EntityEntry entry) =>
        entry.Metadata.GetForeignKeys().Where(k => k.PrincipalToDependent is not null)
            .Select(k => entry.Property(k.Properties[^1].Name)).Select(p => p.CurrentValue ?? p.OriginalValue)
                .OfType<object>();
}
