using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Limits;
using Usher.Server.Pages.Codes;

namespace Usher.Server.Pages.Join;

/// <summary>
/// The page that an invitation link opens; see <see cref="CodeFlow{TCodePage}"/>. Its forms answer the invitation.
/// </summary>
internal static class JoinEndpoints
{
    // The values of the field "step", which says which form was sent. All forms post to one URL, so that a page shown
    // after a refusal can be reloaded.
    public static class Steps
    {
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

    private static Task<IResult> ShowAsync(string slug, string invitation, [AsParameters] Services services) =>
        Flow(slug, invitation, services).ShowAsync();

    private static Task<IResult> AnswerAsync(string slug, string invitation, [AsParameters] Services services)
    {
        var flow = Flow(slug, invitation, services);
        return flow.AnswerAsync(async (code, form) =>
            await ActAsync(code, form, services) ?? flow.ToState(code));
    }

    // Null: the page is shown again, with the new state.
    private static async Task<IResult?> ActAsync(CheckedCode code, IFormCollection form, Services services)
    {
        var (http, guests, codes, limits, _, _) = services;
        var (link, step, ct) = (LinkOf(code), form["step"].ToString(), http.RequestAborted);
        switch (step)
        {
            case Steps.Join or Steps.TakeOver:
                var person = new NewPerson(
                    form["first_name"].ToString(), form["last_name"].ToString(), form["password"].ToString())
                {
                    TakeOver = step is Steps.TakeOver,
                };
                return await JoinedAsync(
                    code, await guests.JoinAsync(link, person, http.Device, ct), step, services, person);
            case Steps.Prove:
                return await JoinedAsync(
                    code, await guests.ProveAsync(link, form["current_password"].ToString(), http.Device, ct), step,
                    services);
            case Steps.Accept when await http.SignedInUserAsync() is { } user:
                return await JoinedAsync(code, await guests.AcceptAsync(link, user, ct), step, services);
            case Steps.Decline:
                // If it is refused, the invitation has ended in another way. The page says which.
                await guests.DeclineAsync(link, ct);
                return null;
            case Steps.Ask:
                if (limits.Mail(http) is { } pause) return PageResults.TooMany(http, pause);
                var asked = await guests.AskForNewAsync(link, ct);
                if (asked.Error is null) codes.Write(http.Response, code with { Marked = true });
                return null;
            default:
                return null;
        }
    }

    private static async Task<IResult?> JoinedAsync(
        CheckedCode code, Result<Joined> result, string step, Services services, NewPerson? person = null)
    {
        var (http, guests, codes, _, sessions, _) = services;
        if (result.TryGet(out var joined, out var error))
        {
            if (joined.Session is { } session) sessions.Write(http.Response, session);
            var next = $"{codes.PathOf(code)}/joined";
            if (step is Steps.TakeOver) return PageResults.SeeOther($"{next}{ReturnQuery(http, $"{TakenOver}=1")}");
            return PageResults.SeeOther(
                await ReturnAddressAsync(code, services) is null ? "/me" : $"{next}{ReturnQuery(http)}");
        }

        var offer = await guests.LookAsync(LinkOf(code), await http.SignedInUserAsync(), http.RequestAborted);
        // A handed-over link reveals that the address has an account only when the form is submitted.
        if (error.Is(InvitationErrors.MustSignIn) && offer.Viewer is Viewer.Undisclosed)
            return Show(code, offer with { Viewer = Viewer.MustSignIn }, services, error: error);
        if (error.RetryAfter is { } wait) http.Response.Headers.RetryAfter = ErrorResult.Seconds(wait);
        // If the state has changed since the page was shown, the page explains the new state better than the error.
        var stillThere = offer.State is OfferState.Open && step switch
        {
            Steps.Join => offer.Viewer is Viewer.NewPerson or Viewer.Undisclosed,
            Steps.Prove or Steps.TakeOver => offer.Viewer is Viewer.UnprovenAccount,
            _ => offer.Viewer is Viewer.Invitee,
        };
        return stillThere ? Show(code, offer, services, person, error) : null;
    }

    // A page instead of a redirect, because some browsers apply the form-action policy to redirects after a form. Only
    // a link or a refresh may lead to another site.
    private static async Task<IResult> ContinueAsync(string slug, string invitation, [AsParameters] Services services)
    {
        var (http, guests, codes, _, _, memberships) = services;
        if (codes.Read(http.Request, slug, invitation) is not { } code) return PageResults.SeeOther("/me");
        var address = await ReturnAddressAsync(code, services);
        var user = await http.SignedInUserAsync();
        if (http.Request.Query.ContainsKey(TakenOver) && user is { } id)
        {
            var suspended = await memberships.SuspendedAsync(id, http.RequestAborted);
            var here = $"{http.Request.Path}{http.Request.QueryString}";
            if (suspended is not [])
                return PageResults.Page<TakenOverPage>(new { Suspended = suspended, Address = address, Here = here });
        }

        if (address is null) return PageResults.SeeOther("/me");
        var offer = await guests.LookAsync(LinkOf(code), user, http.RequestAborted);
        return PageResults.Page<JoinedPage>(new { offer.OrganizationName, Address = address });
    }

    private static CodeFlow<CodePage> Flow(string slug, string invitation, Services services) =>
        new(services.Http, services.Codes, services.Limits, slug, invitation)
        {
            Query = ReturnQuery(services.Http),
            State = async code =>
            {
                var http = services.Http;
                var offer = await services.Guests.LookAsync(
                    LinkOf(code), await http.SignedInUserAsync(), http.RequestAborted);
                return offer.State is OfferState.Unknown ? null : Show(code, offer, services);
            },
        };

    private static InvitationLink LinkOf(CheckedCode code) => new(code.Slug, code.Id, code.Secret);

    private static IResult Show(
        CheckedCode code, Offer offer, Services services, NewPerson? person = null, Error? error = null)
    {
        var status = error?.StatusCode
            ?? (offer.State is OfferState.Open ? StatusCodes.Status200OK : StatusCodes.Status410Gone);
        return PageResults.Page<OfferPage>(
            new
            {
                Offer = offer, Asked = code.Marked, Here = services.Codes.PathOf(code) + ReturnQuery(services.Http),
                Typed = person, Error = error,
            },
            status);
    }

    private static string ReturnQuery(HttpContext http, string? also = null) => (also, ReturnTo(http)) switch
    {
        (null, null) => "",
        (_, null) => $"?{also}",
        (null, { } url) => $"?return_to={Uri.EscapeDataString(url)}",
        (_, { } url) => $"?{also}&return_to={Uri.EscapeDataString(url)}",
    };

    private static string? ReturnTo(HttpContext http) =>
        http.Request.Query["return_to"] is [{ Length: > 0 and <= 1000 } url] ? url : null;

    private static async Task<Uri?> ReturnAddressAsync(CheckedCode code, Services services) =>
        Uri.TryCreate(ReturnTo(services.Http), UriKind.Absolute, out var address)
        && address is { Scheme: "https" or "http", UserInfo: "" }
        && await services.Guests.MayReturnTo(LinkOf(code), address.AbsoluteUri, services.Http.RequestAborted)
            ? address
            : null;

    private sealed record Services(
        HttpContext Http, GuestService Guests, InvitationCodes Codes, GuestLimits Limits, SessionCookie Sessions,
        MembershipService Memberships);
}
