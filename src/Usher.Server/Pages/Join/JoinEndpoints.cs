using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Limits;

namespace Usher.Server.Pages.Join;

/// <summary>
/// The page that an invitation link opens. GET shows the same frame for every link. join.js, or the person, posts the
/// code to a check that changes nothing; then GET shows the state of the invitation. All other POSTs answer the
/// invitation.
/// </summary>
internal static class JoinEndpoints
{
    // The values of the field "step", which says which form was sent. All forms post to one URL, so that a page shown
    // after a refusal can be reloaded.
    public static class Steps
    {
        public const string Check = "check";
        public const string Join = "join";
        public const string Prove = "prove";
        public const string TakeOver = "take_over";
        public const string Accept = "accept";
        public const string Decline = "decline";
        public const string Ask = "ask";
    }

    // The query parameter for the page after an account was taken over, whose other memberships are suspended.
    private const string TakenOver = "taken_over";

    public static void MapJoin(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/join/{slug}/{invitation}", PagesExtensions.Read, ShowAsync);
        pages.MapPost("/join/{slug}/{invitation}", AnswerAsync).LimitedBy(GuessKind.Codes);
        pages.MapMethods("/join/{slug}/{invitation}/joined", PagesExtensions.Read, ContinueAsync);
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
        var (http, guests, codes, limits, _, _) = services;
        var ct = http.RequestAborted;
        var form = await http.Request.ReadFormAsync(ct);
        var step = form["step"].ToString();
        if (limits.Code(http, invitation) is { } wait) return PageResults.TooMany(http, wait);
        if (step is Steps.Check) return await CheckAsync(slug, invitation, form["code"].ToString(), services);
        if (codes.Read(http.Request, slug, invitation) is not { } code) return Refuse(CodePage.Forgotten);

        switch (step)
        {
            case Steps.Join or Steps.TakeOver:
                var person = new NewPerson(
                    form["first_name"].ToString(), form["last_name"].ToString(), form["password"].ToString())
                {
                    TakeOver = step is Steps.TakeOver,
                };
                return await JoinedAsync(
                    code, await guests.JoinAsync(code.Link, person, http.Device, ct), step, services, person);
            case Steps.Prove:
                return await JoinedAsync(
                    code, await guests.ProveAsync(code.Link, form["current_password"].ToString(), http.Device, ct),
                    step, services);
            case Steps.Accept when await http.SignedInUserAsync() is { } user:
                return await JoinedAsync(code, await guests.AcceptAsync(code.Link, user, ct), step, services);
            case Steps.Decline:
                // If it is refused, the invitation has ended in another way. The page says which.
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
        var (http, guests, codes, _, _, _) = services;
        if (!CheckedCodes.TryFind(typed, out var secret)) return Refuse(CodePage.NotACode);
        if (!CodeCookie.TryParseId(invitation, out var id)) return Refuse(CodePage.Unknown);
        var link = new InvitationLink(slug, id, secret);
        var offer = await guests.LookAsync(link, signedInUser: null, http.RequestAborted);
        if (offer.State is OfferState.Unknown) return Refuse(CodePage.Unknown);
        codes.Write(http.Response, new(link, Asked: false));
        return PageResults.SeeOther(PageOf(link, http));
    }

    private static async Task<IResult> JoinedAsync(
        CheckedCode code, Result<Joined> result, string step, Services services, NewPerson? person = null)
    {
        var (http, guests, _, _, sessions, _) = services;
        if (result.TryGet(out var joined, out var error))
        {
            if (joined.Session is { } session) sessions.Write(http.Response, session);
            var next = $"{CheckedCodes.PathOf(code.Link.OrganizationSlug, code.Link.InvitationId)}/joined";
            if (step is Steps.TakeOver) return PageResults.SeeOther($"{next}{ReturnQuery(http, $"{TakenOver}=1")}");
            return PageResults.SeeOther(
                await ReturnAddressAsync(code.Link, services) is null ? "/me" : $"{next}{ReturnQuery(http)}");
        }

        var offer = await guests.LookAsync(code.Link, await http.SignedInUserAsync(), http.RequestAborted);
        // A handed-over link reveals that the address has an account only when the form is submitted.
        if (error.Is(InvitationErrors.MustSignIn) && offer.Viewer is Viewer.Undisclosed)
            return Show(code, offer with { Viewer = Viewer.MustSignIn }, http, error: error);
        if (error.RetryAfter is { } wait) http.Response.Headers.RetryAfter = ErrorResult.Seconds(wait);
        // If the state has changed since the page was shown, the page explains the new state better than the error.
        var stillThere = offer.State is OfferState.Open && step switch
        {
            Steps.Join => offer.Viewer is Viewer.NewPerson or Viewer.Undisclosed,
            Steps.Prove or Steps.TakeOver => offer.Viewer is Viewer.UnprovenAccount,
            _ => offer.Viewer is Viewer.Invitee,
        };
        return stillThere ? Show(code, offer, http, person, error) : PageResults.SeeOther(PageOf(code.Link, http));
    }

    // A page instead of a redirect, because some browsers apply the form-action policy to redirects after a form. Only
    // a link or a refresh may lead to another site.
    private static async Task<IResult> ContinueAsync(string slug, string invitation, [AsParameters] Services services)
    {
        var (http, guests, codes, _, _, memberships) = services;
        if (codes.Read(http.Request, slug, invitation) is not { } code) return PageResults.SeeOther("/me");
        var address = await ReturnAddressAsync(code.Link, services);
        var user = await http.SignedInUserAsync();
        if (http.Request.Query.ContainsKey(TakenOver) && user is { } id)
        {
            var suspended = await memberships.SuspendedAsync(id, http.RequestAborted);
            var here = $"{http.Request.Path}{http.Request.QueryString}";
            if (suspended is not [])
                return PageResults.Page<TakenOverPage>(new { Suspended = suspended, Address = address, Here = here });
        }

        if (address is null) return PageResults.SeeOther("/me");
        var offer = await guests.LookAsync(code.Link, user, http.RequestAborted);
        return PageResults.Page<JoinedPage>(new { offer.OrganizationName, Address = address });
    }

    private static IResult Show(
        CheckedCode code, Offer offer, HttpContext http, NewPerson? person = null, Error? error = null)
    {
        var status = error?.StatusCode
            ?? (offer.State is OfferState.Open ? StatusCodes.Status200OK : StatusCodes.Status410Gone);
        return PageResults.Page<OfferPage>(
            new { Offer = offer, code.Asked, Here = PageOf(code.Link, http), Typed = person, Error = error }, status);
    }

    private static IResult Refuse(string problem) =>
        PageResults.Page<CodePage>(new { Problem = problem }, StatusCodes.Status422UnprocessableEntity);

    private static string PageOf(InvitationLink link, HttpContext http) =>
        CheckedCodes.PathOf(link.OrganizationSlug, link.InvitationId) + ReturnQuery(http);

    private static string ReturnQuery(HttpContext http, string? also = null) => (also, ReturnTo(http)) switch
    {
        (null, null) => "",
        (_, null) => $"?{also}",
        (null, { } url) => $"?return_to={Uri.EscapeDataString(url)}",
        (_, { } url) => $"?{also}&return_to={Uri.EscapeDataString(url)}",
    };

    private static string? ReturnTo(HttpContext http) =>
        http.Request.Query["return_to"] is [{ Length: > 0 and <= 1000 } url] ? url : null;

    private static async Task<Uri?> ReturnAddressAsync(InvitationLink link, Services services) =>
        Uri.TryCreate(ReturnTo(services.Http), UriKind.Absolute, out var address)
        && address is { Scheme: "https" or "http", UserInfo: "" }
        && await services.Guests.MayReturnTo(link, address.AbsoluteUri, services.Http.RequestAborted)
            ? address
            : null;

    private sealed record Services(
        HttpContext Http, GuestService Guests, CheckedCodes Codes, GuestLimits Limits, SessionCookie Sessions,
        MembershipService Memberships);
}
