using System.Globalization;
using Usher.Core;
using Usher.Core.Members;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Pages.Me;

/// <summary>
/// A person's own page: their account, how they sign in, their sessions and their memberships.
/// </summary>
internal static class MeEndpoints
{
    public static void MapMe(this IEndpointRouteBuilder pages)
    {
        // The root leads to the person's own page.
        pages.MapMethods("/", PagesExtensions.Read, () => PageResults.SeeOther("/me"));
        pages.MapMethods("/me", PagesExtensions.Read, ShowAsync);
        pages.MapMethods("/me/profile", PagesExtensions.Read, ShowProfileAsync);
        pages.MapPost("/me/profile", ChangeProfileAsync);
        pages.MapPost("/me/sessions/end", EndSessionAsync);
        pages.MapPost("/me/sessions/end-others", EndOthersAsync);
        pages.MapSignInChanges();
        pages.MapMemberships();
    }

    /// <summary>The person's own page with a notice about what was done.</summary>
    public static string Done(MeNotice notice) =>
        string.Create(CultureInfo.InvariantCulture, $"/me?done={notice.ToString().ToLowerInvariant()}");

    /// <summary>Redirects to the sign-in page, returning to the requested page afterwards.</summary>
    public static IResult MustSignIn { get; } = Results.Challenge(
        authenticationSchemes: [SessionAuthentication.SchemeName]);

    private static async Task<IResult> ShowAsync(
        HttpContext http, UserService users, OwnSessionService sessions, MembershipService memberships,
        CancellationToken ct)
    {
        if (await http.SessionAsync() is not { } session || await users.MeAsync(session.UserId, ct) is not { } me)
            return MustSignIn;
        var notice = Enum.TryParse<MeNotice>(http.Request.Query["done"], ignoreCase: true, out var done)
            ? done
            : MeNotice.None;
        return PageResults.Page<MePage>(new
        {
            Me = me, Session = session, Sessions = await sessions.ListAsync(session.UserId, ct),
            Offers = await memberships.OffersAsync(session.UserId, ct), Notice = notice,
        });
    }

    private static async Task<IResult> ShowProfileAsync(HttpContext http, UserService users, CancellationToken ct) =>
        await http.SignedInUserAsync() is { } user && await users.MeAsync(user, ct) is { } me
            ? PageResults.Page<ProfilePage>(new { Typed = TypedProfile.Of(me.User) })
            : MustSignIn;

    private static async Task<IResult> ChangeProfileAsync(HttpContext http, UserService users, CancellationToken ct)
    {
        if (await http.SessionAsync() is not { } session) return MustSignIn;
        var typed = TypedProfile.Of(await http.Request.ReadFormAsync(ct));
        var changed = await users.UpdateAsync(session, typed.ToChange(), ct);
        if (changed.Error is null) return PageResults.SeeOther(Done(MeNotice.Profile));
        return PageResults.Page<ProfilePage>(new { Typed = typed, Error = changed.Error }, changed.Error.StatusCode);
    }

    private static async Task<IResult> EndSessionAsync(
        HttpContext http, OwnSessionService sessions, SessionCookie cookie, CancellationToken ct)
    {
        if (await http.SessionAsync() is not { } session) return MustSignIn;
        var form = await http.Request.ReadFormAsync(ct);
        if (!Guid.TryParseExact(form["session"], "D", out var id)) return PageResults.SeeOther("/me");
        // A missing session has ended already; the list then shows it.
        await sessions.EndAsync(session, id, ct);
        if (id != session.SessionId) return PageResults.SeeOther(Done(MeNotice.SessionEnded));
        cookie.Delete(http.Response);
        return PageResults.SeeOther("/sign-in");
    }

    private static async Task<IResult> EndOthersAsync(
        HttpContext http, OwnSessionService sessions, CancellationToken ct)
    {
        if (await http.SessionAsync() is not { } session) return MustSignIn;
        await sessions.EndOthersAsync(session, ct);
        return PageResults.SeeOther(Done(MeNotice.OthersEnded));
    }
}

/// <summary>The fields of the form for names, time zone and language.</summary>
public sealed record TypedProfile(string FirstName, string LastName, string TimeZone, string Locale)
{
    public static TypedProfile Of(User user) =>
        new(user.FirstName, user.LastName, user.TimeZone ?? "", user.Locale ?? "");

    public static TypedProfile Of(IFormCollection form) =>
        new(
            form["first_name"].ToString(), form["last_name"].ToString(), form["time_zone"].ToString(),
            form["locale"].ToString());

    public UserChange ToChange() => new()
    {
        FirstName = FirstName, LastName = LastName, TimeZone = OrNone(TimeZone), Locale = OrNone(Locale),
    };

    private static Optional<string> OrNone(string text) =>
        text.Trim() is { Length: > 0 } filled ? filled : (string?)null;
}
