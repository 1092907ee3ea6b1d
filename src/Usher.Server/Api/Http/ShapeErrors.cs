using Usher.Core;

namespace Usher.Server.Api.Http;

/// <summary>Errors for a body or a query parameter that does not have the documented shape.</summary>
internal static class ShapeErrors
{
    public static Error Missing(string field) =>
        new(ErrorKind.Invalid, "property_missing", "This property is required.", field);

    public static Error Unknown(string field, IEnumerable<string> known) =>
        new(
            ErrorKind.Invalid, "property_unknown",
            $"Unknown property. Known properties: {string.Join(", ", known)}.", field);

    public static Error Doubled(string field) =>
        new(ErrorKind.Invalid, "property_doubled", "This property occurs twice.", field);

    public static Error Invalid(string field, string expected) =>
        new(ErrorKind.Invalid, "value_invalid", $"Expected {expected}.", field);

    public static Error ParameterUnknown(string name, IEnumerable<string> known) =>
        new(
            ErrorKind.Invalid, "parameter_unknown",
            $"Unknown query parameter. Known parameters: {string.Join(", ", known)}.", "?" + name);

    public static Error ParameterInvalid(string name, string expected) =>
        new(ErrorKind.Invalid, "parameter_invalid", $"Expected {expected}.", "?" + name);
}
