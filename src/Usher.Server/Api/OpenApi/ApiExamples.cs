using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.OpenApi;
using Usher.Core.Invitations;
using Usher.Server.Api.Http;

namespace Usher.Server.Api.OpenApi;

/// <summary>
/// Makes an example for a schema. It is the example in the source, if there is one; else, by the description, an id of
/// the right type or the default; else a value that suits the property's name. Values that may be null are null in
/// answers, and filled in requests, to show what can be sent.
/// </summary>
internal static partial class ApiExamples
{
    private const string Id = "AZqxW8c1dUeXk0m3v5q7Cw";

    private static readonly Dictionary<string, string> Words = new()
    {
        ["email"] = "ada@example.com", ["identifier"] = "ada@example.com", ["firstName"] = "Ada",
        ["lastName"] = "Lovelace", ["displayName"] = "Ada Lovelace", ["sponsorName"] = "Grace Hopper",
        ["organizationName"] = "Acme",
        ["name"] = "Operations", ["slug"] = "operations", ["locale"] = "en-GB", ["timeZone"] = "Europe/Berlin",
        ["permissions"] = "ingestion", ["permission"] = "ingestion", ["capabilities"] = "deploy",
        ["password"] = "correct horse battery staple", ["code"] = "usi_…", ["token"] = "uss_…", ["secret"] = "usk_…",
        ["link"] = $"https://usher.example.com/join/acme/{Id}#usi_…",
        ["after"] = "Y3JlYXRlZA", ["next"] = "Y3JlYXRlZA",
        ["description"] = "On-call engineers.", ["detail"] = InvitationErrors.EmailInvalid.Message,
    };

    // The type of an id, by the property's name or that of the list that contains it, where the description names none.
    private static readonly Dictionary<string, string> Prefixes = new()
    {
        ["organization"] = "org", ["member"] = "mem", ["sponsor"] = "mem", ["invitation"] = "inv", ["group"] = "grp",
        ["role"] = "rol", ["customRole"] = "rol", ["resource"] = "res", ["apiKey"] = "key", ["key"] = "key",
        ["job"] = "job",
    };

    public static JsonNode? Of(IOpenApiSchema schema, bool read, string name = "", string within = "")
    {
        if (schema.Examples is [var given, ..]) return given.DeepClone();
        if (schema.OneOf is [var real, ..]) return read ? Of(real, read, name, within) : null;
        if (schema.Enum is { Count: > 0 } words)
            return (
                words.FirstOrDefault(w => $"{w}" == Default(schema))
                    ?? words.FirstOrDefault(w => $"{w}" is "user" or "read_only") ?? words[0]).DeepClone();
        var type = schema.Type.GetValueOrDefault();
        if (!read && type.HasFlag(JsonSchemaType.Null) && !Words.ContainsKey(name)) return null;
        return (type & ~JsonSchemaType.Null) switch
        {
            JsonSchemaType.Object when schema.Properties is { Count: > 0 } properties =>
                new JsonObject(properties.Select(p =>
                    KeyValuePair.Create(p.Key, Of(p.Value, read, p.Key, name is "data" or "" ? within : name)))),
            JsonSchemaType.Object when schema.AdditionalProperties is { } value =>
                new JsonObject([KeyValuePair.Create("department", Of(value, true, "department"))]),
            JsonSchemaType.Object => new JsonObject(),
            JsonSchemaType.Array => new JsonArray(Of(schema.Items!, read, name, name is "data" ? within : name)),
            JsonSchemaType.Boolean => false,
            JsonSchemaType.Integer => schema.Default?.DeepClone() ?? 1,
            JsonSchemaType.String when schema.Format is "date-time" =>
                Instants.Of(new(
                    2026, 11, name.StartsWith("expires", StringComparison.Ordinal) ? 29 : 22, 8, 0, 0, TimeSpan.Zero)),
            JsonSchemaType.String => Text(schema, name, within),
            _ => null,
        };
    }

    private static string Text(IOpenApiSchema schema, string name, string within)
    {
        if (PrefixOf().Match(schema.Description ?? "") is { Success: true } found)
            return $"{found.Groups["prefix"].Value}_{Id}";
        if (Default(schema) is { } usual) return usual;
        if (name is "id" && Prefixes.TryGetValue(Singular(within), out var prefix)) return $"{prefix}_{Id}";
        if (Prefixes.TryGetValue(
                name.EndsWith("Id", StringComparison.Ordinal) ? name[..^2] : Singular(name), out prefix))
            return $"{prefix}_{Id}";
        return Words.GetValueOrDefault(name, name is "id" ? Id : "Research");
    }

    private static string Singular(string name) => name.EndsWith('s') ? name[..^1] : name;

    private static string? Default(IOpenApiSchema schema) =>
        DefaultOf().Match(schema.Description ?? "") is { Success: true } found ? found.Groups["value"].Value : null;

    [GeneratedRegex(
        "`(?<prefix>org|mem|inv|grp|rol|res|key|job|usr|ses|rst|adc)_…", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex PrefixOf();

    [GeneratedRegex("Default: `(?<value>[^`]+)`", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex DefaultOf();
}
