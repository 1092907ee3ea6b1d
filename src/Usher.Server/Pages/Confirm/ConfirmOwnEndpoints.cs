using Usher.Core;
using Usher.Core.Limits;
using Usher.Core.Users;
using Usher.Server.Errors;
using Usher.Server.Limits;

namespace Usher.Server.Pages.Confirm;

/// <summary>
/// The page that the link in a mail to the new address of an account opens. Confirming needs the account's password and
/// does not sign the person in.
/// </summary>
internal static class ConfirmOwnEndpoints
{
    public static void MapConfirmOwn(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/confirm/{change}", PagesExtensions.Read, ShowAsync);
        pages.MapPost("/confirm/{change}", AnswerAsync).LimitedBy(GuessKind.Codes);
    }

    private static async Task<IResult> ShowAsync(string change, [AsParameters] Services services)
    {
        var http = services.Http;
        if (!CodeCookie.TryParseId(change, out var id) || services.Codes.Read(http.Request, id) is not { } code)
            return PageResults.Page<ConfirmCodePage>(new { });
        var address = await services.Addresses.LookAsync(code.Link, http.RequestAborted);
        if (address.State is not AddressChangeState.Unknown) return Show(address, code.Confirmed);
        services.Codes.Delete(http.Response, code.Link);
        return PageResults.Page<ConfirmCodePage>(new { });
    }

    private static async Task<IResult> AnswerAsync(string change, [AsParameters] Services services)
    {
        var http = services.Http;
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        var isId = CodeCookie.TryParseId(change, out var id);
        if (services.Limits.Code(http, isId ? id.ToString() : "") is { } wait) return PageResults.TooMany(http, wait);
        if (form["step"] == ConfirmEndpoints.Steps.Check)
            return await CheckAsync(isId ? id : null, form["code"].ToString(), services);
        if (!isId || services.Codes.Read(http.Request, id) is not { } code) return Refuse(ConfirmCodePage.Forgotten);
        if (form["step"] == ConfirmEndpoints.Steps.Confirm)
            return await ConfirmAsync(code.Link, form["password"].ToString(), services);
        return PageResults.SeeOther(CheckedOwnConfirmations.PathOf(code.Link));
    }

    private static async Task<IResult> CheckAsync(Guid? id, string typed, Services services)
    {
        var http = services.Http;
        if (!CheckedOwnConfirmations.TryFind(typed, out var secret)) return Refuse(ConfirmCodePage.NotACode);
        if (id is null) return Refuse(ConfirmCodePage.Unknown);
        var link = new UserAddressLink(id.Value, secret);
        if ((await services.Addresses.LookAsync(link, http.RequestAborted)).State is AddressChangeState.Unknown)
            return Refuse(ConfirmCodePage.Unknown);
        services.Codes.Write(http.Response, link, confirmed: false);
        return PageResults.SeeOther(CheckedOwnConfirmations.PathOf(link));
    }

    private static async Task<IResult> ConfirmAsync(UserAddressLink link, string password, Services services)
    {
        var http = services.Http;
        var before = await services.Addresses.LookAsync(link, http.RequestAborted);
        if (before.State is AddressChangeState.Open && services.Limits.Password(http, before.GuessSubject) is { } wait)
            return PageResults.TooMany(http, wait);
        var confirmed = await services.Addresses.ConfirmAsync(link, password, http.RequestAborted);
        if (confirmed.Error is null) services.Codes.Write(http.Response, link, confirmed: true);
        // If it is refused for another reason than the password, the state has changed since the page was shown. The
        // page explains the new state.
        return confirmed.Error is { Field: "password" } or { Kind: ErrorKind.TooMany }
            ? Show(before, justNow: false, confirmed.Error)
            : PageResults.SeeOther(CheckedOwnConfirmations.PathOf(link));
    }

    private static IResult Show(NewUserAddress address, bool justNow, Error? error = null) =>
        PageResults.Page<OwnAddressPage>(
            new { Address = address, JustNow = justNow, Error = error },
            error?.StatusCode ?? ConfirmEndpoints.StatusOf(address.State));

    private static IResult Refuse(string problem) =>
        PageResults.Page<ConfirmCodePage>(new { Problem = problem }, StatusCodes.Status422UnprocessableEntity);

    private sealed record Services(
        HttpContext Http, UserAddressService Addresses, CheckedOwnConfirmations Codes, GuestLimits Limits);
}
