using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Core.Organizations;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Limits;
using Usher.Server.Pages;

namespace Usher.Server.Api;

/// <summary>
/// What an invited person does himself, for products that show pages of their own: no key, but the code of his link,
/// and his session where he has an account.
/// </summary>
internal static class GuestEndpoints
{
    public static void MapGuests(this RouteGroupBuilder api)
    {
        var guest = api.MapGroup("/organizations/{organization}/invitations/{invitation}").WithTags("Joining")
            .AllowAnonymous().LimitedBy(GuessKind.Codes);
        guest.MapPost("/check", CheckAsync).CanRepeat().TakesSession()
            .Says<OfferDocument>(
                "Look at an offer",
                "What the holder of a link may know of it. Changes nothing, however often it is called.");
        guest.MapPost("/accept", AcceptAsync).CanRepeat().TakesSession().Says<JoinedDocument>("Accept", """
            A new person gives a name and a password, and is signed in. A person with an account signs in first and sends the session as
            `Authorization: Bearer uss_…`. Where the address has an account that never proved it (`unproven_account`), the holder of a mailed
            code gives that account's password as `currentPassword`, or takes the account over with `takeOver` and a new password: its sessions
            and API keys then end, and its other memberships are suspended until an administrator of each organization restores them.
            A code that was handed over proves nothing and tells nothing about accounts before it is submitted: `must_sign_in` is answered then,
            to 20 submissions a day in an organization. The same person repeating it gets the same answer.
            """);
        guest.MapPost("/decline", DeclineAsync).CanRepeat()
            .Says<OfferDocument>("Decline", "The membership offered is removed.");
        guest.MapPost("/request", RequestAsync).CanRepeat()
            .Says<OfferDocument>(
                "Ask for a new link",
                "For one that ran out, a new mail goes to the invited address; also for an open one whose code was "
                + "handed over, which then stays open. For one whose sponsor lost the right, the administrators are "
                + "told.");

        var sessions = api.MapGroup("/sessions").WithTags("Joining").AllowAnonymous();
        sessions.MapPost("", SignInAsync).LimitedBy(GuessKind.Passwords).CanRepeat()
            .Says<SessionDocument>(
                "Sign in", "By e-mail and password. The token is the session's only secret.",
                StatusCodes.Status201Created)
            .ProducesProblem(StatusCodes.Status401Unauthorized);
        sessions.MapDelete("/current", SignOutAsync).TakesSession(needed: true)
            .SaysNothing("Sign out", "Ends the session that `Authorization: Bearer uss_…` names.");
    }

    private static Task<IResult> CheckAsync(
        string organization, string invitation, ApiBody<CodeRequest> body, [AsParameters] Services services) =>
        WithLinkAsync(organization, invitation, body, b => b.Code, services, async link =>
        {
            if (!(await UserAsync(services)).TryGet(out var user, out var ended)) return ended.ToHttp();
            var offer = await services.Guests.LookAsync(link, user, services.Ct);
            return offer.State is OfferState.Unknown
                ? InvitationErrors.LinkUnknown.ToHttp()
                : Answers.Ok(OfferDocument.From(offer));
        });

    private static Task<IResult> AcceptAsync(
        string organization, string invitation, ApiBody<AcceptRequest> body, [AsParameters] Services services) =>
        WithLinkAsync(organization, invitation, body, b => b.Code, services, async link =>
        {
            var given = body.Value;
            var person = new NewPerson(
                given.FirstName ?? "", given.LastName ?? "", given.Password ?? "") { TakeOver = given.TakeOver };
            // A session alone proves no address, so it does not stand in the way of a password that does.
            var passwordIsGiven = given.CurrentPassword is not null || given.TakeOver;
            if (!(passwordIsGiven ? (Result<Guid?>)(Guid?)null : await UserAsync(services))
                    .TryGet(out var user, out var ended))
                return ended.ToHttp();
            var joined = given switch
            {
                { CurrentPassword: { } password } =>
                    await services.Guests.ProveAsync(link, password, services.Http.Device, services.Ct),
                _ when user is { } id => await services.Guests.AcceptAsync(link, id, services.Ct),
                _ => await services.Guests.JoinAsync(link, person, services.Http.Device, services.Ct),
            };
            return joined.ToHttp(j =>
                Answers.Ok(new JoinedDocument(
                    j.OrganizationName,
                    j.Session is { } session ? SessionDocument.From(session, services.Devices) : null)));
        });

    private static Task<IResult> DeclineAsync(
        string organization, string invitation, ApiBody<CodeRequest> body, [AsParameters] Services services) =>
        WithLinkAsync(
            organization, invitation, body, b => b.Code, services,
            async link =>
                (await services.Guests.DeclineAsync(link, services.Ct)).ToHttp(o => Answers.Ok(OfferDocument.From(o))));

    private static Task<IResult> RequestAsync(
        string organization, string invitation, ApiBody<CodeRequest> body, [AsParameters] Services services) =>
        WithLinkAsync(
            organization, invitation, body, b =>
                b.Code, services, async link => services.Limits.Mail(services.Http) is { } wait
            ? Wait(wait)
            : (await services.Guests.AskForNewAsync(link, services.Ct)).ToHttp(o => Answers.Ok(OfferDocument.From(o))));

    private static async Task<IResult> SignInAsync(ApiBody<SignInRequest> body, [AsParameters] Services services)
    {
        if (body.Refusal() is { } refusal) return refusal;
        var (given, devices) = (body.Value, services.Devices);
        var proof = new SignInProof(given.Code, devices.Read(given.DeviceToken));
        return (await services.Sessions.SignInAsync(
            given.Email, given.Password, services.Http.Device, services.Ct, proof))
            .ToHttp(session => Answers.Created(SessionDocument.From(session, devices), "/usher/v1/sessions/current"));
    }

    private static async Task<IResult> SignOutAsync([AsParameters] Services services)
    {
        if (Token(services.Http) is not { } token || await services.Sessions.FindAsync(token, services.Ct) is null)
            return AccountErrors.SessionRefused.ToHttp();
        await services.Sessions.EndAsync(token, services.Ct);
        return Answers.NoContent;
    }

    // Guesses are counted before they are looked at, known and unknown invitations alike.
    private static async Task<IResult> WithLinkAsync<T>(
        string organization, string invitation, ApiBody<T> body, Func<T, string> code, Services services,
        Func<InvitationLink, Task<IResult>> answer)
        where T : class
    {
        if (body.Refusal() is { } refusal) return refusal;
        if (services.Limits.Code(services.Http, invitation) is { } wait) return Wait(wait);
        var slug = Ids.Organization.TryParse(organization, out var id)
            ? await services.Organizations.SlugOfAsync(id, services.Ct)
            : OrganizationService.IsSlug(organization)
            ? organization
            : null;
        return slug is null || !Ids.Invitation.TryParse(invitation, out var invitationId)
            ? InvitationErrors.LinkUnknown.ToHttp()
            : await answer(new(slug, invitationId, code(body.Value).Trim()));
    }

    internal static IResult Wait(TimeSpan wait) => (LimitErrors.TooMany with { RetryAfter = wait }).ToHttp();

    // Null: no session was sent, as by a new person. An API key, which clients send by themselves with every call, says
    // nothing about who accepts.
    private static async Task<Result<Guid?>> UserAsync(Services services)
    {
        if (Token(services.Http) is not { } token || !token.StartsWith(Secret.SessionPrefix, StringComparison.Ordinal))
            return (Guid?)null;
        return await services.Sessions.FindAsync(token, services.Ct) is { } session
            ? session.UserId
            : SessionErrors.Ended;
    }

    // Never the cookie: what a browser sends by itself must not be enough to accept.
    private static string? Token(HttpContext http) =>
        http.Request.Headers.Authorization is [{ } header]
            && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            ? header["Bearer ".Length..].Trim()
            : null;

    private sealed record Services(
        HttpContext Http, GuestService Guests, SessionService Sessions, OrganizationService Organizations,
        GuestLimits Limits, DeviceTokens Devices, CancellationToken Ct);
}

/// <summary>The code of a link.</summary>
internal sealed record CodeRequest
{
    /// <summary>What stands behind the `#` of the link: `usi_…`</summary>
    public required string Code { get; init; }
}

internal sealed record AcceptRequest
{
    /// <summary>What stands behind the `#` of the link: `usi_…`</summary>
    public required string Code { get; init; }

    /// <summary>1 to 120 characters. For a new person.</summary>
    public string? FirstName { get; init; }

    /// <summary>At most 120 characters. For a new person.</summary>
    public string? LastName { get; init; }

    /// <summary>12 to 256 characters, not one of the common ones. For a new person, or with `takeOver`.</summary>
    public string? Password { get; init; }

    /// <summary>
    /// The present password of an account that never proved its address. Together with a mailed code it proves the
    /// address.
    /// </summary>
    public string? CurrentPassword { get; init; }

    /// <summary>
    /// Whether to take over an account that never proved its address. Needs a mailed code, a name and a new password.
    /// </summary>
    public bool TakeOver { get; init; }
}

internal sealed record SignInRequest
{
    public required string Email { get; init; }

    public required string Password { get; init; }

    /// <summary>
    /// The code from the mail that was sent because sign-ins for the address failed many times; see
    /// `sign_in_code_needed`.
    /// </summary>
    public string? Code { get; init; }

    /// <summary>
    /// The `deviceToken` of an earlier sign-in of the same person: with it no mailed code is asked for.
    /// </summary>
    public string? DeviceToken { get; init; }
}

/// <summary>A session.</summary>
/// <param name="Token">`uss_…`; shown here and never again.</param>
/// <param name="ExpiresAt">When it ends.</param>
/// <param name="DeviceToken">To keep, and to send with this person's next sign-in on the same device. It opens nothing,
/// and counts for 90 days.</param>
internal sealed record SessionDocument(string Token, DateTimeOffset ExpiresAt, string? DeviceToken)
{
    public static SessionDocument From(SignedIn session, DeviceTokens devices) =>
        new(session.Secret, session.ExpiresAt, session.Device is { } device ? devices.Of(device) : null);
}

/// <summary>He is in.</summary>
/// <param name="OrganizationName">Where.</param>
/// <param name="Session">His new session, when he was not signed in before.</param>
internal sealed record JoinedDocument(string OrganizationName, SessionDocument? Session);

/// <summary>An offer as the holder of its link may see it.</summary>
internal sealed record OfferDocument
{
    public required OfferState State { get; init; }

    /// <summary>
    /// Whether the address has an account, and who is signed in: `new_person` (no account), `must_sign_in` (an
    /// account), `unproven_account` (an account that never proved the address), `invitee` (the invited person is signed
    /// in), `somebody_else` (another person is signed in), or `undisclosed` (nobody is signed in, and the code does not
    /// prove the address).
    /// </summary>
    public required Viewer Viewer { get; init; }

    public required string OrganizationName { get; init; }

    public required string Email { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    /// <summary>Who invites, by name; empty when it was the installation itself.</summary>
    public required string SponsorName { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When the link was made that replaced this one; null unless `replaced`.</summary>
    public required DateTimeOffset? NewerSentAt { get; init; }

    /// <summary>Whether asking for a new link leads anywhere.</summary>
    public required bool CanAskForNew { get; init; }

    /// <summary>Whether the code was handed over by other means than mail, and so proves nothing.</summary>
    public required bool HandedOver { get; init; }

    public static OfferDocument From(Offer offer) => new()
    {
        State = offer.State, Viewer = offer.Viewer, OrganizationName = offer.OrganizationName, Email = offer.Email,
        FirstName = offer.FirstName, LastName = offer.LastName,
        SponsorName = offer.SponsorName, ExpiresAt = offer.ExpiresAt, NewerSentAt = offer.NewerSentAt,
        CanAskForNew = offer.CanAskForNew,
        HandedOver = offer.HandedOver,
    };
}
