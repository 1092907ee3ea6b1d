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

namespace Usher.Server.Api.Http;

/// <summary>
/// A request body that is read against the shape of a record. Every missing, unknown or mistyped property becomes an
/// error with its pointer. The rest is still read, so that the core can report its own errors in the same answer.
/// </summary>
internal sealed class ApiBody<T> : IEndpointParameterMetadataProvider
    where T : class
{
    private readonly FaultList faults;

    private ApiBody(T value, FaultList found) => (Value, faults) = (value, found);

    /// <summary>The body. Faulty properties are left out, even required ones.</summary>
    public T Value { get; }

    /// <summary>Null when the shape is right; otherwise all errors of the body.</summary>
    /// <param name="others">Validates what could be read; its errors are added.</param>
    public IResult? Refusal(Func<T, IEnumerable<Error>>? others = null)
    {
        if (faults.Count is 0) return null;
        if (faults[0].Kind is not ErrorKind.Invalid || others is null) return new ErrorResult(Error.Of(faults)!);
        var missing = faults.Select(f => f.Field).ToHashSet();
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
        new ShapeValidator(found, writer: null).Object(body, shape, "");
        if (found.Count is 0) return new(Parse(JsonMarshal.GetRawUtf8Value(body)), found);

        // The body is copied only when it has faults, because it may be long.
        var kept = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(kept))
            if (!new ShapeValidator([], writer).Object(body, shape, "")) writer.WriteRawValue("{}");
        return new(Parse(kept.WrittenSpan), found);

        T Parse(ReadOnlySpan<byte> json) => JsonSerializer.Deserialize(json, info)!;
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Metadata.Add(new AcceptsMetadata(["application/json"], typeof(T)));
    }

    // Collects the faults of a value, and copies its valid parts where there is a writer.
    private sealed class ShapeValidator(FaultList faults, Utf8JsonWriter? writer)
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
                else if (Validate(member.Value, property.PropertyType, field) && writer is not null)
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

        private bool Validate(JsonElement element, Type type, string at)
        {
            if (element.ValueKind is JsonValueKind.Null) return true;
            if (faults.IsFull) return false;
            var before = faults.Count;
            var info = ApiJson.Strict.GetTypeInfo(type);
            switch (info.Kind)
            {
                case JsonTypeInfoKind.Object:
                    new ShapeValidator(faults, writer: null).Object(element, info, at);
                    break;
                case JsonTypeInfoKind.Enumerable when element.ValueKind is JsonValueKind.Array:
                    var index = 0;
                    foreach (var one in element.EnumerateArray())
                    {
                        if (faults.IsFull) break;
                        var place = Under(at, $"{index++}");
                        if (one.ValueKind is JsonValueKind.Null)
                            faults.Add(ShapeErrors.Invalid(place, "a value, not null"));
                        else Validate(one, type.GetGenericArguments()[0], place);
                    }

                    break;
                case JsonTypeInfoKind.Dictionary when element.ValueKind is JsonValueKind.Object:
                    foreach (var entry in element.EnumerateObject())
                    {
                        if (faults.IsFull) break;
                        var (value, place) = (type.GetGenericArguments()[1], Under(at, entry.Name));
                        if (entry.Value.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
                            faults.Add(ShapeErrors.Invalid(place, "a string"));
                        else Validate(entry.Value, value, place);
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

        // Without escapes, only the UTF-8 has to be checked, which needs no string. Escapes may contain half of a
        // surrogate pair and take the slow path.
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
                : "a date and time such as 2026-11-22T08:00:00Z";
        }

        private static string Under(string at, string name)
        {
            // RFC 6901. Long names are cut, so that an error cannot carry arbitrary text of the caller.
            var part = (name.Length > 64 ? name[..64] : name).Replace("~", "~0", StringComparison.Ordinal)
                .Replace("/", "~1", StringComparison.Ordinal);
            return at is "" ? part : $"{at}/{part}";
        }
    }
}
