using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Limits;

namespace Usher.Server.Pages.Join;

/// <summary>
/// The page a mailed link opens. GET shows a frame, the same for every address; join.js, or the person, posts the code to a check that changes nothing, and
/// from then on GET shows what has become of the invitation. Every other post is an answer to it.
/// </summary>
internal static class JoinEndpoints
{
    // Which of the page's forms was sent. One address for all, so that a page shown after a refusal can be reloaded.
    public static class Steps
    {
        public const string Check = "check";
        public const string Join = "join";
        public const string Accept = "accept";
        public const string Decline = "decline";
        public const string Ask = "ask";
    }

    public static void MapJoin(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/join/{slug}/{invitation}", PagesExtensions.Read, ShowAsync);
        pages.MapPost("/join/{slug}/{invitation}", AnswerAsync).LimitedBy(GuessKind.Codes);
        pages.MapMethods("/join/{slug}/{invitation}/joined", PagesExtensions.Read, LeadOnAsync);
    }

    private static async Task<IResult> ShowAsync(string slug, string invitation, [AsParameters] Services services)
    {
        var (http, guests, codes) = (services.Http, services.Guests, services.Codes);
        if (codes.Read(http.Request, slug, invitation) is not { } code) return PageResults.Page<CodePage>(new { });
        var offer = await guests.LookAsync(code.Link, await http.SignedInUserAsync(), http.RequestAborted);
        if (offer.State is not OfferState.Unknown) return Show(code, offer, http);
        codes.Delete(http.Response, code.Link);
        return PageResults.Page<CodePage>(new { });
    }

    private static async Task<IResult> AnswerAsync(string slug, string invitation, [AsParameters] Services services)
    {
        var (http, guests, codes, limits, _) = services;
        var ct = http.RequestAborted;
        var form = await http.Request.ReadFormAsync(ct);
        var step = form["step"].ToString();
        if (limits.Code(http, invitation) is { } wait) return PageResults.TooMany(http, wait);
        if (step is Steps.Check) return await CheckAsync(slug, invitation, form["code"].ToString(), services);
        if (codes.Read(http.Request, slug, invitation) is not { } code) return Refuse(CodePage.Forgotten);

        switch (step)
        {
            case Steps.Join:
                var person = new NewPerson(form["first_name"].ToString(), form["last_name"].ToString(), form["password"].ToString());
                return await InAsync(code, await guests.JoinAsync(code.Link, person, http.Device, ct), person, services);
            case Steps.Accept when await http.SignedInUserAsync() is { } user:
                return await InAsync(code, await guests.AcceptAsync(code.Link, user, ct), person: null, services);
            case Steps.Decline:
                // Refused, it has ended some other way meanwhile: the page says which.
                await guests.DeclineAsync(code.Link, ct);
                return PageResults.SeeOther(PageOf(code.Link, http));
            case Steps.Ask:
                if (limits.Mail(http) is { } pause) return PageResults.TooMany(http, pause);
                var asked = await guests.AskForNewAsync(code.Link, ct);
                if (asked.Error is null) codes.Write(http.Response, code with { Asked = true });
                return PageResults.SeeOther(PageOf(code.Link, http));
            default:
                return PageResults.SeeOther(PageOf(code.Link, http));
        }
    }

    private static async Task<IResult> CheckAsync(string slug, string invitation, string typed, Services services)
    {
        var (http, guests, codes, _, _) = services;
        if (!CheckedCodes.TryFind(typed, out var secret)) return Refuse(CodePage.NotACode);
        if (!CodeCookie.TryParseId(invitation, out var id)) return Refuse(CodePage.Unknown);
        var link = new InvitationLink(slug, id, secret);
        var offer = await guests.LookAsync(link, signedInUser: null, http.RequestAborted);
        if (offer.State is OfferState.Unknown) return Refuse(CodePage.Unknown);
        codes.Write(http.Response, new(link, Asked: false));
        return PageResults.SeeOther(PageOf(link, http));
    }

    private static async Task<IResult> InAsync(CheckedCode code, Result<Joined> result, NewPerson? person, Services services)
    {
        var (http, guests, _, _, sessions) = services;
        if (result.TryGet(out var joined, out var error))
        {
            if (joined.Session is { } session) sessions.Write(http.Response, session);
            var leadOn = await ReturnAddressAsync(code.Link, services) is not null;
            return PageResults.SeeOther(leadOn ? $"{CheckedCodes.PathOf(code.Link.OrganizationSlug, code.Link.InvitationId)}/joined{ReturnQuery(http)}" : "/me");
        }

        // The refusal may be that things have changed since the page was shown; then the page as it is now says more than the error.
        var offer = await guests.LookAsync(code.Link, await http.SignedInUserAsync(), http.RequestAborted);
        var stillThere = offer.State is OfferState.Open && offer.Viewer == (person is null ? Viewer.Invitee : Viewer.NewPerson);
        return stillThere ? Show(code, offer, http, person, error) : PageResults.SeeOther(PageOf(code.Link, http));
    }

    // A page and no redirect: some browsers hold the form-action policy against every redirect that follows a form, so only a link, or a refresh, leads away.
    private static async Task<IResult> LeadOnAsync(string slug, string invitation, [AsParameters] Services services)
    {
        var (http, guests, codes, _, _) = services;
        if (codes.Read(http.Request, slug, invitation) is not { } code || await ReturnAddressAsync(code.Link, services) is not { } address)
            return PageResults.SeeOther("/me");
        var offer = await guests.LookAsync(code.Link, await http.SignedInUserAsync(), http.RequestAborted);
        return PageResults.Page<JoinedPage>(new { offer.OrganizationName, Address = address });
    }

    private static IResult Show(CheckedCode code, Offer offer, HttpContext http, NewPerson? person = null, Error? error = null)
    {
        var status = error?.StatusCode ?? (offer.State is OfferState.Open ? StatusCodes.Status200OK : StatusCodes.Status410Gone);
        return PageResults.Page<OfferPage>(new { Offer = offer, code.Asked, Here = PageOf(code.Link, http), Typed = person, Error = error }, status);
    }

    private static IResult Refuse(string problem) => PageResults.Page<CodePage>(new { Problem = problem }, StatusCodes.Status422UnprocessableEntity);

    private static string PageOf(InvitationLink link, HttpContext http) => CheckedCodes.PathOf(link.OrganizationSlug, link.InvitationId) + ReturnQuery(http);

    private static string ReturnQuery(HttpContext http) => ReturnTo(http) is { } url ? $"?return_to={Uri.EscapeDataString(url)}" : "";

    private static string? ReturnTo(HttpContext http) => http.Request.Query["return_to"] is [{ Length: > 0 and <= 1000 } url] ? url : null;

    private static async Task<Uri?> ReturnAddressAsync(InvitationLink link, Services services) =>
        Uri.TryCreate(ReturnTo(services.Http), UriKind.Absolute, out var address)
        && address is { Scheme: "https" or "http", UserInfo: "" }
        && await services.Guests.MayReturnTo(link, address.AbsoluteUri, services.Http.RequestAborted)
            ? address
            : null;

    private sealed record Services(HttpContext Http, GuestService Guests, CheckedCodes Codes, GuestLimits Limits, SessionCookie Sessions);
}
