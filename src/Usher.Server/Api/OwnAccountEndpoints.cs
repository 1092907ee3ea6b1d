using Usher.Core;
using Usher.Core.Members;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Pages;

namespace Usher.Server.Api;

/// <summary>
/// A person's own account, with their own session (`Authorization: Bearer uss_…`). API keys cannot change an account.
/// Changing how the person signs in needs their password within the last 10 minutes. Otherwise the answer is 403
/// `step_up_needed`, and `POST /usher/v1/sessions/current/confirm` takes the password.
/// </summary>
internal static class OwnAccountEndpoints
{
    public static void MapOwnAccount(this RouteGroupBuilder api)
    {
        var me = api.MapGroup("/me").WithTags("Own account").RequireAuthorization(Policies.Session)
            .TakesSession(needed: true);
        me.MapGet("", GetAsync).WithName("getMe")
            .WithDocs<MeDocument>(
                "Get your account",
                "Includes your memberships, and until when this session may change how you sign in.");
        me.MapPatch("", UpdateAsync).WithName("updateMe")
            .WithDocs<MeDocument>(
                "Change your names, time zone and language",
                "Changes only your account. The records that organizations keep about you stay as they are.");
        me.MapPut("/password", SetPasswordAsync).WithName("setMyPassword")
            .WithDocsNoContent("Change your password", """
            Ends your other sessions, pending address changes and reset links, and notifies your address. Needs your
            password within the last 10 minutes.
            """);
        me.MapPost("/address", AskAsync).CanRepeat().WithName("changeMyAddress")
            .WithDocsAccepted("Change your address", """
            Mails a link to the new address. The account keeps the old address until the link is confirmed, within 24
            hours. If the address is that of the account, and not proven yet, the link proves it. Any other address
            needs your password within the last 10 minutes.
            """).ProducesProblem(StatusCodes.Status429TooManyRequests);
        me.MapGet("/sessions", ListSessionsAsync).WithName("listMySessions")
            .WithDocs<Page<OwnSessionDocument>>("List your sessions", "Most recently used first; at most 200.");
        me.MapDelete("/sessions", EndOthersAsync).WithName("endMyOtherSessions")
            .WithDocsNoContent("Sign out everywhere else", "Ends all your sessions except this one.");
        me.MapDelete("/sessions/{session}", EndSessionAsync).WithName("endMySession").CanBeNotFound()
            .WithDocsNoContent("End one of your sessions", "It may be the current session.");
        me.MapDelete("/memberships/{member}", LeaveAsync).WithName("leaveOrganization").CanBeNotFound()
            .WithDocsNoContent(
                "Leave an organization", "Your membership ends at once. The last active administrator cannot leave.");
        me.MapPost("/memberships/{member}/agree", AgreeAsync).CanRepeat().WithName("agreeToMembership").CanBeNotFound()
            .WithDocsNoContent("Agree to an offered membership", """
            An organization with an external identity provider can offer a membership to your proven address; see
            `offers` of your account. Agreeing again changes nothing.
            """);
        me.MapPost("/memberships/{member}/decline", DeclineAsync).CanRepeat().WithName("declineMembership")
            .CanBeNotFound().WithDocsNoContent(
                "Decline an offered membership",
                "The membership is removed. The last active administrator cannot decline.");

        var session = api.MapGroup("/sessions/current").WithTags("Own account").RequireAuthorization(Policies.Session)
            .TakesSession(needed: true);
        session.MapPost("/confirm", ConfirmAsync).CanRepeat().WithName("confirmSession")
            .WithDocs<StepUpDocument>("Confirm your password", """
            For 10 minutes, this session may change how you sign in. Wrong passwords count as failed sign-ins.
            """);
    }

    private static async Task<IResult> GetAsync(
        SessionUser session, UserService users, MembershipService memberships, TimeProvider clock,
        CancellationToken ct) =>
        await users.MeAsync(session.UserId, ct) is { } me
            ? Answers.Ok(MeDocument.From(me, await memberships.OffersAsync(session.UserId, ct), session, clock.Now()))
            : AccountErrors.SessionRefused.ToHttp();

    private static async Task<IResult> UpdateAsync(
        ApiBody<UserChangeRequest> body, SessionUser session, UserService users, MembershipService memberships,
        TimeProvider clock,
        CancellationToken ct)
    {
        if (body.Refusal(given => UserService.Faults(given.ToChange())) is { } refusal) return refusal;
        if (!(await users.UpdateAsync(session, body.Value.ToChange(), ct)).TryGet(out var me, out var refused))
            return refused.ToHttp();
        return Answers.Ok(MeDocument.From(me, await memberships.OffersAsync(session.UserId, ct), session, clock.Now()));
    }

    private static async Task<IResult> SetPasswordAsync(
        ApiBody<PasswordRequest> body, SessionUser session, UserService users, CancellationToken ct)
    {
        if (body.Refusal() is { } refusal) return refusal;
        return (await users.ChangePasswordAsync(session, body.Value.Password, ct)).ToHttp(_ => Answers.NoContent);
    }

    private static async Task<IResult> AskAsync(
        ApiBody<AddressRequest> body, HttpContext http, Once once, SessionUser session, UserAddressService addresses,
        GuestLimits limits, CancellationToken ct)
    {
        if (body.Refusal() is { } refusal) return refusal;
        if (EmailAddress.TryCanonical(body.Value.Email, out var address) && limits.Mail(http, address) is { } wait)
            return Answers.TooMany(wait);
        return await once.AnswerAsync(
            () => addresses.AskAsync(session, body.Value.Email, ct), _ => TypedResults.Accepted((string?)null));
    }

    private static async Task<IResult> ListSessionsAsync(
        SessionUser session, OwnSessionService sessions, CancellationToken ct) =>
        Answers.Ok(new Page<OwnSessionDocument>(
            [.. (await sessions.ListAsync(session.UserId, ct)).Select(s => OwnSessionDocument.From(s, session))],
            Next: null));

    private static async Task<IResult> EndOthersAsync(
        SessionUser session, OwnSessionService sessions, CancellationToken ct)
    {
        await sessions.EndOthersAsync(session, ct);
        return Answers.NoContent;
    }

    private static async Task<IResult> EndSessionAsync(
        string session, SessionUser current, OwnSessionService sessions, CancellationToken ct) =>
        (await sessions.EndAsync(current, Ids.Session.Parse(session), ct)).ToHttp(_ => Answers.NoContent);

    private static async Task<IResult> LeaveAsync(
        string member, SessionUser session, MemberService members, CancellationToken ct) =>
        (await members.LeaveAsync(session.UserId, Ids.Member.Parse(member), ct)).ToHttp(_ => Answers.NoContent);

    private static Task<IResult> AgreeAsync(
        string member, Once once, SessionUser session, MembershipService memberships, CancellationToken ct) =>
        once.AnswerAsync(
            () => memberships.AgreeAsync(session.UserId, Ids.Member.Parse(member), ct), _ => Answers.NoContent);

    private static Task<IResult> DeclineAsync(
        string member, Once once, SessionUser session, MembershipService memberships, CancellationToken ct) =>
        once.AnswerAsync(
            () => memberships.DeclineAsync(session.UserId, Ids.Member.Parse(member), ct), _ => Answers.NoContent);

    private static async Task<IResult> ConfirmAsync(
        ApiBody<PasswordRequest> body, HttpContext http, Once once, SessionUser session, OwnSessionService sessions,
        GuestLimits limits, CancellationToken ct)
    {
        if (body.Refusal() is { } refusal) return refusal;
        if (limits.Password(http, session.Email ?? session.UserId.ToString()) is { } wait)
            return Answers.TooMany(wait);
        return await once.AnswerAsync(() => sessions.ConfirmAsync(session, body.Value.Password, ct), confirmed =>
            Answers.Ok(new StepUpDocument(Ids.Session.Of(confirmed.SessionId), confirmed.ConfirmedUntil)));
    }
}
