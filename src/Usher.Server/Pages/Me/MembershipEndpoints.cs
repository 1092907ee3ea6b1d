using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Pages.Me;

/// <summary>What a person does on their own page about one membership.</summary>
internal static class MembershipEndpoints
{
    public static void MapMemberships(this IEndpointRouteBuilder pages) => pages.MapPost("/me/memberships/{member:guid}/leave", LeaveAsync);

    private static async Task<IResult> LeaveAsync(Guid member, HttpContext http, MemberService members, CancellationToken ct)
    {
        if (await http.SignedInUserAsync() is not { } user) return Results.Challenge(authenticationSchemes: [SessionAuthentication.SchemeName]);
        var left = await members.LeaveAsync(user, member, ct);
        // A membership that is gone was left before: the page as it is now says so.
        return left.Error is null || left.Error == MemberErrors.NotFound
            ? PageResults.SeeOther(MeEndpoints.Done(MeNotice.Left))
            : PageResults.Error(left.Error.StatusCode, left.Error.Message);
    }
}
