using System.Globalization;
using System.Reflection;
using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Users;
using Usher.Server.Api.Http;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api.OpenApi;

/// <summary>
/// Every error that our own API can answer, by its code, collected from the error lists of the core and the server.
/// For errors that are made by methods, the parameters' names stand in braces, and numbers are 3. The errors page,
/// <c>docs/errors.md</c> and the OpenAPI document are generated from this.
/// </summary>
internal static class ErrorCatalogue
{
    /// <summary>A code and all the messages it comes with.</summary>
    public sealed record Entry(string Code, IReadOnlyList<Variant> Variants);

    /// <param name="Error">The error.</param>
    /// <param name="At">The place it points to, like <see cref="Fault.Pointer"/> or <see cref="Fault.Parameter"/>; null
    /// when it points to no single place.</param>
    public sealed record Variant(Error Error, string? At);

    private const BindingFlags Static =
        BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    // These errors occur only in dialects and pages.
    private static readonly Type[] OfOtherSurfaces = [typeof(ProfileErrors)];

    /// <summary>All entries, ordered by code.</summary>
    public static IReadOnlyList<Entry> All { get; } =
    [
        .. from type in new[] { typeof(Error).Assembly, typeof(ErrorCatalogue).Assembly }.SelectMany(a => a.GetTypes())
           where !type.IsGenericTypeDefinition && !OfOtherSurfaces.Contains(type)
           where type.Namespace is { } space && !space.StartsWith("Usher.Server.Dialects", StringComparison.Ordinal)
               && !space.StartsWith("Usher.Server.Pages", StringComparison.Ordinal)
           from error in In(type)
           where Occurs(error)
           let fault = Fault.From(error)
           group new Variant(
               error,
               fault.Pointer ?? (fault.Parameter is { } parameter ? "?" + parameter : null)) by error.Code into variants
           orderby variants.Key
           select new Entry(
               variants.Key,
               [
                   .. variants.DistinctBy(s => (s.Error.StatusCode, s.Error.Message, s.At))
                       .OrderBy(s => s.Error.StatusCode).ThenBy(s => s.At, StringComparer.Ordinal)
                       .ThenBy(s => s.Error.Message, StringComparer.Ordinal)]),
    ];

    private static IEnumerable<Error> In(Type type)
    {
        foreach (var field in type.GetFields(Static).Where(f => f.FieldType == typeof(Error) && !f.IsPrivate))
            yield return (Error)field.GetValue(null)!;
        foreach (var property in type.GetProperties(Static).Where(p => p.PropertyType == typeof(Error)))
            yield return (Error)property.GetValue(null)!;
        // In other classes a method may return null for "no error".
        if (!type.Name.EndsWith("Errors", StringComparison.Ordinal)) yield break;
        foreach (var method in type.GetMethods(Static)
                .Where(m => m.ReturnType == typeof(Error) && !m.IsPrivate && !m.IsSpecialName))
        foreach (var arguments in Arguments(method.GetParameters()))
            yield return (Error)method.Invoke(null, arguments)!;
    }

    // Every combination of the parameters' possible values.
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

    // Unknown invitations are answered as "not found"; only dialects refuse operators' keys, with the code of every
    // refused key but a message of their own.
    private static bool Occurs(Error error) =>
        error != InvitationErrors.Ended(OfferState.Unknown) && error != KeyErrors.OfOperator;
}
