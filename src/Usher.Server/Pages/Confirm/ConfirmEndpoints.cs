using Usher.Core.Limits;
using Usher.Core.Users;
using Usher.Server.Limits;

namespace Usher.Server.Pages.Confirm;

/// <summary>
/// The page that the link in a mail to a member's new address opens. Like the page of an invitation, GET shows the same
/// frame for every link until the code was posted to a check that changes nothing; then it shows the state of the
/// change. Confirming is a separate POST and does not sign the person in.
/// </summary>
internal static class ConfirmEndpoints
{
    // The values of the field "step", which says which form of the page was sent. The code's form sends "check".
    public static class Steps
    {
        public const string Check = Join.JoinEndpoints.Steps.Check;
        public const string Confirm = "confirm";
    }

    public static void MapConfirm(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/confirm/{slug}/{change}", PagesExtensions.Read, ShowAsync);
        pages.MapPost("/confirm/{slug}/{change}", AnswerAsync).LimitedBy(GuessKind.Codes);
    }

    private static async Task<IResult> ShowAsync(string slug, string change, [AsParameters] Services services)
    {
        var (http, changes, codes, _) = services;
        if (codes.Read(http.Request, slug, change) is not { } code) return PageResults.Page<ConfirmCodePage>(new { });
        var address = await changes.LookAsync(code.Link, http.RequestAborted);
        if (address.State is not AddressChangeState.Unknown)
            return PageResults.Page<NewAddressPage>(
                new { Address = address, JustNow = code.Confirmed }, StatusOf(address.State));
        codes.Delete(http.Response, code.Link);
        return PageResults.Page<ConfirmCodePage>(new { });
    }

    private static async Task<IResult> AnswerAsync(string slug, string change, [AsParameters] Services services)
    {
        var (http, changes, codes, limits) = services;
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        if (limits.Code(http, change) is { } wait) return PageResults.TooMany(http, wait);
        if (form["step"] == Steps.Check) return await CheckAsync(slug, change, form["code"].ToString(), services);
        if (codes.Read(http.Request, slug, change) is not { } code) return Refuse(ConfirmCodePage.Forgotten);
        if (form["step"] == Steps.Confirm)
        {
            // If it is refused, the state has changed since the page was shown. The page explains the new state.
            var confirmed = await changes.ConfirmAsync(code.Link, http.RequestAborted);
            if (confirmed.Error is null) codes.Write(http.Response, code with { Confirmed = true });
        }

        return PageResults.SeeOther(CheckedConfirmations.PathOf(code.Link));
    }

    private static async Task<IResult> CheckAsync(string slug, string change, string typed, Services services)
    {
        var (http, changes, codes, _) = services;
        if (!CheckedConfirmations.TryFind(typed, out var secret)) return Refuse(ConfirmCodePage.NotACode);
        if (!CodeCookie.TryParseId(change, out var id)) return Refuse(ConfirmCodePage.Unknown);
        var link = new AddressChangeLink(slug, id, secret);
        var address = await changes.LookAsync(link, http.RequestAborted);
        if (address.State is AddressChangeState.Unknown) return Refuse(ConfirmCodePage.Unknown);
        codes.Write(http.Response, new(link, Confirmed: false));
        return PageResults.SeeOther(CheckedConfirmations.PathOf(link));
    }

    internal static int StatusOf(AddressChangeState state) => state switch
    {
        AddressChangeState.Open or AddressChangeState.Used => StatusCodes.Status200OK,
        AddressChangeState.Taken => StatusCodes.Status409Conflict,
        AddressChangeState.Unknown or AddressChangeState.Expired or AddressChangeState.Replaced
            or AddressChangeState.Void =>
            StatusCodes.Status410Gone,
    };

    private static IResult Refuse(string problem) =>
        PageResults.Page<ConfirmCodePage>(new { Problem = problem }, StatusCodes.Status422UnprocessableEntity);

    private sealed record Services(
        HttpContext Http, AddressChangeService Changes, CheckedConfirmations Codes, GuestLimits Limits);
}
