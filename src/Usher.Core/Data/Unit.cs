using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Usher.Core.Access;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Roles;

namespace Usher.Core.Data;

/// <summary>
/// One attempt of an operation: what it reads through <see cref="Db"/>, adds and changes. <see cref="Database"/>
/// creates one for every attempt and writes its content at the end, in one commit or not at all.
/// <para>
/// Rows that are read with tracking, or attached, may be changed directly. Pass new rows to <see cref="Add{T}"/> and
/// rows to delete to <see cref="Remove"/>. The unit also increments versions, updates the search rows of members'
/// grants, and renews the stamps of definitions. No other code does this.
/// </para>
/// </summary>
public sealed partial class Unit
{
    private readonly List<object> added = [];
    private readonly Dictionary<Guid, int> seats = [];

    internal Unit(UsherDb db, bool isLocked)
    {
        (Db, IsLocked) = (db, isLocked);
        db.ChangeTracker.Clear(); // entities read earlier in the same request
    }

    /// <summary>The context for reading.</summary>
    public UsherDb Db { get; }

    /// <summary>
    /// Whether this attempt runs under lock: in a transaction, holding the write gate on SQLite, and locking the rows
    /// it reads on PostgreSQL.
    /// </summary>
    public bool IsLocked { get; }

    /// <summary>Whether <see cref="LoseRace"/> was called.</summary>
    internal bool IsLost { get; private set; }

    /// <summary>
    /// Reports that the data has changed since an earlier read. Nothing is written, and the operation runs again under
    /// lock.
    /// </summary>
    public void LoseRace() => IsLost = true;

    /// <summary>
    /// Gets or sets whether the unit is written even if the operation is refused. The default is false.
    /// </summary>
    public bool KeepsRefusal { get; set; }

    /// <summary>Inserts a row and the rows in its collections.</summary>
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
    /// Takes or returns seats. The unit loses its race if the organization's limit would be exceeded. Call it only for
    /// organizations with a limit.
    /// </summary>
    public void ChangeSeats(Guid organization, int count) =>
        seats[organization] = seats.GetValueOrDefault(organization) + count;

    /// <summary>
    /// Immediately deletes all rows of an organization except its own row, in the transaction of an attempt under lock.
    /// </summary>
    /// <returns>The number of deleted rows by table.</returns>
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

    /// <summary>Discards everything that was added, changed and deleted.</summary>
    public void Discard()
    {
        Db.ChangeTracker.Clear();
        added.Clear();
        seats.Clear();
    }

    /// <summary>Whether the unit adds a row of a type.</summary>
    internal bool Adds<T>() => added.Exists(row => row is T);

    /// <summary>Returns all changes in an order that satisfies the constraints.</summary>
    internal IReadOnlyList<Change> Changes()
    {
        Db.ChangeTracker.DetectChanges();
        var entries = Db.ChangeTracker.Entries().ToList(); // each call returns new objects
        List<RowChange> rows = [];
        foreach (var entry in RaiseVersions(entries)) Add(rows, entry);
        HashSet<object> seen = new(rows.Select(r => r.Row), ReferenceEqualityComparer.Instance);
        foreach (var row in added) AddWithChildren(rows, seen, row);
        AddSearchRows(rows);
        var stamps = RenewStamps(rows);
        return [.. stamps, .. SeatChanges(), .. FreedValues(rows), .. rows.OrderBy(row => PlaceOf(row, rows))];
    }

    // Deletes come first, referring rows before the rows they refer to. Updates and inserts follow, table by table.
    // Updates that free a unique value come before updates that take it.
    private static (bool, int, bool, bool) PlaceOf(RowChange change, List<RowChange> rows) =>
        change.Kind is ChangeKind.Delete
            ? (false, -change.Table.Order, false, false)
            : (true, change.Table.Order, IsNew(change), !IsAwaited(change, rows));

    // Whether another row takes a unique value that the row frees.
    private static bool IsAwaited(RowChange change, List<RowChange> rows) =>
        change.Unique.Count > 0
        && rows.Exists(r =>
               r != change && r.Table == change.Table
                   && r.Unique.Any(taken => change.Unique.Any(freed => freed.IsFreedFor(taken))));

    // Updates that free values that others take can be in an order only if none of them takes such a value itself.
    // Otherwise, values are passed on in a chain or a circle, and all of them are freed by separate statements first.
    private static IEnumerable<FreeChange> FreedValues(List<RowChange> rows)
    {
        var awaited = rows.FindAll(row => IsAwaited(row, rows));
        var passesOn = awaited.Exists(row =>
            row.Unique.Any(taken => awaited.Exists(r =>
                r.Table == row.Table && r.Unique.Any(freed => freed.IsFreedFor(taken)))));
        return passesOn
            ? from row in awaited from value in row.Unique select new FreeChange(row.Table, row.Row, value)
            : [];
    }

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

    // The modified values in unique indexes.
    private static IReadOnlyList<UniqueValue> UniqueOf(EntityEntry entry) =>
    [
        .. entry.Metadata.GetIndexes().Where(i => i.IsUnique).SelectMany(i => i.Properties).Distinct()
            .Select(p => entry.Property(p)).Where(p => p.IsModified)
            .Select(p => new UniqueValue(p.Metadata.GetColumnName(), p.OriginalValue, p.CurrentValue)),
    ];

    private static void AddWithChildren(List<RowChange> rows, HashSet<object> seen, object row)
    {
        if (!seen.Add(row)) return;
        var table = Tables.Of(row);
        rows.Add(new(table, row, ChangeKind.Insert));
        foreach (var child in table.ChildrenOf(row)) AddWithChildren(rows, seen, child);
    }

    // Updates the search table to match the members' grants.
    private void AddSearchRows(List<RowChange> rows)
    {
        foreach (var change in rows.ToList())
        {
            if (change is not { Row: Member member, Kind: ChangeKind.Insert or ChangeKind.Update }) continue;
            var had = IsNew(change) ? Grants.None : Db.Entry(member).Property(m => m.Grants).OriginalValue;
            foreach (var grant in member.Grants.All.Except(had.All)) Add(grant, ChangeKind.Insert);
            foreach (var grant in had.All.Except(member.Grants.All)) Add(grant, ChangeKind.Delete);

            // The sweep may already have removed rows of a deleted group or role.
            void Add(Grant grant, ChangeKind kind) => rows.Add(new(
                Tables.Of<MemberGrant>(), MemberGrant.Of(member.OrganizationId, grant, member.Id), kind)
            {
                MayBeGone = true,
            });
        }
    }

    // A new stamp invalidates every node's cached copy of the settings, groups and roles.
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
            // If the organization's own row is written, the new stamp is written with it.
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

    // Increments the versions of all changed rows and of the rows that contain a changed row in a collection.
    // Separately written columns (sign-in, key use, mail delivery) do not count: users do not edit them.
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
            // A level that was removed from its holder's collection. EF would keep the row, because both its foreign
            // keys are optional.
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

        // The last column of every key is the row's own id.
        static object IdOf(EntityEntry entry) =>
            entry.Property(entry.Metadata.FindPrimaryKey()!.Properties[^1].Name).CurrentValue!;
    }

    // The rows that contain the row in one of their collections.
    private static IEnumerable<object> HoldersOf(EntityEntry entry) =>
        entry.Metadata.GetForeignKeys().Where(k => k.PrincipalToDependent is not null)
            .Select(k => entry.Property(k.Properties[^1].Name)).Select(p => p.CurrentValue ?? p.OriginalValue)
                .OfType<object>();
}
