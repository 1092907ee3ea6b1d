using Usher.Core;
using Usher.Core.Limits;
using Usher.Core.Users;
using Usher.Server.Errors;
using Usher.Server.Limits;
using Usher.Server.Pages.Codes;

namespace Usher.Server.Pages.Confirm;

/// <summary>
/// The page that the link in a mail to the new address of an account opens; see <see cref="CodeFlow{TCodePage}"/>.
/// Confirming needs the account's password and does not sign the person in.
/// </summary>
internal static class ConfirmOwnEndpoints
{
    public static void MapConfirmOwn(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/confirm/{change}", PagesExtensions.Read, ShowAsync);
        pages.MapPost("/confirm/{change}", AnswerAsync).LimitedBy(GuessKind.Codes);
    }

    private static Task<IResult> ShowAsync(string change, [AsParameters] Services services) =>
        Flow(change, services).ShowAsync();

    private static Task<IResult> AnswerAsync(string change, [AsParameters] Services services)
    {
        var flow = Flow(change, services);
        return flow.AnswerAsync(async (code, form) => form["step"] == ConfirmEndpoints.Steps.Confirm
            ? await ConfirmAsync(code, form["password"].ToString(), services) ?? flow.ToState(code)
            : flow.ToState(code));
    }

    // Null: the page is shown again. Either it was confirmed, or it was refused for another reason than the password:
    // the state has changed since the page was shown, and the page explains the new state.
    private static async Task<IResult?> ConfirmAsync(CheckedCode code, string password, Services services)
    {
        var http = services.Http;
        var before = await services.Addresses.LookAsync(LinkOf(code), http.RequestAborted);
        if (before.State is AddressChangeState.Open && services.Limits.Password(http, before.GuessSubject) is { } wait)
            return PageResults.TooMany(http, wait);
        var confirmed = await services.Addresses.ConfirmAsync(LinkOf(code), password, http.RequestAborted);
        if (confirmed.Error is null) services.Codes.Write(http.Response, code with { Marked = true });
        return confirmed.Error is { Field: { Text: "password" } } or { Kind: ErrorKind.TooMany }
            ? Show(before, justNow: false, confirmed.Error)
            : null;
    }

    private static CodeFlow<ConfirmCodePage> Flow(string change, Services services) =>
        new(services.Http, services.Codes, services.Limits, slug: "", change)
        {
            State = async code =>
            {
                var address = await services.Addresses.LookAsync(LinkOf(code), services.Http.RequestAborted);
                return address.State is AddressChangeState.Unknown ? null : Show(address, code.Marked);
            },
        };

    private static UserAddressLink LinkOf(CheckedCode code) => new(code.Id, code.Secret);

    private static IResult Show(NewUserAddress address, bool justNow, Error? error = null) =>
        PageResults.Page<OwnAddressPage>(
            new { Address = address, JustNow = justNow, Error = error },
            error?.StatusCode ?? ConfirmEndpoints.StatusOf(address.State));

    private sealed record Services(
        HttpContext Http, UserAddressService Addresses, OwnAddressCodes Codes, GuestLimits Limits);
}
