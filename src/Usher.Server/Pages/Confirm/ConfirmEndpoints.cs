using Usher.Core.Limits;
using Usher.Core.Users;
using Usher.Server.Limits;
using Usher.Server.Pages.Codes;

namespace Usher.Server.Pages.Confirm;

/// <summary>
/// The page that the link in a mail to a member's new address opens; see <see cref="CodeFlow{TCodePage}"/>. Confirming
/// does not sign the person in.
/// </summary>
internal static class ConfirmEndpoints
{
    // The values of the field "step", which says which form of the page was sent.
    public static class Steps
    {
        public const string Confirm = "confirm";
    }

    public static void MapConfirm(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/confirm/{slug}/{change}", PagesExtensions.Read, ShowAsync);
        pages.MapPost("/confirm/{slug}/{change}", AnswerAsync).LimitedBy(GuessKind.Codes);
    }

    private static Task<IResult> ShowAsync(string slug, string change, [AsParameters] Services services) =>
        Flow(slug, change, services).ShowAsync();

    private static Task<IResult> AnswerAsync(string slug, string change, [AsParameters] Services services)
    {
        var flow = Flow(slug, change, services);
        return flow.AnswerAsync(async (code, form) =>
        {
            var http = services.Http;
            if (form["step"] == Steps.Confirm)
            {
                // If it is refused, the state has changed since the page was shown. The page explains the new state.
                var confirmed = await services.Changes.ConfirmAsync(LinkOf(code), http.RequestAborted);
                if (confirmed.Error is null) services.Codes.Write(http.Response, code with { Marked = true });
            }

            return flow.ToState(code);
        });
    }

    private static CodeFlow<ConfirmCodePage> Flow(string slug, string change, Services services) =>
        new(services.Http, services.Codes, services.Limits, slug, change)
        {
            State = async code =>
            {
                var address = await services.Changes.LookAsync(LinkOf(code), services.Http.RequestAborted);
                return address.State is AddressChangeState.Unknown
                    ? null
                    : PageResults.Page<NewAddressPage>(
                        new { Address = address, JustNow = code.Marked }, StatusOf(address.State));
            },
        };

    private static AddressChangeLink LinkOf(CheckedCode code) => new(code.Slug, code.Id, code.Secret);

    internal static int StatusOf(AddressChangeState state) => state switch
    {
        AddressChangeState.Open or AddressChangeState.Used => StatusCodes.Status200OK,
        AddressChangeState.Taken => StatusCodes.Status409Conflict,
        AddressChangeState.Unknown or AddressChangeState.Expired or AddressChangeState.Replaced
            or AddressChangeState.Void =>
            StatusCodes.Status410Gone,
    };

    private sealed record Services(
        HttpContext Http, AddressChangeService Changes, AddressCodes Codes, GuestLimits Limits);
}
