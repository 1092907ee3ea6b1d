using System.Globalization;
using System.Reflection;
using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Users;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>
/// Every refusal our own API can answer, by its code: what stands in the lists of the core and of the server. Errors
/// made by methods are shown with their parameters' names in braces, and for numbers with 3. The page,
/// <c>docs/errors.md</c> and the OpenAPI document are made of this.
/// </summary>
internal static class ErrorCatalogue
{
    /// <summary>A code and all it can be said with.</summary>
    public sealed record Entry(string Code, IReadOnlyList<Said> Said);

    /// <param name="Error">The refusal.</param>
    /// <param name="At">Where it points, as <see cref="Fault.Pointer"/> or <see cref="Fault.Parameter"/> have it; null:
    /// at no one place.</param>
    public sealed record Said(Error Error, string? At);

    private const BindingFlags Static =
        BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    // What only dialects and pages do.
    private static readonly Type[] Elsewhere = [typeof(ProfileErrors)];

    /// <summary>In the order of their codes.</summary>
    public static IReadOnlyList<Entry> All { get; } =
    [
        .. from type in new[] { typeof(Error).Assembly, typeof(ErrorCatalogue).Assembly }.SelectMany(a => a.GetTypes())
           where !type.IsGenericTypeDefinition && !Elsewhere.Contains(type)
           where type.Namespace is { } space && !space.StartsWith("Usher.Server.Dialects", StringComparison.Ordinal)
               && !space.StartsWith("Usher.Server.Pages", StringComparison.Ordinal)
           from error in In(type)
           where Happens(error)
           let fault = Fault.From(error)
           group new Said(
               error,
               fault.Pointer ?? (fault.Parameter is { } parameter ? "?" + parameter : null)) by error.Code into told
           orderby told.Key
           select new Entry(
               told.Key,
               [
                   .. told.DistinctBy(s => (s.Error.StatusCode, s.Error.Message, s.At)).OrderBy(s => s.Error.StatusCode)
                       .ThenBy(s => s.At, StringComparer.Ordinal)
                       .ThenBy(s => s.Error.Message, StringComparer.Ordinal)]),
    ];

    private static IEnumerable<Error> In(Type type)
    {
        foreach (var field in type.GetFields(Static).Where(f => f.FieldType == typeof(Error) && !f.IsPrivate))
            yield return (Error)field.GetValue(null)!;
        foreach (var property in type.GetProperties(Static).Where(p => p.PropertyType == typeof(Error)))
            yield return (Error)property.GetValue(null)!;
        // Elsewhere a method may also return null, which is no refusal.
        if (!type.Name.EndsWith("Errors", StringComparison.Ordinal)) yield break;
        foreach (var method in type.GetMethods(Static)
                .Where(m => m.ReturnType == typeof(Error) && !m.IsPrivate && !m.IsSpecialName))
        foreach (var arguments in Arguments(method.GetParameters()))
            yield return (Error)method.Invoke(null, arguments)!;
    }

    // All that each parameter can be, one with another.
    private static IEnumerable<object?[]> Arguments(ParameterInfo[] parameters) =>
        parameters.Aggregate<ParameterInfo, IEnumerable<object?[]>>([[]], (made, parameter) =>
        from arguments in made
        from value in Values(parameter)
        select (object?[])[.. arguments, value]);

    private static IEnumerable<object?> Values(ParameterInfo parameter) => parameter switch
    {
        { HasDefaultValue: true } => [parameter.DefaultValue],
        { ParameterType.IsEnum: true } => Enum.GetValues(parameter.ParameterType).Cast<object?>(),
        { ParameterType: var type } when type == typeof(string) => [$"{{{parameter.Name}}}"],
        { ParameterType: var type } when type.IsAssignableFrom(typeof(string[])) => [new[] { $"{{{parameter.Name}}}" }],
        { ParameterType: var type } when type == typeof(int) || type == typeof(long) =>
            [Convert.ChangeType(3, type, CultureInfo.InvariantCulture)],
        { ParameterType.IsValueType: true } => [Activator.CreateInstance(parameter.ParameterType)],
        _ => [null],
    };

    // What is not known is not found; operators' keys are refused by dialects only.
    private static bool Happens(Error error) =>
        error != InvitationErrors.Ended(OfferState.Unknown) && error != KeyErrors.OfOperator;
}
