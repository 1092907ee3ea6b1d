using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Core.Users;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Limits;
using Usher.Server.Pages.Codes;

namespace Usher.Server.Pages.Reset;

/// <summary>
/// Requesting a reset link, and the page that the link opens, which sets a new password; see
/// <see cref="CodeFlow{TCodePage}"/>.
/// </summary>
internal static class ResetEndpoints
{
    // The values of the field "step", which says which form of the page was sent.
    public static class Steps
    {
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

    private static Task<IResult> ShowAsync(string reset, [AsParameters] Services services) =>
        Flow(reset, services).ShowAsync();

    private static Task<IResult> AnswerAsync(string reset, [AsParameters] Services services)
    {
        var flow = Flow(reset, services);
        return flow.AnswerAsync(async (code, form) => form["step"] == Steps.Set
            ? await SetAsync(code, form["password"].ToString(), services) ?? flow.ToState(code)
            : flow.ToState(code));
    }

    // Null: it was refused for another reason than the password. The state has changed since the page was shown, and
    // the page explains the new state.
    private static async Task<IResult?> SetAsync(CheckedCode code, string password, Services services)
    {
        var http = services.Http;
        var done = await services.Resets.CompleteAsync(LinkOf(code), password, http.Device, http.RequestAborted);
        if (done.TryGet(out var session, out var error))
        {
            services.Sessions.Write(http.Response, session);
            services.Codes.Delete(http.Response, code);
            return PageResults.SeeOther(ReturnTo(http) ?? "/me");
        }

        var found = await services.Resets.LookAsync(LinkOf(code), http.RequestAborted);
        return found.State is PasswordResetState.Open ? Show(found, http, error) : null;
    }

    private static CodeFlow<ResetCodePage> Flow(string reset, Services services) =>
        new(services.Http, services.Codes, services.Limits, slug: "", reset)
        {
            Query = ReturnTo(services.Http) is { } path ? $"?return={Uri.EscapeDataString(path)}" : "",
            State = async code =>
            {
                var found = await services.Resets.LookAsync(LinkOf(code), services.Http.RequestAborted);
                return found.State is PasswordResetState.Unknown ? null : Show(found, services.Http);
            },
        };

    private static PasswordResetLink LinkOf(CheckedCode code) => new(code.Id, code.Secret);

    private static IResult Show(PasswordResetView found, HttpContext http, Error? error = null)
    {
        var status = error?.StatusCode
            ?? (found.State is PasswordResetState.Open ? StatusCodes.Status200OK : StatusCodes.Status410Gone);
        return PageResults.Page<ResetPage>(new { Reset = found, ReturnTo = ReturnTo(http), Error = error }, status);
    }

    private static string? ReturnTo(HttpContext http) => LocalPath.OrNull(http.Request.Query["return"]);

    private sealed record Services(
        HttpContext Http, PasswordResetService Resets, ResetCodes Codes, GuestLimits Limits, SessionCookie Sessions);
}
