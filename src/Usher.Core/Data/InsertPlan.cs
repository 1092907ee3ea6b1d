using System.Collections;
using System.Collections.Frozen;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Usher.Core.Data;

/// <summary>A row to be written.</summary>
/// <param name="Table">Where.</param>
/// <param name="Entity">What is read when it is.</param>
internal readonly record struct InsertRow(InsertTable Table, object Entity);

/// <summary>A table that rows are added to.</summary>
/// <param name="name">What it is called.</param>
/// <param name="order">Its place among the tables: a row comes after those it refers to.</param>
/// <param name="sql">The INSERT of one row, with parameters $1, $2, … in the columns' order.</param>
/// <param name="columns">All its columns.</param>
internal sealed class InsertTable(string name, int order, string sql, InsertColumn[] columns)
{
    public string Name => name;

    public int Order => order;

    public string Sql => sql;

    public InsertColumn[] Columns => columns;
}

/// <summary>
/// How rows of each table are added, made once from EF's own model: a save that only adds needs none of what EF does to be ready for every kind of save, and
/// that is most of what an invite costs. Tables of which the model says anything out of the ordinary stay with EF.
/// </summary>
internal sealed class InsertPlan
{
    // Made when the first row of their kind is added: all of them at once would be a tenth of a start.
    private readonly FrozenDictionary<IEntityType, Lazy<InsertTable?>> tables;
    private readonly FrozenDictionary<Type, Lazy<Node>> nodes;

    public InsertPlan(IModel model)
    {
        List<IEntityType> ordered = [];
        foreach (var type in model.GetEntityTypes().Where(t => t.GetTableName() is not null)) AddAfterPrincipals(type);
        var sharing = ordered.GroupBy(t => t.GetTableName()).Where(g => g.Count() > 1).Select(g => g.Key).ToHashSet();
        tables = ordered.Index().ToFrozenDictionary(t => t.Item, t => new Lazy<InsertTable?>(() => !sharing.Contains(t.Item.GetTableName()) && IsOrdinary(t.Item) ? Table(t.Item, t.Index) : null));
        nodes = ordered.Where(t => !t.IsOwned()).ToFrozenDictionary(t => t.ClrType, t => new Lazy<Node>(() => new(tables[t].Value, [.. t.GetNavigations().Where(n => !n.IsOnDependent).Select(n => n.GetGetter())],
            [.. t.GetForeignKeys().Where(k => k.PrincipalToDependent is not null).Select(k => k.Properties[^1].GetGetter())])));

        void AddAfterPrincipals(IEntityType type)
        {
            if (ordered.Contains(type)) return;
            foreach (var key in type.GetForeignKeys().Where(k => k.PrincipalEntityType != type)) AddAfterPrincipals(key.PrincipalEntityType);
            if (!ordered.Contains(type)) ordered.Add(type);
        }
    }

    /// <summary>The rows a save would add, in an order that can be written; null when some are such that only EF can add them.</summary>
    /// <param name="entries">What is tracked.</param>
    /// <param name="added">What nobody tracks, to be added with all that is in its collections.</param>
    public List<InsertRow>? Read(IReadOnlyList<EntityEntry> entries, IReadOnlyList<object> added)
    {
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        List<InsertRow> rows = [];
        foreach (var entry in entries)
        {
            seen.Add(entry.Entity);
            if (entry.State is not EntityState.Added) continue;
            if (tables.GetValueOrDefault(entry.Metadata)?.Value is not { } table) return null;
            rows.Add(new(table, entry.Entity));
        }

        foreach (var entity in added)
            if (!Add(entity)) return null;
        rows.Sort((a, b) => a.Table.Order.CompareTo(b.Table.Order));
        return rows;

        bool Add(object entity)
        {
            if (!seen.Add(entity)) return true;
            if (nodes[entity.GetType()].Value is not { Table: { } table } node) return false;
            rows.Add(new(table, entity));
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
        added.SelectMany(entity => nodes[entity.GetType()].Value.Holders.Select(holder => holder.GetClrValue(entity)).OfType<object>());

    /// <summary>Whether the rows can be added after what EF changes: nothing changed may come to refer to one of them.</summary>
    public static bool MayFollow(IEnumerable<EntityEntry> entries, IEnumerable<InsertRow> rows)
    {
        var added = rows.Select(row => row.Table.Name).ToHashSet();
        return !entries.Any(e => e.State is EntityState.Modified && e.Metadata.GetForeignKeys().Any(k => added.Contains(k.PrincipalEntityType.GetTableName()!)));
    }

    // Every column is stored from a property of the class, and none gets its value from the database.
    private static bool IsOrdinary(IEntityType type) =>
        type.BaseType is null && !type.GetDirectlyDerivedTypes().Any() && !type.IsOwned() && !type.GetComplexProperties().Any()
        && type.GetProperties().All(p => !p.IsShadowProperty() && p is { ValueGenerated: ValueGenerated.Never } && p.GetBeforeSaveBehavior() is PropertySaveBehavior.Save);

    // How an entity is added, null where only EF can, where those are that hang on it, and the ids of those it hangs on.
    private sealed record Node(InsertTable? Table, IClrPropertyGetter[] Dependents, IClrPropertyGetter[] Holders);

    private static InsertTable Table(IEntityType type, int order)
    {
        IProperty[] properties = [.. type.GetProperties()];
        var columns = string.Join(", ", properties.Select(p => $"\"{p.GetColumnName()}\""));
        var parameters = string.Join(", ", properties.Select((_, i) => $"${i + 1}"));
        return new(type.GetTableName()!, order, $"INSERT INTO \"{type.GetTableName()}\" ({columns}) VALUES ({parameters})", [.. properties.Select(InsertColumn.Of)]);
    }
}
