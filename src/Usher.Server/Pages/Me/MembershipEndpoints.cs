using Usher.Core;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Pages.Me;

/// <summary>The actions of a person's own page on one membership.</summary>
internal static class MembershipEndpoints
{
    public static void MapMemberships(this IEndpointRouteBuilder pages)
    {
        var membership = pages.MapGroup("/me/memberships/{member:guid}");
        membership.MapPost(
            "/agree", (Guid member, HttpContext http, MembershipService memberships, CancellationToken ct) =>
            AnswerAsync(http, user => memberships.AgreeAsync(user, member, ct)));
        membership.MapPost(
            "/decline", (Guid member, HttpContext http, MembershipService memberships, CancellationToken ct) =>
            AnswerAsync(http, user => memberships.DeclineAsync(user, member, ct)));
        membership.MapPost("/leave", (Guid member, HttpContext http, MemberService members, CancellationToken ct) =>
            AnswerAsync(http, user => members.LeaveAsync(user, member, ct), MeEndpoints.Done(MeNotice.Left)));
    }

    private static async Task<IResult> AnswerAsync(
        HttpContext http, Func<Guid, Task<Result<Member>>> operation, string done = "/me")
    {
        if (await http.SignedInUserAsync() is not { } user) return MeEndpoints.MustSignIn;
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        var result = await operation(user);
        // A missing membership was answered before; the page then shows the current state.
        return result.Error is { } error && !error.Is(MemberErrors.NotFound)
            ? PageResults.Error(error.StatusCode, error.Message)
            : PageResults.SeeOther(LocalPath.OrNull(form["return"]) ?? done);
    }
}
