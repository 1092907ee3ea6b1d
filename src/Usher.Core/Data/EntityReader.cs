using System.Data.Common;
using System.Linq.Expressions;
using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Usher.Core.Data;

/// <summary>Reads entities out of the rows of a <see cref="Statement"/>, as EF's own model says they are stored; tracked by nobody.</summary>
internal sealed class EntityReader<T>
    where T : class
{
    private readonly Func<DbDataReader, int, T> read;

    public EntityReader(IModel model)
    {
        var type = model.FindEntityType(typeof(T))!;
        IProperty[] properties = [.. type.GetProperties()];
        Columns = [.. properties.Select(p => p.GetColumnName())];

        var (reader, first, entity) = (Expression.Parameter(typeof(DbDataReader)), Expression.Parameter(typeof(int)), Expression.Variable(typeof(T)));
        List<Expression> body = [Expression.Assign(entity, Expression.New(typeof(T).GetConstructor(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic, [])!))];
        for (var i = 0; i < properties.Length; i++) body.Add(Assign(entity, properties[i], reader, Expression.Add(first, Expression.Constant(i))));
        body.Add(entity);
        read = Expression.Lambda<Func<DbDataReader, int, T>>(Expression.Block([entity], body), reader, first).Compile();
    }

    /// <summary>The columns to select, in this order.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>The entity whose columns begin at <paramref name="first"/>.</summary>
    public T Read(DbDataReader reader, int first) => read(reader, first);

    private static BinaryExpression Assign(Expression entity, IProperty property, Expression reader, Expression ordinal)
    {
        var mapping = property.GetRelationalTypeMapping();
        var get = mapping.GetDataReaderMethod();
        var value = mapping.CustomizeDataReaderExpression(Expression.Call(get.DeclaringType == typeof(DbDataReader) ? reader : Expression.Convert(reader, get.DeclaringType!), get, ordinal));
        if (mapping.Converter is { } converter)
        {
            var convert = converter.ConvertFromProviderExpression;
            value = Expression.Invoke(convert, value.Type == convert.Parameters[0].Type ? value : Expression.Convert(value, convert.Parameters[0].Type));
        }

        if (value.Type != property.ClrType) value = Expression.Convert(value, property.ClrType);
        if (property.IsNullable) value = Expression.Condition(Expression.Call(reader, nameof(DbDataReader.IsDBNull), null, ordinal), Expression.Default(property.ClrType), value);
        return Expression.Assign(Expression.MakeMemberAccess(entity, property.PropertyInfo is { CanWrite: true } settable ? settable : property.FieldInfo!), value);
    }
}
