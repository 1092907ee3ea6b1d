using Usher.Core;
using Usher.Core.Guests;
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
/// What invited people do themselves, for products with their own pages. Instead of an API key, the calls take the code
/// of the invitation link and, from people with an account, their session.
/// </summary>
internal static class GuestEndpoints
{
    public static void MapGuests(this RouteGroupBuilder api)
    {
        var guest = api.MapGroup("/organizations/{organization}/invitations/{invitation}").WithTags("Joining")
            .AllowAnonymous().LimitedBy(GuessKind.Codes);
        guest.MapPost("/check", CheckAsync).CanRepeat().TakesSession()
            .WithDocs<OfferDocument>(
                "Check an invitation",
                "Shows the invitation to the holder of its link. Changes nothing, however often it is called.");
        guest.MapPost("/accept", AcceptAsync).CanRepeat().TakesSession()
            .WithDocs<JoinedDocument>("Accept an invitation", """
            A new person sends a name and a password, and is signed in. A person with an account signs in first and
            sends the session as `Authorization: Bearer uss_…`. Where the address has an account that never proved it
            (`unproven_account`), the holder of a mailed code sends that account's password as `currentPassword`, or
            takes the account over with `takeOver` and a new password: the account's sessions and API keys then end, and
            its other memberships are suspended until an administrator of each organization restores them.
            A code that an administrator handed over does not prove the address. Such a code reveals whether the address
            has an account only on submission, by the error `must_sign_in`, at most 20 times a day per organization.
            If the same person repeats the call, the answer is the same.
            """);
        guest.MapPost("/decline", DeclineAsync).CanRepeat()
            .WithDocs<OfferDocument>("Decline an invitation", "The offered membership is removed.");
        guest.MapPost("/request", RequestAsync).CanRepeat()
            .WithDocs<OfferDocument>(
                "Request a new link",
                "For an expired invitation, a new mail goes to the invited address. For an open invitation whose link "
                + "an administrator handed over, a mail is sent too, and the handed-over link stays valid. For an "
                + "invitation whose sponsor lost the right to invite, the administrators are notified.");

        var sessions = api.MapGroup("/sessions").WithTags("Joining").AllowAnonymous();
        sessions.MapPost("", SignInAsync).LimitedBy(GuessKind.Passwords).CanRepeat()
            .WithDocs<SessionDocument>(
                "Sign in", "With e-mail address and password. The token is the session's only secret.",
                StatusCodes.Status201Created)
            .ProducesProblem(StatusCodes.Status401Unauthorized);
        sessions.MapDelete("/current", SignOutAsync).TakesSession(needed: true)
            .WithDocsNoContent("Sign out", "Ends the session in `Authorization: Bearer uss_…`.");
    }

    private static Task<IResult> CheckAsync(
        string organization, string invitation, ApiBody<CodeRequest> body, [AsParameters] Services services) =>
        WithLinkAsync(organization, invitation, body, b => b.Code, services, async link =>
        {
            if (!(await UserAsync(services)).TryGet(out var user, out var ended)) return ended.ToHttp();
            return await services.Once.AnswerAsync<Offer>(async () =>
            {
                var offer = await services.Guests.LookAsync(link, user, services.Ct);
                return offer.State is OfferState.Unknown ? InvitationErrors.LinkUnknown : offer;
            }, offer => Answers.Ok(OfferDocument.From(offer)));
        });

    private static Task<IResult> AcceptAsync(
        string organization, string invitation, ApiBody<AcceptRequest> body, [AsParameters] Services services) =>
        WithLinkAsync(organization, invitation, body, b => b.Code, services, async link =>
        {
            var given = body.Value;
            var person = new NewPerson(
                given.FirstName ?? "", given.LastName ?? "", given.Password ?? "") { TakeOver = given.TakeOver };
            // A session alone does not prove the address. A password does, so it takes precedence.
            var passwordIsGiven = given.CurrentPassword is not null || given.TakeOver;
            if (!(passwordIsGiven ? (Result<Guid?>)(Guid?)null : await UserAsync(services))
                    .TryGet(out var user, out var ended))
                return ended.ToHttp();
            return await services.Once.AnswerAsync(() => given switch
            {
                { CurrentPassword: { } password } =>
                    services.Guests.ProveAsync(link, password, services.Http.Device, services.Ct),
                _ when user is { } id => services.Guests.AcceptAsync(link, id, services.Ct),
                _ => services.Guests.JoinAsync(link, person, services.Http.Device, services.Ct),
            }, j =>
                Answers.Ok(new JoinedDocument(
                    j.OrganizationName,
                    j.Session is { } session ? SessionDocument.From(session, services.Devices) : null)));
        });

    private static Task<IResult> DeclineAsync(
        string organization, string invitation, ApiBody<CodeRequest> body, [AsParameters] Services services) =>
        WithLinkAsync(
            organization, invitation, body, b => b.Code, services,
            link => services.Once.AnswerAsync(
                () => services.Guests.DeclineAsync(link, services.Ct), o => Answers.Ok(OfferDocument.From(o))));

    private static Task<IResult> RequestAsync(
        string organization, string invitation, ApiBody<CodeRequest> body, [AsParameters] Services services) =>
        WithLinkAsync(
            organization, invitation, body, b =>
                b.Code, services, async link => services.Limits.Mail(services.Http) is { } wait
            ? Wait(wait)
            : await services.Once.AnswerAsync(
                () => services.Guests.AskForNewAsync(link, services.Ct), o => Answers.Ok(OfferDocument.From(o))));

    private static async Task<IResult> SignInAsync(ApiBody<SignInRequest> body, [AsParameters] Services services)
    {
        if (body.Refusal() is { } refusal) return refusal;
        var (given, devices) = (body.Value, services.Devices);
        var proof = new SignInProof(given.Code, devices.Read(given.DeviceToken));
        return await services.Once.AnswerAsync(
            () => services.Sessions.SignInAsync(given.Email, given.Password, services.Http.Device, services.Ct, proof),
            session => Answers.Created(SessionDocument.From(session, devices), "/usher/v1/sessions/current"));
    }

    private static async Task<IResult> SignOutAsync([AsParameters] Services services)
    {
        if (Token(services.Http) is not { } token || await services.Sessions.FindAsync(token, services.Ct) is null)
            return AccountErrors.SessionRefused.ToHttp();
        await services.Sessions.EndAsync(token, services.Ct);
        return Answers.NoContent;
    }

    // Attempts are counted before the code is checked, for known and unknown invitations alike.
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

    // Null when no session was sent, as by a new person. An API key is ignored: clients send it with every call, and it
    // does not identify the person who accepts.
    private static async Task<Result<Guid?>> UserAsync(Services services)
    {
        if (Token(services.Http) is not { } token || !token.StartsWith(Secret.SessionPrefix, StringComparison.Ordinal))
            return (Guid?)null;
        return await services.Sessions.FindAsync(token, services.Ct) is { } session
            ? session.UserId
            : SessionErrors.Ended;
    }

    // The cookie is ignored: a header that browsers send automatically must not be enough to accept.
    private static string? Token(HttpContext http) =>
        http.Request.Headers.Authorization is [{ } header]
            && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            ? header["Bearer ".Length..].Trim()
            : null;

    private sealed record Services(
        HttpContext Http, Once Once, GuestService Guests, SessionService Sessions, OrganizationService Organizations,
        GuestLimits Limits, DeviceTokens Devices, CancellationToken Ct);
}

/// <summary>The code of a link.</summary>
internal sealed record CodeRequest
{
    /// <summary>The part after the `#` of the link: `usi_…`</summary>
    public required string Code { get; init; }
}

internal sealed record AcceptRequest
{
    /// <summary>The part after the `#` of the link: `usi_…`</summary>
    public required string Code { get; init; }

    /// <summary>1 to 120 characters. For a new person.</summary>
    public string? FirstName { get; init; }

    /// <summary>At most 120 characters. For a new person.</summary>
    public string? LastName { get; init; }

    /// <summary>12 to 256 characters, not a common password. For a new person, or with `takeOver`.</summary>
    public string? Password { get; init; }

    /// <summary>
    /// The current password of an account that never proved its address. Together with a mailed code it proves the
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
    /// The code from the mail that is sent after many failed sign-ins for the address; see `sign_in_code_needed`.
    /// </summary>
    public string? Code { get; init; }

    /// <summary>
    /// The `deviceToken` of an earlier sign-in by the same person. With it, no mailed code is needed.
    /// </summary>
    public string? DeviceToken { get; init; }
}

/// <summary>A session.</summary>
/// <param name="Token">`uss_…`; shown only in this answer.</param>
/// <param name="ExpiresAt">When the session ends.</param>
/// <param name="DeviceToken">Store it and send it with this person's next sign-in on the same device. It grants no
/// access by itself and is valid for 90 days.</param>
internal sealed record SessionDocument(string Token, DateTimeOffset ExpiresAt, string? DeviceToken)
{
    public static SessionDocument From(SignedIn session, DeviceTokens devices) =>
        new(session.Secret, session.ExpiresAt, session.Device is { } device ? devices.Of(device) : null);
}

/// <summary>The person has joined.</summary>
/// <param name="OrganizationName">The name of the organization.</param>
/// <param name="Session">The new session; null when the person was signed in before.</param>
internal sealed record JoinedDocument(string OrganizationName, SessionDocument? Session);

/// <summary>An invitation as the holder of its link sees it.</summary>
internal sealed record OfferDocument
{
    public required OfferState State { get; init; }

    /// <summary>
    /// Whether the address has an account, and who is signed in: `new_person` (no account), `must_sign_in` (an
    /// account), `unproven_account` (an account that never proved the address), `invitee` (the invited person is signed
    /// in), `somebody_else` (another person is signed in), or `undisclosed` (no one is signed in, and the code does not
    /// prove the address).
    /// </summary>
    public required Viewer Viewer { get; init; }

    public required string OrganizationName { get; init; }

    public required string Email { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    /// <summary>The name of the person who invites; empty when the installation itself invites.</summary>
    public required string SponsorName { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When the newer link was made that replaced this one; null unless `replaced`.</summary>
    public required DateTimeOffset? NewerSentAt { get; init; }

    /// <summary>Whether a new link can be requested.</summary>
    public required bool CanAskForNew { get; init; }

    /// <summary>Whether an administrator handed the code over, so that it does not prove the address.</summary>
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
