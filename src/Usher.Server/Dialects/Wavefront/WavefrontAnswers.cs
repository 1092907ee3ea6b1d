using System.Text.Json.Serialization.Metadata;
using Usher.Core.Invitations;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// The three formats of answers. Bare: a user, or an array of users. Envelope: <c>status</c> and <c>response</c>.
/// Superset: both at once, for operations that are documented as bare and were recorded with an envelope. Clients look
/// for <c>status</c> to tell the formats apart, so each operation must keep its format.
/// </summary>
internal static class WavefrontAnswers
{
    private static readonly ResponseStatus Ok = new("OK", "", StatusCodes.Status200OK);

    public static IResult Bare(UserModel user) => Json(user, StatusCodes.Status200OK);

    /// <summary>An envelope without a response.</summary>
    public static IResult Done() => Json(new Envelope(Ok), StatusCodes.Status200OK);

    public static IResult Envelope<T>(T response, ResponseStatus? status = null) =>
        Json(new Envelope<T>(status ?? Ok, response), (status ?? Ok).Code);

    public static IResult Superset<T>(UserModel top, T response, ResponseStatus? status = null) =>
        Json(new Superset<T>(top, status ?? Ok, response), (status ?? Ok).Code);

    /// <summary>The status 200, or 202 with the names that were ignored.</summary>
    /// <param name="left">The kinds of ignored names, such as <c>Invalid roles</c>, with the names.</param>
    public static ResponseStatus Without(params ReadOnlySpan<(string What, IEnumerable<string> Which)> left)
    {
        List<string> parts = [];
        foreach (var (what, which) in left)
        {
            var names = WavefrontErrors.Listed(which.Distinct());
            if (names is not "") parts.Add($"{what} found and ignored [{names}]");
        }

        return parts is [] ? Ok : new("OK", string.Join("; ", parts), StatusCodes.Status202Accepted);
    }

    /// <summary>The status 200, or 202 with the groups and roles that do not exist.</summary>
    public static ResponseStatus Without(IReadOnlyList<IgnoredReference> ignored) =>
        Without(("Invalid user groups", Of("groups", ignored)), ("Invalid roles", Of("roles", ignored)));

    public static IEnumerable<string> Of(string set, IEnumerable<IgnoredReference> ignored) =>
        ignored.Where(i => i.Set == set).Select(i => i.Text);

    private static IResult Json<T>(T body, int status) =>
        TypedResults.Json(
            body, (JsonTypeInfo<T>)WavefrontJson.Default.GetTypeInfo(typeof(T))!, WavefrontErrors.MediaType, status);
}
