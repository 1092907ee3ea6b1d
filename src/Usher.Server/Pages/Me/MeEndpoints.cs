using Usher.Core.Members;
using Usher.Core.Users;
using Usher.Server.Auth;

namespace Usher.Server.Pages.Me;

/// <summary>A person's own page: who he is here, and where he is a member.</summary>
internal static class MeEndpoints
{
    public static void MapMe(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/", PagesExtensions.Read, () => PageResults.SeeOther("/me")); // whoever opens the bare address wants to know where he is
        pages.MapMethods("/me", PagesExtensions.Read, ShowAsync);
        pages.MapMemberships();
    }

    private static async Task<IResult> ShowAsync(HttpContext http, UserService users, MembershipService memberships, CancellationToken ct) =>
        await http.SignedInUserAsync() is { } user && await users.MeAsync(user, ct) is { } me
            ? PageResults.Page<MePage>(new { Me = me, Offers = await memberships.OffersAsync(user, ct) })
            : Results.Challenge(authenticationSchemes: [SessionAuthentication.SchemeName]);
}
