using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Core.Users;
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
        var me = api.MapGroup("/me").WithTags("Own account").RequireAuthorization(Policies.Session);
        me.MapGet("", GetAsync).TakesSession(needed: true).WithName("getMe")
            .WithDocs<MeDocument>(
                "Get your account",
                "Includes your memberships, and until when this session may change how you sign in.");
        me.MapPatch("", UpdateAsync).TakesSession(needed: true).WithName("updateMe").WithDocs<MeDocument>(
            "Change your names, time zone and language",
            "Changes only your account. The records that organizations keep about you stay as they are.");
        me.MapPut("/password", SetPasswordAsync).TakesSession(needed: true).WithName("setMyPassword")
            .WithDocsNoContent("Change your password", """
            Ends your other sessions, pending address changes and reset links, and notifies your address. Needs your
            password within the last 10 minutes.
            """);
        me.MapPost("/address", AskAsync).CanRepeat().TakesSession(needed: true).WithName("changeMyAddress")
            .WithDocsAccepted("Change your address", """
            Mails a link to the new address. The account keeps the old address until the link is confirmed, within 24
            hours. If the address is that of the account, and not proven yet, the link proves it. Any other address
            needs your password within the last 10 minutes.
            """).ProducesProblem(StatusCodes.Status429TooManyRequests);
        me.MapGet("/sessions", ListSessionsAsync).TakesSession(needed: true).WithName("listMySessions")
            .WithDocs<Page<OwnSessionDocument>>("List your sessions", "Most recently used first; at most 200.");
        me.MapDelete("/sessions", EndOthersAsync).TakesSession(needed: true).WithName("endMyOtherSessions")
            .WithDocsNoContent("Sign out everywhere else", "Ends all your sessions except this one.");
        me.MapDelete("/sessions/{session}", EndSessionAsync).TakesSession(needed: true).WithName("endMySession")
            .WithDocsNoContent("End one of your sessions", "It may be the current session.");
        me.MapDelete("/memberships/{member}", LeaveAsync).TakesSession(needed: true).WithName("leaveOrganization")
            .WithDocsNoContent(
            "Leave an organization",
            "Your membership ends at once. The last active administrator cannot leave.");
        me.MapPost("/memberships/{member}/agree", AgreeAsync).CanRepeat().TakesSession(needed: true)
            .WithName("agreeToMembership").WithDocsNoContent(
            "Agree to an offered membership", """
            An organization with an external identity provider can offer a membership to your proven address; see
            `offers` of your account. Agreeing again changes nothing.
            """);
        me.MapPost("/memberships/{member}/decline", DeclineAsync).CanRepeat().TakesSession(needed: true)
            .WithName("declineMembership").WithDocsNoContent(
            "Decline an offered membership",
            "The membership is removed. The last active administrator cannot decline.");

        var session = api.MapGroup("/sessions/current").WithTags("Own account").RequireAuthorization(Policies.Session);
        session.MapPost("/confirm", ConfirmAsync).CanRepeat().TakesSession(needed: true).WithName("confirmSession")
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
            return GuestEndpoints.Wait(wait);
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
            return GuestEndpoints.Wait(wait);
        return await once.AnswerAsync(() => sessions.ConfirmAsync(session, body.Value.Password, ct), confirmed =>
            Answers.Ok(new StepUpDocument(Ids.Session.Of(confirmed.SessionId), confirmed.ConfirmedUntil)));
    }
}

/// <summary>A person's own account.</summary>
internal sealed record MeDocument
{
    /// <summary>`usr_…`</summary>
    public required string Id { get; init; }

    /// <summary>The address to sign in with; null where the account has none.</summary>
    public required string? Email { get; init; }

    /// <summary>Whether the person has proven that mail to the address reaches them.</summary>
    public required bool EmailProven { get; init; }

    /// <summary>The new address that waits for confirmation, if any.</summary>
    public required string? PendingEmail { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    /// <summary>TZ database name.</summary>
    public required string? TimeZone { get; init; }

    /// <summary>BCP 47.</summary>
    public required string? Locale { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The current session.</summary>
    public required OwnStateDocument Session { get; init; }

    public required IReadOnlyList<MembershipDocument> Memberships { get; init; }

    /// <summary>Memberships that organizations offer to your proven address and that wait for your agreement.</summary>
    public required IReadOnlyList<OfferedMembershipDocument> Offers { get; init; }

    public static MeDocument From(
        Me me, IReadOnlyList<OwnMembership> offers, SessionUser session, DateTimeOffset now) =>
        new()
    {
        Id = Ids.User.Of(me.User.Id), Email = me.Email, EmailProven = me.EmailProved, PendingEmail = me.PendingEmail,
        FirstName = me.User.FirstName,
        LastName = me.User.LastName, TimeZone = me.User.TimeZone, Locale = me.User.Locale,
        CreatedAt = me.User.CreatedAt,
        Session = new(
            Ids.Session.Of(session.SessionId), now < session.ConfirmedUntil, session.ConfirmedUntil, session.ExpiresAt),
        Memberships = [.. me.Memberships.Select(MembershipDocument.From)],
        Offers = [.. offers.Select(OfferedMembershipDocument.From)],
    };
}

/// <summary>The state of the current session.</summary>
/// <param name="Id">`ses_…`</param>
/// <param name="Confirmed">Whether it may change how the person signs in.</param>
/// <param name="ConfirmedUntil">When that permission ends or ended.</param>
/// <param name="ExpiresAt">When the session ends.</param>
internal sealed record OwnStateDocument(
    string Id, bool Confirmed, DateTimeOffset ConfirmedUntil, DateTimeOffset ExpiresAt);

/// <summary>A membership of a person.</summary>
internal sealed record MembershipDocument
{
    /// <summary>`mem_…`</summary>
    public required string MemberId { get; init; }

    public required MembershipOrganizationDocument Organization { get; init; }

    public required BuiltInRole Role { get; init; }

    public required MemberStatus Status { get; init; }

    public required DateTimeOffset Since { get; init; }

    public static MembershipDocument From(Membership membership) => new()
    {
        MemberId = Ids.Member.Of(membership.MemberId), Role = membership.Role, Status = membership.Status,
        Since = membership.JoinedAt,
        Organization = new(
            Ids.Organization.Of(membership.OrganizationId), membership.OrganizationSlug, membership.OrganizationName),
    };
}

/// <summary>A membership that waits for the person's agreement.</summary>
internal sealed record OfferedMembershipDocument
{
    /// <summary>`mem_…`</summary>
    public required string MemberId { get; init; }

    public required MembershipOrganizationDocument Organization { get; init; }

    public static OfferedMembershipDocument From(OwnMembership offer) => new()
    {
        MemberId = Ids.Member.Of(offer.MemberId),
        Organization = new(Ids.Organization.Of(offer.OrganizationId), offer.OrganizationSlug, offer.OrganizationName),
    };
}

/// <summary>The organization of a membership.</summary>
/// <param name="Id">`org_…`</param>
/// <param name="Slug">The organization's name in URLs.</param>
/// <param name="Name">The organization's name.</param>
internal sealed record MembershipOrganizationDocument(string Id, string Slug, string Name);

/// <summary>Changes to your account. Properties that are left out stay as they are.</summary>
internal sealed record UserChangeRequest
{
    /// <summary>1 to 120 characters.</summary>
    public string? FirstName { get; init; }

    /// <summary>At most 120 characters.</summary>
    public string? LastName { get; init; }

    /// <summary>TZ database name; null removes it.</summary>
    public Optional<string> TimeZone { get; init; }

    /// <summary>BCP 47; null removes it.</summary>
    public Optional<string> Locale { get; init; }

    public UserChange ToChange() =>
        new() { FirstName = FirstName, LastName = LastName, TimeZone = TimeZone, Locale = Locale };
}

internal sealed record PasswordRequest
{
    public required string Password { get; init; }
}

internal sealed record AddressRequest
{
    public required string Email { get; init; }
}

/// <summary>The password was confirmed.</summary>
/// <param name="Session">`ses_…`</param>
/// <param name="ConfirmedUntil">Until when the session may change how the person signs in.</param>
internal sealed record StepUpDocument(string Session, DateTimeOffset ConfirmedUntil);

/// <summary>One of a person's sessions.</summary>
internal sealed record OwnSessionDocument
{
    /// <summary>`ses_…`</summary>
    public required string Id { get; init; }

    /// <summary>The user agent of the browser or client.</summary>
    public required string? Device { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the session was last used, to within a few minutes.</summary>
    public required DateTimeOffset LastSeenAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Whether it is the current session.</summary>
    public required bool Current { get; init; }

    public static OwnSessionDocument From(Session session, SessionUser current) => new()
    {
        Id = Ids.Session.Of(session.Id), Device = session.Device, CreatedAt = session.CreatedAt,
        LastSeenAt = session.LastSeenAt,
        ExpiresAt = session.ExpiresAt, Current = session.Id == current.SessionId,
    };
}
