using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Usher.Core.Data;

/// <summary>A row to be written.</summary>
/// <param name="Statement">How.</param>
/// <param name="Entity">What is read when it is.</param>
/// <param name="Tokens">For a row that is there: what its concurrency tokens were when it was read. If they are others
/// now, or the row is gone, nothing is written.</param>
internal readonly record struct RowWrite(RowStatement Statement, object Entity, object[]? Tokens = null);

/// <summary>An INSERT of one row, or an UPDATE of some of its columns.</summary>
/// <param name="table">Where.</param>
/// <param name="order">The table's place among the tables: a row comes after those it refers to.</param>
/// <param name="sql">With parameters $1, $2, … for the columns in their order, then for the row's tokens.</param>
/// <param name="columns">For an INSERT, all there are.</param>
internal sealed class RowStatement(string table, int order, string sql, RowColumn[] columns)
{
    public string Table => table;

    public int Order => order;

    public string Sql => sql;

    public RowColumn[] Columns => columns;
}

/// <summary>
/// How rows of each table are added and changed, made once from EF's own model: such a save needs none of what EF does
/// to be ready for every kind of save, and that is most of what an invite costs. Tables of which the model says
/// anything out of the ordinary stay with EF.
/// </summary>
internal sealed class RowPlan
{
    // Made when the first row of their kind is written: all of them at once would be a tenth of a start.
    private readonly FrozenDictionary<IEntityType, Lazy<Table?>> tables;
    private readonly FrozenDictionary<Type, Lazy<Node>> nodes;

    public RowPlan(IModel model)
    {
        List<IEntityType> ordered = [];
        foreach (var type in model.GetEntityTypes().Where(t => t.GetTableName() is not null)) AddAfterPrincipals(type);
        var sharing = ordered.GroupBy(t => t.GetTableName()).Where(g => g.Count() > 1).Select(g => g.Key).ToHashSet();
        tables = ordered.Index().ToFrozenDictionary(
            t => t.Item,
            t =>
                new Lazy<Table?>(() =>
                    !sharing.Contains(t.Item.GetTableName()) && IsOrdinary(t.Item) ? new(t.Item, t.Index) : null));
        nodes = ordered.Where(t => !t.IsOwned()).ToFrozenDictionary(
            t =>
                t.ClrType, t =>
                    new Lazy<Node>(
                        () =>
                            new(
                                tables[t].Value?.Insert,
                                [.. t.GetNavigations().Where(n => !n.IsOnDependent).Select(n => n.GetGetter())],
            [
                .. t.GetForeignKeys().Where(k => k.PrincipalToDependent is not null)
                    .Select(k => k.Properties[^1].GetGetter())])));

        void AddAfterPrincipals(IEntityType type)
        {
            if (ordered.Contains(type)) return;
            foreach (var key in type.GetForeignKeys().Where(k => k.PrincipalEntityType != type))
                AddAfterPrincipals(key.PrincipalEntityType);
            if (!ordered.Contains(type)) ordered.Add(type);
        }
    }

    /// <summary>
    /// The rows a save would add, in an order that can be written; null when some are such that only EF can add them.
    /// </summary>
    /// <param name="entries">What is tracked.</param>
    /// <param name="added">What nobody tracks, to be added with all that is in its collections.</param>
    public List<RowWrite>? Read(IReadOnlyList<EntityEntry> entries, IReadOnlyList<object> added)
    {
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        List<RowWrite> rows = [];
        foreach (var entry in entries)
        {
            seen.Add(entry.Entity);
            if (entry.State is not EntityState.Added) continue;
            if (tables.GetValueOrDefault(entry.Metadata)?.Value is not { } table) return null;
            rows.Add(new(table.Insert, entry.Entity));
        }

        foreach (var entity in added)
            if (!Add(entity)) return null;
        rows.Sort((a, b) => a.Statement.Order.CompareTo(b.Statement.Order));
        return rows;

        bool Add(object entity)
        {
            if (!seen.Add(entity)) return true;
            if (nodes[entity.GetType()].Value is not { Insert: { } insert } node) return false;
            rows.Add(new(insert, entity));
            foreach (var dependents in node.Dependents)
            {
                switch (dependents.GetClrValue(entity))
                {
                    case null or ICollection { Count: 0 }: break;
                    case IEnumerable<object> several:
                        foreach (var one in several)
                            if (!Add(one)) return false;
                        break;
                    case var one:
                        if (!Add(one)) return false;
                        break;
                }
            }

            return true;
        }
    }

    /// <summary>The ids of the rows that have one of these in a collection of theirs.</summary>
    public IEnumerable<object> HoldersOf(IEnumerable<object> added) =>
        added.SelectMany(entity =>
            nodes[entity.GetType()].Value.Holders.Select(holder => holder.GetClrValue(entity)).OfType<object>());

    /// <summary>
    /// Whether the rows can be added after what EF changes: nothing changed may come to refer to one of them.
    /// </summary>
    public static bool MayFollow(IEnumerable<EntityEntry> entries, IEnumerable<RowWrite> rows)
    {
        var added = rows.Select(row => row.Statement.Table).ToHashSet();
        return !entries.Any(e =>
            e.State is EntityState.Modified
                && e.Metadata.GetForeignKeys().Any(k => added.Contains(k.PrincipalEntityType.GetTableName()!)));
    }

    /// <summary>
    /// What a save writes, changed rows too: null when it must be EF, which knows in which order rows are deleted, and
    /// in which several of a table are changed of which one may take the unique value that another gives up.
    /// </summary>
    /// <param name="entries">What is tracked.</param>
    /// <param name="added">See <see cref="Read"/>.</param>
    public List<RowWrite>? Whole(IReadOnlyList<EntityEntry> entries, List<RowWrite> added)
    {
        List<RowWrite> changes = [];
        // Up to here rows are added first, for something changed may have come to refer to one of them.
        var referred = -1;
        foreach (var group in entries.Where(e => e.State is EntityState.Modified or EntityState.Deleted)
                .GroupBy(e => e.Metadata))
        {
            if (tables.GetValueOrDefault(group.Key)?.Value is not { } table) return null;
            var isOne = !group.Skip(1).Any();
            foreach (var entry in group)
            {
                if (entry.State is EntityState.Deleted || (!isOne && table.ChangesUnique(entry))
                        || table.Update(entry) is not { } change)
                    return null;
                changes.Add(change);
                foreach (var key in entry.Metadata.GetForeignKeys()
                        .Where(k => k.Properties.Any(p => entry.Property(p).IsModified)))
                    if (tables.GetValueOrDefault(key.PrincipalEntityType)?.Value is { } principal
                            && added.Exists(row => row.Statement == principal.Insert))
                        referred = Math.Max(referred, principal.Insert.Order);
            }
        }

        if (changes is []) return added;
        if (changes.Exists(change => change.Statement.Order <= referred)) return null;
        return [
            .. added.Where(row => row.Statement.Order <= referred), .. changes,
            .. added.Where(row => row.Statement.Order > referred),
        ];
    }

    // Every column is stored from a property of the class, and none gets its value from the database.
    private static bool IsOrdinary(IEntityType type) =>
        type.BaseType is null && !type.GetDirectlyDerivedTypes().Any() && !type.IsOwned()
            && !type.GetComplexProperties().Any()
        && type.GetProperties().All(p =>
               !p.IsShadowProperty() && p is { ValueGenerated: ValueGenerated.Never }
                   && p.GetBeforeSaveBehavior() is PropertySaveBehavior.Save);

    // How an entity is added, null where only EF can, where those are that hang on it, and the ids of those it hangs
    // on.
    private sealed record Node(RowStatement? Insert, IClrPropertyGetter[] Dependents, IClrPropertyGetter[] Holders);

    private sealed class Table
    {
        private readonly string name;
        private readonly int order;
        private readonly IProperty[] properties;
        private readonly RowColumn[] columns;
        private readonly int[] key;
        private readonly IProperty[] tokens;
        private readonly HashSet<IProperty> unique;
        private readonly ConcurrentDictionary<ulong, RowStatement> updates = [];

        public Table(IEntityType type, int order)
        {
            (name, this.order, properties) = (type.GetTableName()!, order, [.. type.GetProperties()]);
            columns = [.. properties.Select(RowColumn.Of)];
            key = [.. type.FindPrimaryKey()!.Properties.Select(p => Array.IndexOf(properties, p))];
            tokens = [.. properties.Where(p => p.IsConcurrencyToken)];
            unique = [.. type.GetIndexes().Where(i => i.IsUnique).SelectMany(i => i.Properties)];
            Insert = new(
                name, order,
                $"INSERT INTO \"{name}\" ({string.Join(", ", columns.Select(Quoted))}) VALUES "
                    + $"({string.Join(", ", columns.Select((_, i) => $"${i + 1}"))})",
                columns);
        }

        public RowStatement Insert { get; }

        /// <summary>Whether some value is another now of which there is only one in the table.</summary>
        public bool ChangesUnique(EntityEntry entry) => unique.Any(p => entry.Property(p).IsModified);

        /// <summary>The columns that are others now; null when only EF can write them.</summary>
        public RowWrite? Update(EntityEntry entry)
        {
            if (properties.Length > 64) return null;
            var changed = 0UL;
            for (var i = 0; i < properties.Length; i++)
                if (entry.Property(properties[i]).IsModified) changed |= 1UL << i;
            var were = new object[tokens.Length];
            for (var i = 0; i < tokens.Length; i++)
            {
                if (tokens[i].GetValueConverter() is not null || entry.Property(tokens[i]).OriginalValue is not { } was)
                    return null;
                were[i] = was;
            }

            return new(updates.GetOrAdd(changed, Update), entry.Entity, were);
        }

        private RowStatement Update(ulong changed)
        {
            RowColumn[] set = [.. columns.Where((_, i) => (changed & (1UL << i)) is not 0)];
            RowColumn[] where = [.. key.Select(i => columns[i])];
            var conditions =
                where.Select(Quoted).Concat(tokens.Select(t => $"\"{t.GetColumnName()}\""))
                    .Select((column, i) => $"{column} = ${set.Length + i + 1}");
            return new(
                name, order,
                $"UPDATE \"{name}\" SET "
                    + $"{string.Join(", ", set.Select((column, i) => $"{Quoted(column)} = ${i + 1}"))} WHERE "
                    + $"{string.Join(" AND ", conditions)}",
                [.. set, .. where]);
        }

        private static string Quoted(RowColumn column) => $"\"{column.Name}\"";
    }
}
