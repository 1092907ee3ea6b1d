using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.OpenApi;
using Usher.Core;
using Usher.Core.Data;
using Usher.Server.Api.Http;

namespace Usher.Server.Api.OpenApi;

/// <summary>
/// The schemas of request and response bodies, from the serializer's own metadata. A record becomes a component. A
/// request allows no further properties and requires what the record requires. A response always has all properties,
/// except those that are left out when null.
/// </summary>
internal sealed class ApiSchemas(OpenApiDocument document, XmlDocs docs)
{
    private readonly Dictionary<(Type, bool Read), string> components = [];
    private readonly NullabilityInfoContext nullability = new();

    /// <summary>The schema of a response body.</summary>
    public IOpenApiSchema Written(Type type) => Of(type, read: false);

    /// <summary>The schema of a request body.</summary>
    public IOpenApiSchema Read(Type type) => Of(type, read: true);

    /// <summary>The schema of a query parameter.</summary>
    public IOpenApiSchema Parameter(Type type, bool many) =>
        many ? new OpenApiSchema { Type = JsonSchemaType.Array, Items = Of(type, read: true) } : Of(type, read: true);

    private IOpenApiSchema Of(Type type, bool read)
    {
        if (type == typeof(string)) return new OpenApiSchema { Type = JsonSchemaType.String };
        if (type == typeof(bool)) return new OpenApiSchema { Type = JsonSchemaType.Boolean };
        if (type == typeof(int)) return new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32" };
        if (type == typeof(long)) return new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64" };
        if (type == typeof(DateTimeOffset))
            return new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" };
        if (type.IsEnum) return Component(type, read: false, EnumInto);

        var info = ApiJson.Strict.GetTypeInfo(type);
        return info.Kind switch
        {
            JsonTypeInfoKind.Object => Component(type, read, (schema, _, _) => ObjectInto(schema, info, read)),
            JsonTypeInfoKind.Enumerable =>
                new OpenApiSchema { Type = JsonSchemaType.Array, Items = Of(info.ElementType!, read) },
            JsonTypeInfoKind.Dictionary =>
                new OpenApiSchema { Type = JsonSchemaType.Object, AdditionalProperties = Of(info.ElementType!, read) },
            _ => new OpenApiSchema(), // any JSON
        };
    }

    private OpenApiSchemaReference Component(Type type, bool read, Action<OpenApiSchema, Type, bool> fill)
    {
        if (!components.TryGetValue((type, read), out var id))
        {
            id = NameOf(type);
            if (read && !id.EndsWith("Request", StringComparison.Ordinal)) id += "Request";
            if (components.ContainsValue(id))
                throw new InvalidOperationException($"Two schemas would be called {id}; the second is {type}.");
            components.Add((type, read), id);
            // Registered before it is filled, because a record may contain itself.
            var schema = new OpenApiSchema { Description = docs.Of(type) };
            document.AddComponent(id, schema);
            fill(schema, type, read);
        }

        return new(id, document);
    }

    private void ObjectInto(OpenApiSchema schema, JsonTypeInfo info, bool read)
    {
        (schema.Type, schema.AdditionalPropertiesAllowed) = (JsonSchemaType.Object, !read);
        schema.Properties = new Dictionary<string, IOpenApiSchema>();
        schema.Required = new HashSet<string>();
        foreach (var property in info.Properties)
        {
            var member = info.Type.GetProperties().Single(p =>
                JsonNamingPolicy.CamelCase.ConvertName(p.Name) == property.Name
                    || p.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name == property.Name);
            var leftOut = member.GetCustomAttribute<JsonIgnoreAttribute>() is not null;
            if (read ? property.IsRequired : !leftOut) schema.Required.Add(property.Name);
            schema.Properties.Add(property.Name, Property(property, member, read, mayBeNull: read || !leftOut));
        }
    }

    private IOpenApiSchema Property(JsonPropertyInfo property, PropertyInfo member, bool read, bool mayBeNull)
    {
        var type = Bare(property.PropertyType);
        var schema = Of(type, read);
        var asNull = new NullabilityInfo[] { nullability.Create(member) }.SelectMany(n => n.GenericTypeArguments)
            .LastOrDefault();
        if (schema is OpenApiSchema { AdditionalProperties: OpenApiSchema value }
                && asNull?.ReadState is NullabilityState.Nullable)
            value.Type |= JsonSchemaType.Null;
        if (mayBeNull
                && (
                       type != property.PropertyType
                           || (!type.IsValueType && (read ? property.IsSetNullable : property.IsGetNullable))))
            schema = OrNull(schema);

        var (description, example) = (docs.Of(member), docs.ExampleOf(member));
        if (description is not null) schema.Description = description;
        if (schema is OpenApiSchema inline)
        {
            if (example is not null)
                inline.Examples = [
                    example is ['{' or '[' or '"', ..] ? JsonNode.Parse(example)! : JsonValue.Create(example)];
        }

        return schema;
    }

    private static IOpenApiSchema OrNull(IOpenApiSchema schema)
    {
        if (schema is not OpenApiSchema inline)
            return new OpenApiSchema { OneOf = [schema, new OpenApiSchema { Type = JsonSchemaType.Null }] };
        if (inline.Type is not null) inline.Type |= JsonSchemaType.Null;
        return inline;
    }

    private void EnumInto(OpenApiSchema schema, Type type, bool read)
    {
        schema.Type = JsonSchemaType.String;
        schema.Enum = [.. Enum.GetNames(type).Select(name => (JsonNode)SnakeCaseName.Of(name))];
        var values = type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(f => docs.Of(f) is not null)
            .Select(f => $"\n- `{SnakeCaseName.Of(f.Name)}`: {docs.Of(f)}");
        schema.Description = string.Concat([schema.Description, .. values]);
    }

    // Unwraps Optional<T> and Nullable<T>.
    private static Type Bare(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() is var open
            && (open == typeof(Optional<>) || open == typeof(Nullable<>))
            ? Bare(type.GetGenericArguments()[0])
            : type;

    // Component names leave out the suffix "Document".
    private static string NameOf(Type type) => type.IsGenericType
        ? string.Concat(type.GetGenericArguments().Select(NameOf)) + type.Name.Split('`')[0]
        : type.Name.EndsWith("Document", StringComparison.Ordinal) ? type.Name[..^"Document".Length] : type.Name;
}
