using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Core.Organizations;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
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
            .AllowAnonymous().LimitedBy(GuessKind.Codes).CanBeNotFound();
        guest.MapPost("/check", CheckAsync).WithName("checkInvitation").CanRepeat().TakesSession()
            .WithDocs<OfferDocument>(
                "Check an invitation",
                "Shows the invitation to the holder of its link. Changes nothing, however often it is called.");
        guest.MapPost("/accept", AcceptAsync).WithName("acceptInvitation").CanBeGone().CanRepeat().TakesSession()
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
        guest.MapPost("/decline", DeclineAsync).WithName("declineInvitation").CanBeGone().CanRepeat()
            .WithDocs<OfferDocument>("Decline an invitation", "The offered membership is removed.");
        guest.MapPost("/request", RequestAsync).WithName("requestInvitation").CanBeGone().CanRepeat()
            .WithDocs<OfferDocument>(
                "Request a new link",
                "For an expired invitation, a new mail goes to the invited address. For an open invitation whose link "
                + "an administrator handed over, a mail is sent too, and the handed-over link stays valid. For an "
                + "invitation whose sponsor lost the right to invite, the administrators are notified.");

        var sessions = api.MapGroup("/sessions").WithTags("Joining").AllowAnonymous();
        sessions.MapPost("", SignInAsync).WithName("createSession").LimitedBy(GuessKind.Passwords).CanRepeat()
            .WithDocs<SessionDocument>(
                "Sign in", "With e-mail address and password. The token is the session's only secret.",
                StatusCodes.Status201Created)
            .ProducesProblem(StatusCodes.Status401Unauthorized);
        sessions.MapDelete("/current", SignOutAsync).WithName("deleteSession").TakesSession(needed: true)
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
        WithLinkAsync(organization, invitation, body, b => b.Code, services, async link =>
            services.Limits.Mail(services.Http) is { } wait
                ? Answers.TooMany(wait)
                : await services.Once.AnswerAsync(
                    () => services.Guests.AskForNewAsync(link, services.Ct), o => Answers.Ok(OfferDocument.From(o))));

    private static async Task<IResult> SignInAsync(ApiBody<SignInRequest> body, [AsParameters] Services services)
    {
        if (body.Refusal() is { } refusal) return refusal;
        var (given, devices) = (body.Value, services.Devices);
        var proof = new SignInProof(given.Code, devices.Read(given.DeviceToken));
        return await services.Once.AnswerAsync(
            () => services.Sessions.SignInAsync(given.Email, given.Password, services.Http.Device, services.Ct, proof),
            session => Answers.Created(SessionDocument.From(session, devices), $"{UsherApi.Prefix}/sessions/current"));
    }

    private static async Task<IResult> SignOutAsync([AsParameters] Services services)
    {
        if (AuthorizationHeader.BearerOf(services.Http.Request) is not { } token
                || await services.Sessions.FindAsync(token, services.Ct) is null)
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
        if (services.Limits.Code(services.Http, invitation) is { } wait) return Answers.TooMany(wait);
        var slug = Ids.Organization.TryParse(organization, out var id)
                ? await services.Organizations.SlugOfAsync(id, services.Ct)
            : OrganizationService.IsSlug(organization) ? organization
            : null;
        return slug is null || !Ids.Invitation.TryParse(invitation, out var invitationId)
            ? InvitationErrors.LinkUnknown.ToHttp()
            : await answer(new(slug, invitationId, code(body.Value).Trim()));
    }

    // Null when no session was sent, as by a new person. An API key is ignored: clients send it with every call, and it
    // does not identify the person who accepts. The cookie is ignored: a header that browsers send automatically must
    // not be enough to accept.
    private static async Task<Result<Guid?>> UserAsync(Services services)
    {
        if (AuthorizationHeader.BearerOf(services.Http.Request) is not { } token
                || !token.StartsWith(Secret.SessionPrefix, StringComparison.Ordinal))
            return (Guid?)null;
        return await services.Sessions.FindAsync(token, services.Ct) is { } session
            ? session.UserId
            : SessionErrors.Ended;
    }

    private sealed record Services(
        HttpContext Http, Once Once, GuestService Guests, SessionService Sessions, OrganizationService Organizations,
        GuestLimits Limits, DeviceTokens Devices, CancellationToken Ct);
}
