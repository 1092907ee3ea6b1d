using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http.Metadata;
using Usher.Core;
using Usher.Server.Errors;
using Usher.Server.Json;

namespace Usher.Server.Api;

/// <summary>Why a body, or a parameter, does not have the shape the API asks for.</summary>
internal static class ShapeErrors
{
    public static Error Missing(string field) => new(ErrorKind.Invalid, "property_missing", "This is needed.", field);

    public static Error Unknown(string field, IEnumerable<string> known) =>
        new(
            ErrorKind.Invalid, "property_unknown", $"There is no such property. There are: {string.Join(", ", known)}.",
            field);

    public static Error Doubled(string field) =>
        new(ErrorKind.Invalid, "property_doubled", "This stands here twice.", field);

    public static Error Invalid(string field, string expected) =>
        new(ErrorKind.Invalid, "value_invalid", $"Expected {expected}.", field);

    public static Error ParameterUnknown(string name, IEnumerable<string> known) =>
        new(
            ErrorKind.Invalid, "parameter_unknown",
            $"There is no such parameter here. There are: {string.Join(", ", known)}.", "?" + name);

    public static Error ParameterInvalid(string name, string expected) =>
        new(ErrorKind.Invalid, "parameter_invalid", $"Expected {expected}.", "?" + name);
}

/// <summary>
/// A body read against the shape of a record: whatever is missing, unknown or of the wrong sort is a fault with its
/// pointer, and the rest is read all the same, so that the core can say what else is wrong with it.
/// </summary>
internal sealed class ApiBody<T> : IEndpointParameterMetadataProvider
    where T : class
{
    private readonly FaultList faults;

    private ApiBody(T value, FaultList found) => (Value, faults) = (value, found);

    /// <summary>What was given. Where there are faults, the faulty parts are left out, even needed ones.</summary>
    public T Value { get; }

    /// <summary>Null when the shape is right; else its faults, and those the core finds with the rest.</summary>
    /// <param name="others">Judges what could be read.</param>
    public IResult? Refusal(Func<T, IEnumerable<Error>>? others = null)
    {
        if (faults.Count is 0) return null;
        if (faults[0].Kind is not ErrorKind.Invalid || others is null) return new ErrorResult(Error.Of(faults)!);
        var missing = faults.Select(f => f.Field).ToHashSet(StringComparer.Ordinal);
        return new ErrorResult(
            Error.Of(faults.Concat(others(Value).Where(e => e.Field is not null && !missing.Contains(e.Field))))!);
    }

    public static async ValueTask<ApiBody<T>?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        ArgumentNullException.ThrowIfNull(context);
        var info = (JsonTypeInfo<T>)ApiJson.Lenient.GetTypeInfo(typeof(T));
        FaultList found = [];
        var read = await JsonBody.ReadAsync(context.Request, context.RequestAborted);
        if (!read.TryGet(out var body, out var refused)) return new(Parse("{}"u8), [refused]);

        if (body.ValueKind is JsonValueKind.Undefined) body = JsonElement.Parse("{}");
        var shape = ApiJson.Strict.GetTypeInfo(typeof(T));
        new Walk(found, writer: null).Object(body, shape, "");
        if (found.Count is 0) return new(Parse(JsonMarshal.GetRawUtf8Value(body)), found);

        // Only what has faults is copied: bodies may be long.
        var kept = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(kept))
            if (!new Walk([], writer).Object(body, shape, "")) writer.WriteRawValue("{}");
        return new(Parse(kept.WrittenSpan), found);

        T Parse(ReadOnlySpan<byte> json) => JsonSerializer.Deserialize(json, info)!;
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Metadata.Add(new AcceptsMetadata(["application/json"], typeof(T)));
    }

    // Notes what has not the right shape, and copies the rest where there is a writer.
    private sealed class Walk(FaultList faults, Utf8JsonWriter? writer)
    {
        private static readonly ConcurrentDictionary<JsonTypeInfo, FrozenDictionary<string, JsonPropertyInfo>> Known =
            [];

        public bool Object(JsonElement element, JsonTypeInfo info, string at)
        {
            if (element.ValueKind is not JsonValueKind.Object) return Fault(at, "an object");
            writer?.WriteStartObject();
            var known = Known.GetOrAdd(
                info, static of => of.Properties.ToFrozenDictionary(p => p.Name, StringComparer.Ordinal));
            HashSet<string> seen = [];
            foreach (var member in element.EnumerateObject())
            {
                if (faults.IsFull) break;
                var field = Under(at, member.Name);
                if (!known.TryGetValue(member.Name, out var property))
                    faults.Add(ShapeErrors.Unknown(field, known.Keys));
                else if (!seen.Add(member.Name)) faults.Add(ShapeErrors.Doubled(field));
                else if (member.Value.ValueKind is JsonValueKind.Null
                        && !MayBeNull(property)) faults.Add(ShapeErrors.Invalid(field, "a value, not null"));
                else if (Fits(member.Value, property.PropertyType, field) && writer is not null)
                {
                    writer.WritePropertyName(member.Name);
                    member.Value.WriteTo(writer);
                }
            }

            foreach (var property in info.Properties)
                if (property.IsRequired && !seen.Contains(property.Name))
                    faults.Add(ShapeErrors.Missing(Under(at, property.Name)));
            writer?.WriteEndObject();
            return true;
        }

        private bool Fits(JsonElement element, Type type, string at)
        {
            if (element.ValueKind is JsonValueKind.Null) return true;
            if (faults.IsFull) return false;
            var before = faults.Count;
            var info = ApiJson.Strict.GetTypeInfo(type);
            switch (info.Kind)
            {
                case JsonTypeInfoKind.Object:
                    new Walk(faults, writer: null).Object(element, info, at);
                    break;
                case JsonTypeInfoKind.Enumerable when element.ValueKind is JsonValueKind.Array:
                    var index = 0;
                    foreach (var one in element.EnumerateArray())
                    {
                        if (faults.IsFull) break;
                        var place = Under(at, $"{index++}");
                        if (one.ValueKind is JsonValueKind.Null)
                            faults.Add(ShapeErrors.Invalid(place, "a value, not null"));
                        else Fits(one, type.GetGenericArguments()[0], place);
                    }

                    break;
                case JsonTypeInfoKind.Dictionary when element.ValueKind is JsonValueKind.Object:
                    foreach (var entry in element.EnumerateObject())
                    {
                        if (faults.IsFull) break;
                        var (value, place) = (type.GetGenericArguments()[1], Under(at, entry.Name));
                        if (entry.Value.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
                            faults.Add(ShapeErrors.Invalid(place, "a string"));
                        else Fits(entry.Value, value, place);
                    }

                    break;
                case JsonTypeInfoKind.None when type == typeof(string) && IsPlainText(element):
                    break;
                case JsonTypeInfoKind.None:
                    try
                    {
                        JsonSerializer.Deserialize(element, info);
                    }
                    catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
                    {
                        faults.Add(ShapeErrors.Invalid(at, Expected(type)));
                    }

                    break;
                default:
                    faults.Add(ShapeErrors.Invalid(
                        at, info.Kind is JsonTypeInfoKind.Enumerable ? "an array" : "an object"));
                    break;
            }

            return faults.Count == before;
        }

        // Without escapes, which may bring half a surrogate pair in, it is told from the bytes: no string is made only
        // to be thrown away.
        private static bool IsPlainText(JsonElement element)
        {
            if (element.ValueKind is not JsonValueKind.String) return false;
            var raw = JsonMarshal.GetRawUtf8Value(element);
            return !raw.Contains((byte)'\\') && Utf8.IsValid(raw);
        }

        private bool Fault(string at, string expected)
        {
            faults.Add(ShapeErrors.Invalid(at, expected));
            return false;
        }

        private static bool MayBeNull(JsonPropertyInfo property) =>
            property.PropertyType.IsValueType
                ? Nullable.GetUnderlyingType(property.PropertyType) is not null || IsOptional(property.PropertyType)
                : property.IsSetNullable;

        private static bool IsOptional(Type type) =>
            type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Optional<>);

        private static string Expected(Type type)
        {
            type = IsOptional(type) ? type.GetGenericArguments()[0] : type;
            type = Nullable.GetUnderlyingType(type) ?? type;
            if (type.IsEnum)
                return "one of " + string.Join(", ", Enum.GetNames(type).Select(Core.Data.SnakeCaseName.Of));
            return type == typeof(string)
                ? "a string"
                : type == typeof(bool)
                ? "true or false"
                : type == typeof(int)
                ? "a whole number"
                : "an instant as in 2026-11-22T08:00:00Z";
        }

        private static string Under(string at, string name)
        {
            // RFC 6901; a name is cut, for an error is not a way to send text around.
            var part = (name.Length > 64 ? name[..64] : name).Replace("~", "~0", StringComparison.Ordinal)
                .Replace("/", "~1", StringComparison.Ordinal);
            return at is "" ? part : $"{at}/{part}";
        }
    }
}
