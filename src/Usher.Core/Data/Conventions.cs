using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Metadata.Conventions;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Usher.Core.Access;

namespace Usher.Core.Data;

/// <summary>
/// A row with a version as its concurrency token. <see cref="Unit"/> increments it with every change of the row or of
/// rows that depend on it.
/// </summary>
public interface IVersioned
{
    /// <summary>0 for a new row.</summary>
    int Version { get; set; }
}

/// <summary>An item with a name that is unique in its organization.</summary>
public interface INamed
{
    string Name { get; set; }

    /// <summary><see cref="Text.Key"/> of the name.</summary>
    string NameKey { get; set; }
}

/// <summary>How values are stored in the columns of both databases.</summary>
internal static class Conventions
{
    private const string KeyText = "Usher:KeyText";

    /// <summary>
    /// Configures a text that is compared, ordered and searched by prefix. It is ordered by bytes on both databases.
    /// </summary>
    public static PropertyBuilder<T> IsKeyText<T>(this PropertyBuilder<T> property) =>
        property.HasAnnotation(KeyText, true);

    /// <summary>
    /// Configures values that the two databases would store differently. Enums are stored as snake_case names on both.
    /// On SQLite, UUIDs are stored as 16 bytes and instants as milliseconds.
    /// </summary>
    public static void ConfigureValues(ModelConfigurationBuilder configuration, bool sqlite)
    {
        configuration.Conventions.Add(_ => new SnakeCaseConvention());
        foreach (var type in typeof(UsherDb).Assembly.GetTypes()
                .Where(t => t.IsEnum && t.Namespace!.StartsWith("Usher.Core", StringComparison.Ordinal)))
            configuration.Properties(type).HaveConversion(typeof(SnakeCaseEnum<>).MakeGenericType(type));
        configuration.Properties<Grants>().HaveConversion<GrantsText>();
        configuration.Properties<GrantLog>().HaveConversion<GrantLogText>();
        configuration.Properties<Dictionary<string, string>>()
            .HaveConversion<JsonDictionary<string>, JsonDictionaryComparer<string>>();
        configuration.Properties<Dictionary<string, int>>()
            .HaveConversion<JsonDictionary<int>, JsonDictionaryComparer<int>>();
        if (!sqlite) return;
        configuration.Properties<Guid>().HaveConversion<BigEndianUuid>();
        configuration.Properties<DateTimeOffset>().HaveConversion<Milliseconds>();
    }

    public static void Apply(ModelBuilder model, bool postgres)
    {
        foreach (var entity in model.Model.GetEntityTypes())
        {
            if (typeof(IVersioned).IsAssignableFrom(entity.ClrType))
                entity.FindProperty(nameof(IVersioned.Version))!.IsConcurrencyToken = true;
            foreach (var key in entity.GetKeys().SelectMany(k => k.Properties).Where(p => p.ClrType == typeof(Guid)))
                key.ValueGenerated = ValueGenerated.Never;
            foreach (var property in entity.GetProperties())
            {
                if (property.FindAnnotation(KeyText) is null) continue;
                property.RemoveAnnotation(KeyText);
                if (postgres) property.SetCollation("C");
            }
        }
    }

    private sealed class SnakeCaseConvention : IModelFinalizingConvention
    {
        public void ProcessModelFinalizing(
            IConventionModelBuilder modelBuilder, IConventionContext<IConventionModelBuilder> context)
        {
            foreach (var entity in modelBuilder.Metadata.GetEntityTypes())
            {
                if (entity.GetTableName() is { } table && !entity.IsMappedToJson())
                    entity.SetTableName(SnakeCase(table.Replace("AspNet", "", StringComparison.Ordinal)));
                if (entity.IsMappedToJson()) entity.SetContainerColumnName(SnakeCase(entity.GetContainerColumnName()!));
                else
                    foreach (var property in entity.GetProperties())
                        property.SetColumnName(SnakeCase(property.GetColumnName()));
                foreach (var key in entity.GetKeys()) key.SetName(SnakeCase(key.GetName()));
                foreach (var key in entity.GetForeignKeys()) key.SetConstraintName(SnakeCase(key.GetConstraintName()));
                foreach (var index in entity.GetIndexes()) index.SetDatabaseName(SnakeCase(index.GetDatabaseName()));
            }
        }

        [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(name))]
        private static string? SnakeCase(string? name) =>
            name?.Replace("AspNet", "", StringComparison.Ordinal) is { } text ? SnakeCaseName.Of(text) : null;
    }

    internal sealed class SnakeCaseEnum<T>()
        : ValueConverter<T, string>(v => SnakeCaseName.Of(v), v => SnakeCaseName.Parse<T>(v))
        where T : struct, Enum;

    internal sealed class BigEndianUuid()
        : ValueConverter<Guid, byte[]>(v => v.ToByteArray(true), v => new Guid(v, true));

    internal sealed class Milliseconds()
        : ValueConverter<DateTimeOffset, long>(
            v => v.ToUnixTimeMilliseconds(), v => DateTimeOffset.FromUnixTimeMilliseconds(v));

    internal sealed class GrantsText() : ValueConverter<Grants, string>(v => v.ToString(), v => Grants.Parse(v));

    internal sealed class GrantLogText() : ValueConverter<GrantLog, string>(v => v.ToString(), v => GrantLog.Parse(v));

    internal sealed class JsonDictionary<T>() : ValueConverter<Dictionary<string, T>, string>(
        v =>
            JsonSerializer.Serialize(v, JsonSerializerOptions.Default), v =>
                JsonSerializer.Deserialize<Dictionary<string, T>>(v, JsonSerializerOptions.Default)!);

    internal sealed class JsonDictionaryComparer<T>() : ValueComparer<Dictionary<string, T>>(
        (a, b) =>
            JsonSerializer.Serialize(
                a, JsonSerializerOptions.Default) == JsonSerializer.Serialize(b, JsonSerializerOptions.Default),
            v =>
                v.Count, v => new(v));
}

/// <summary>
/// Converts enum names between <c>PowerUser</c> and <c>power_user</c>. The database and our own API use the snake_case
/// names.
/// </summary>
public static class SnakeCaseName
{
    public static string Of(string pascal)
    {
        var text = new StringBuilder(pascal.Length + 4);
        for (var i = 0; i < pascal.Length; i++)
        {
            if (i > 0 && char.IsUpper(pascal[i])
                    && (
                           char.IsLower(pascal[i - 1])
                               || (i + 1 < pascal.Length && char.IsLower(pascal[i + 1]) && pascal[i - 1] is not '_')))
                text.Append('_');
            text.Append(char.ToLowerInvariant(pascal[i]));
        }

        return text.ToString();
    }

    /// <summary>The snake_case name of a value.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum => Names<T>.ByValue.TryGetValue(value, out var name) ? name : Of(value.ToString());

    /// <exception cref="ArgumentException">There is no value with that name.</exception>
    public static T Parse<T>(string name)
        where T : struct, Enum =>
            Names<T>.ByName.TryGetValue(name, out var value)
                ? value
                : Enum.Parse<T>(name.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);

    // Cached, because almost every row read or written contains enum values.
    private static class Names<T>
        where T : struct, Enum
    {
        public static readonly FrozenDictionary<T, string> ByValue = Enum.GetValues<T>().Distinct()
            .ToFrozenDictionary(value => value, value => Of(value.ToString()));
        public static readonly FrozenDictionary<string, T> ByName = ByValue.ToFrozenDictionary(
            pair => pair.Value, pair => pair.Key);
    }
}
