using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Usher.Core.Data;

/// <summary>
/// A column, the property it is stored from, and how the model stores it. The other way round it is EF.
/// </summary>
internal abstract class RowColumn(string name)
{
    public string Name => name;

    /// <summary>Hands an entity's value to a prepared statement.</summary>
    /// <param name="statement">On SQLite.</param>
    /// <param name="place">From 1.</param>
    /// <param name="entity">Of the column's table.</param>
    public abstract void Bind(SqliteRowStatement statement, int place, object entity);

    /// <summary>The same as a parameter on PostgreSQL.</summary>
    public abstract NpgsqlParameter Parameter(object entity);

    /// <summary>The same into a COPY.</summary>
    public abstract Task CopyAsync(NpgsqlBinaryImporter copy, object entity, CancellationToken ct);

    public static RowColumn Of(IProperty property)
    {
        var mapping = property.GetRelationalTypeMapping();
        var entity = Expression.Parameter(typeof(object));
        Expression own = Expression.MakeMemberAccess(
            Expression.Convert(entity, property.DeclaringType.ClrType),
            (System.Reflection.MemberInfo?)property.PropertyInfo ?? property.FieldInfo!);
        var (value, type) = (own, Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType);
        if (type != property.ClrType) value = Expression.Property(value, nameof(Nullable<int>.Value));
        if (type != typeof(Guid) && type != typeof(DateTimeOffset)
                && mapping.Converter?.ConvertToProviderExpression is { } convert)
            value = Expression.Invoke(convert, Expression.Convert(value, convert.Parameters[0].Type));

        var isNull = property.ClrType.IsValueType && type == property.ClrType
            ? null
            : Expression.Lambda<Func<object, bool>>(
                Expression.Equal(own, Expression.Constant(null, property.ClrType)), entity).Compile();
        return (RowColumn)Activator.CreateInstance(
            typeof(Column<>).MakeGenericType(value.Type), property.GetColumnName(), mapping, isNull,
            Expression.Lambda(value, entity).Compile())!;
    }

    /// <param name="name">Of the column.</param>
    /// <param name="mapping">The model's.</param>
    /// <param name="isNull">Null where no value is.</param>
    /// <param name="read">A value that is not.</param>
    private sealed class Column<T>(
        string name, RelationalTypeMapping mapping, Func<object, bool>? isNull, Func<object, T> read) : RowColumn(name)
    {
        private readonly Lazy<NpgsqlDbType> type = new(() =>
            ((NpgsqlParameter)mapping.CreateParameter(
                new NpgsqlCommand(), "value", null, nullable: true)).NpgsqlDbType);

        public override void Bind(SqliteRowStatement statement, int place, object entity)
        {
            if (IsNull(entity)) statement.BindNull(place);
            else statement.Bind(place, read(entity));
        }

        public override NpgsqlParameter Parameter(object entity) =>
            IsNull(entity)
                ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = type.Value }
                : new NpgsqlParameter<T> { TypedValue = read(entity), NpgsqlDbType = type.Value };

        public override Task CopyAsync(NpgsqlBinaryImporter copy, object entity, CancellationToken ct) =>
            IsNull(entity) ? copy.WriteNullAsync(ct) : copy.WriteAsync(read(entity), type.Value, ct);

        private bool IsNull(object entity) => isNull is not null && isNull(entity);
    }
}
