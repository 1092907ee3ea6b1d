using Usher.Core;
using Usher.Core.Limits;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Limits;

namespace Usher.Server.Pages.Me;

/// <summary>
/// The pages on which people change how they sign in. Each needs the password within the last 10 minutes and otherwise
/// redirects to <c>/me/confirm</c>, which asks for it.
/// </summary>
internal static class SignInChangeEndpoints
{
    private const string PasswordPath = "/me/password";
    private const string AddressPath = "/me/address";

    public static void MapSignInChanges(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/me/confirm", PagesExtensions.Read, (Delegate)ShowConfirmAsync);
        pages.MapPost("/me/confirm", ConfirmAsync).LimitedBy(GuessKind.Passwords);
        pages.MapMethods(PasswordPath, PagesExtensions.Read, ShowPasswordAsync);
        pages.MapPost(PasswordPath, ChangePasswordAsync);
        pages.MapMethods(AddressPath, PagesExtensions.Read, ShowAddressAsync);
        pages.MapPost(AddressPath, ChangeAddressAsync);
        pages.MapPost("/me/address/proof", ProveAddressAsync);
    }

    private static async Task<IResult> ShowConfirmAsync(HttpContext http) => await http.SessionAsync() is { } session
        ? PageResults.Page<ConfirmSessionPage>(new { Session = session })
        : MeEndpoints.MustSignIn;

    private static async Task<IResult> ConfirmAsync(
        HttpContext http, OwnSessionService sessions, GuestLimits limits, CancellationToken ct)
    {
        if (await http.SessionAsync() is not { } session) return MeEndpoints.MustSignIn;
        var form = await http.Request.ReadFormAsync(ct);
        if (limits.Password(http, session.Email ?? session.UserId.ToString()) is { } wait)
            return PageResults.TooMany(http, wait);
        var confirmed = await sessions.ConfirmAsync(session, form["password"].ToString(), ct);
        if (confirmed.Error is null)
            return PageResults.SeeOther(LocalPath.OrNull(http.Request.Query["return"]) ?? "/me");
        if (confirmed.Error.Is(AccountErrors.SessionRefused)) return MeEndpoints.MustSignIn;
        return PageResults.Page<ConfirmSessionPage>(
            new { Session = session, Error = confirmed.Error }, confirmed.Error.StatusCode);
    }

    private static async Task<IResult> ShowPasswordAsync(HttpContext http, TimeProvider clock) =>
        await http.SessionAsync() is not { } session ? MeEndpoints.MustSignIn
        : clock.Now() < session.ConfirmedUntil ? PageResults.Page<PasswordPage>(new { session.Email })
        : PageResults.SeeOther(LocalPath.ConfirmSession(PasswordPath));

    private static async Task<IResult> ChangePasswordAsync(HttpContext http, UserService users, CancellationToken ct)
    {
        if (await http.SessionAsync() is not { } session) return MeEndpoints.MustSignIn;
        var form = await http.Request.ReadFormAsync(ct);
        var changed = await users.ChangePasswordAsync(session, form["password"].ToString(), ct);
        return changed.Error is null ? PageResults.SeeOther(MeEndpoints.Done(MeNotice.Password))
            : DetourOf(changed.Error, PasswordPath)
                ?? PageResults.Page<PasswordPage>(new { session.Email, changed.Error }, changed.Error.StatusCode);
    }

    private static async Task<IResult> ShowAddressAsync(HttpContext http, TimeProvider clock) =>
        await http.SessionAsync() is not { } session ? MeEndpoints.MustSignIn
        : clock.Now() < session.ConfirmedUntil ? PageResults.Page<AddressPage>(new { session.Email })
        : PageResults.SeeOther(LocalPath.ConfirmSession(AddressPath));

    private static async Task<IResult> ChangeAddressAsync(
        HttpContext http, UserAddressService addresses, GuestLimits limits, CancellationToken ct)
    {
        if (await http.SessionAsync() is not { } session) return MeEndpoints.MustSignIn;
        var form = await http.Request.ReadFormAsync(ct);
        return await AskAsync(http, session, form["email"].ToString(), addresses, limits, ct);
    }

    private static async Task<IResult> ProveAddressAsync(
        HttpContext http, UserAddressService addresses, GuestLimits limits, CancellationToken ct)
    {
        if (await http.SessionAsync() is not { } session) return MeEndpoints.MustSignIn;
        return session.Email is { } own
            ? await AskAsync(http, session, own, addresses, limits, ct)
            : PageResults.SeeOther(AddressPath);
    }

    private static async Task<IResult> AskAsync(
        HttpContext http, SessionUser session, string email, UserAddressService addresses, GuestLimits limits,
        CancellationToken ct)
    {
        if (EmailAddress.TryCanonical(email, out var address) && limits.Mail(http, address) is { } wait)
            return PageResults.TooMany(http, wait);
        var asked = await addresses.AskAsync(session, email, ct);
        return asked.Error is null ? PageResults.SeeOther(MeEndpoints.Done(MeNotice.AddressAsked))
            : DetourOf(asked.Error, AddressPath)
                ?? PageResults.Page<AddressPage>(
                       new { session.Email, Typed = email, asked.Error }, asked.Error.StatusCode);
    }

    // The redirect loses the posted form, which the person then fills in again.
    private static IResult? DetourOf(Error error, string path) =>
        error.Is(AccountErrors.StepUpNeeded) ? PageResults.SeeOther(LocalPath.ConfirmSession(path))
        : error.Is(AccountErrors.SessionRefused) ? MeEndpoints.MustSignIn
        : null;
}
