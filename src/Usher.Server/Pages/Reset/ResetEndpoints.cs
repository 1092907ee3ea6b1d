using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Core.Users;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Limits;

namespace Usher.Server.Pages.Reset;

/// <summary>
/// Requesting a reset link and setting a new password. Like the page of an invitation, the page of a link shows the
/// same frame for every link until its code was posted to a check that changes nothing.
/// </summary>
internal static class ResetEndpoints
{
    // The values of the field "step", which says which form of the page was sent. The code's form sends "check".
    public static class Steps
    {
        public const string Check = Join.JoinEndpoints.Steps.Check;
        public const string Set = "set";
    }

    public static void MapReset(this IEndpointRouteBuilder pages)
    {
        pages.MapMethods("/reset", PagesExtensions.Read, (HttpContext http) => ShowForm(http));
        pages.MapPost("/reset", AskAsync).LimitedBy(GuessKind.Mails);
        pages.MapMethods("/reset/{reset}", PagesExtensions.Read, ShowAsync);
        pages.MapPost("/reset/{reset}", AnswerAsync).LimitedBy(GuessKind.Codes);
    }

    private static IResult ShowForm(HttpContext http, string? email = null, string? problem = null) =>
        PageResults.Page<AskResetPage>(
        new
        {
            ReturnTo = ReturnTo(http), Sent = http.Request.Query.ContainsKey("sent"), Email = email, Problem = problem,
        },
        problem is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);

    private static async Task<IResult> AskAsync([AsParameters] Services services)
    {
        var http = services.Http;
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        var typed = form["email"].ToString();
        if (!EmailAddress.TryCanonical(typed, out var address))
            return ShowForm(http, typed, InvitationErrors.EmailInvalid.Message);
        if (services.Limits.Mail(http) is { } wait) return PageResults.TooMany(http, wait);

        // The same answer for every address, so that it does not reveal which addresses have an account.
        await services.Resets.RequestAsync(address, ReturnTo(http), http.RequestAborted);
        return PageResults.SeeOther(
            $"/reset?sent{(ReturnTo(http) is { } path ? $"&return={Uri.EscapeDataString(path)}" : "")}");
    }

    private static async Task<IResult> ShowAsync(string reset, [AsParameters] Services services)
    {
        var http = services.Http;
        if (!CodeCookie.TryParseId(reset, out var id) || services.Codes.Read(http.Request, id) is not { } link)
            return PageResults.Page<ResetCodePage>(new { });
        var found = await services.Resets.LookAsync(link, http.RequestAborted);
        if (found.State is not PasswordResetState.Unknown) return Show(found, http);
        services.Codes.Delete(http.Response, link);
        return PageResults.Page<ResetCodePage>(new { });
    }

    private static async Task<IResult> AnswerAsync(string reset, [AsParameters] Services services)
    {
        var http = services.Http;
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        var isId = CodeCookie.TryParseId(reset, out var id);
        if (services.Limits.Code(http, isId ? id.ToString() : "") is { } wait) return PageResults.TooMany(http, wait);
        if (form["step"] == Steps.Check) return await CheckAsync(isId ? id : null, form["code"].ToString(), services);
        if (!isId || services.Codes.Read(http.Request, id) is not { } link) return Refuse(ResetCodePage.Forgotten);
        return form["step"] == Steps.Set
            ? await SetAsync(link, form["password"].ToString(), services)
            : PageResults.SeeOther(PageOf(link, http));
    }

    private static async Task<IResult> CheckAsync(Guid? id, string typed, Services services)
    {
        var http = services.Http;
        if (!CheckedResets.TryFind(typed, out var secret)) return Refuse(ResetCodePage.NotACode);
        if (id is null) return Refuse(ResetCodePage.Unknown);
        var link = new PasswordResetLink(id.Value, secret);
        if ((await services.Resets.LookAsync(link, http.RequestAborted)).State is PasswordResetState.Unknown)
            return Refuse(ResetCodePage.Unknown);
        services.Codes.Write(http.Response, link);
        return PageResults.SeeOther(PageOf(link, http));
    }

    private static async Task<IResult> SetAsync(PasswordResetLink link, string password, Services services)
    {
        var http = services.Http;
        var done = await services.Resets.CompleteAsync(link, password, http.Device, http.RequestAborted);
        if (done.TryGet(out var session, out var error))
        {
            services.Sessions.Write(http.Response, session);
            services.Codes.Delete(http.Response, link);
            return PageResults.SeeOther(ReturnTo(http) ?? "/me");
        }

        // If it is refused for another reason than the password, the state has changed since the page was shown. The
        // page explains the new state.
        var found = await services.Resets.LookAsync(link, http.RequestAborted);
        return found.State is PasswordResetState.Open
            ? Show(found, http, error)
            : PageResults.SeeOther(PageOf(link, http));
    }

    private static IResult Show(PasswordResetView found, HttpContext http, Error? error = null)
    {
        var status = error?.StatusCode
            ?? (found.State is PasswordResetState.Open ? StatusCodes.Status200OK : StatusCodes.Status410Gone);
        return PageResults.Page<ResetPage>(new { Reset = found, ReturnTo = ReturnTo(http), Error = error }, status);
    }

    private static IResult Refuse(string problem) =>
        PageResults.Page<ResetCodePage>(new { Problem = problem }, StatusCodes.Status422UnprocessableEntity);

    private static string PageOf(PasswordResetLink link, HttpContext http) =>
        CheckedResets.PathOf(link) + (ReturnTo(http) is { } path ? $"?return={Uri.EscapeDataString(path)}" : "");

    private static string? ReturnTo(HttpContext http) => LocalPath.OrNull(http.Request.Query["return"]);

    private sealed record Services(
        HttpContext Http, PasswordResetService Resets, CheckedResets Codes, GuestLimits Limits, SessionCookie Sessions);
}
