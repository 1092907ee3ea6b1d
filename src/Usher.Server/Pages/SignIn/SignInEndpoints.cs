using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Limits;
using Usher.Core.Sessions;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Limits;

namespace Usher.Server.Pages.SignIn;

/// <summary>Signing in, signing out, and mailing a lost invitation link.</summary>
internal static class SignInEndpoints
{
    public static void MapSignIn(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/sign-in", PagesExtensions.Read, (Delegate)ShowAsync);
        pages.MapPost("/sign-in", SignInAsync).LimitedBy(GuessKind.Passwords);
        pages.MapPost("/sign-in/link", SendLinkAsync).LimitedBy(GuessKind.Mails);
        pages.MapPost("/sign-out", SignOutAsync);
    }

    private static async Task<IResult> ShowAsync(HttpContext http)
    {
        var returnTo = ReturnTo(http);
        if (await http.SignedInUserAsync() is not null) return PageResults.SeeOther(returnTo ?? "/me");
        return PageResults.Page<SignInPage>(
            new { ReturnTo = returnTo, LinkSent = http.Request.Query.ContainsKey("sent") });
    }

    private static async Task<IResult> SignInAsync(
        HttpContext http, SessionService sessions, SessionCookie cookie, CancellationToken ct)
    {
        var form = await http.Request.ReadFormAsync(ct);
        var email = form["email"].ToString();
        var result = await sessions.SignInAsync(
            email, form["password"].ToString(), http.Device, ct, new SignInProof(form["code"]));
        var returnTo = ReturnTo(http);
        if (result.TryGet(out var session, out var error))
        {
            cookie.Write(http.Response, session);
            return PageResults.SeeOther(returnTo ?? "/me");
        }

        if (error.Is(LimitErrors.TooMany)) return PageResults.TooMany(http, error.RetryAfter.GetValueOrDefault());
        if (error.RetryAfter is { } wait) http.Response.Headers.RetryAfter = ErrorResult.Seconds(wait);
        // Not 401, which makes the browser itself ask for a password.
        var status = error.Kind is ErrorKind.TooMany
            ? StatusCodes.Status429TooManyRequests
            : StatusCodes.Status422UnprocessableEntity;
        var (needed, wrong) = (error.Is(SignInErrors.CodeNeeded), error.Is(SignInErrors.CodeWrong));
        return PageResults.Page<SignInPage>(
            new
            {
                ReturnTo = returnTo, Email = email, Problem = needed || wrong ? null : error.Message,
                AsksCode = needed || wrong, CodeProblem = wrong ? error.Message : null,
            },
            status);
    }

    private static async Task<IResult> SendLinkAsync(
        HttpContext http, GuestService guests, GuestLimits limits, CancellationToken ct)
    {
        var form = await http.Request.ReadFormAsync(ct);
        var email = form["email"].ToString();
        if (limits.Mail(http) is { } wait) return PageResults.TooMany(http, wait);

        // The same answer for every address, even an invalid one, so that it does not reveal who is invited.
        await guests.SendMyLinkAsync(email, ct);
        var signIn = LocalPath.SignIn(ReturnTo(http));
        return PageResults.SeeOther($"{signIn}{(signIn.Contains('?', StringComparison.Ordinal) ? '&' : '?')}sent");
    }

    private static async Task<IResult> SignOutAsync(
        HttpContext http, SessionService sessions, SessionCookie cookie, CancellationToken ct)
    {
        var form = await http.Request.ReadFormAsync(ct);
        if (cookie.Read(http.Request) is { } secret) await sessions.EndAsync(secret, ct);
        cookie.Delete(http.Response);
        return PageResults.SeeOther(LocalPath.OrNull(form["return"]) ?? "/sign-in");
    }

    private static string? ReturnTo(HttpContext http) => LocalPath.OrNull(http.Request.Query["return"]);
}
