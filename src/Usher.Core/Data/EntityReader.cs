using System.Linq.Expressions;
using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;

namespace Usher.Core.Data;

/// <summary>Reads entities out of the rows of a <see cref="Statement"/>, as EF's own model says they are stored; tracked by nobody.</summary>
internal sealed class EntityReader<T>
    where T : class
{
    private readonly Func<ResultRow, T> read;

    /// <param name="model">Any context's.</param>
    /// <param name="first">Where its columns begin in the row.</param>
    public EntityReader(IModel model, int first)
    {
        var type = model.FindEntityType(typeof(T))!;
        IProperty[] properties = [.. type.GetProperties()];
        Columns = [.. properties.Select(p => p.GetColumnName())];
        End = first + properties.Length;

        var (row, entity) = (Expression.Parameter(typeof(ResultRow)), Expression.Variable(typeof(T)));
        List<Expression> body = [Expression.Assign(entity, Expression.New(typeof(T).GetConstructor(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic, [])!))];
        for (var i = 0; i < properties.Length; i++) body.Add(Assign(entity, properties[i], row, Expression.Constant(first + i)));
        body.Add(entity);
        read = Expression.Lambda<Func<ResultRow, T>>(Expression.Block([entity], body), row).Compile();
    }

    /// <summary>The columns to select, in this order.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Where they have ended.</summary>
    public int End { get; }

    public T Read(ResultRow row) => read(row);

    private static BinaryExpression Assign(Expression entity, IProperty property, Expression row, Expression column)
    {
        var type = Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType;
        var value = type == typeof(Guid) ? Read(nameof(ResultRow.Id))
            : type == typeof(DateTimeOffset) ? Read(nameof(ResultRow.Instant))
            : Converted(property.GetRelationalTypeMapping());
        if (value.Type != property.ClrType) value = Expression.Convert(value, property.ClrType);
        if (property.IsNullable) value = Expression.Condition(Read(nameof(ResultRow.IsNull)), Expression.Default(property.ClrType), value);
        return Expression.Assign(Expression.MakeMemberAccess(entity, property.PropertyInfo is { CanWrite: true } settable ? settable : property.FieldInfo!), value);

        Expression Converted(RelationalTypeMapping mapping)
        {
            if (mapping.Converter is not { } converter) return Stored(type);
            var convert = converter.ConvertFromProviderExpression;
            return Expression.Invoke(convert, Stored(convert.Parameters[0].Type));
        }

        Expression Stored(Type stored) =>
            stored == typeof(string) ? Read(nameof(ResultRow.Text))
            : stored == typeof(bool) ? Read(nameof(ResultRow.Flag))
            : stored == typeof(int) || stored == typeof(long) ? Expression.Convert(Read(nameof(ResultRow.Integer)), stored)
            : Expression.Call(row, nameof(ResultRow.Value), [stored], column);

        Expression Read(string method) => Expression.Call(row, method, null, column);
    }
}
