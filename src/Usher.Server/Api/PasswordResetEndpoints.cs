using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Core.Users;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Limits;
using Usher.Server.Pages;

namespace Usher.Server.Api;

/// <summary>
/// Setting a new password by a mailed link, and confirming a new address, for products with their own pages. The calls
/// take the code of the link instead of an API key.
/// </summary>
internal static class PasswordResetEndpoints
{
    public static void MapPasswordResets(this RouteGroupBuilder api)
    {
        var resets = api.MapGroup("/password-resets").WithTags("Getting back in").AllowAnonymous();
        resets.MapPost("", RequestAsync).LimitedBy(GuessKind.Mails).CanRepeat().WithName("requestPasswordReset")
            .WithDocsAccepted("Request a reset link", """
            Mails a link that sets a new password. It works once, for an hour, and only the newest link works. The
            answer is the same whether or not the address has an account. An address without an account that has an open
            invitation gets the invitation again.
            """).ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        resets.MapPost("/{reset}/check", CheckAsync).LimitedBy(GuessKind.Codes).CanRepeat()
            .WithName("checkPasswordReset").CanBeNotFound()
            .WithDocs<PasswordResetDocument>(
                "Check a reset link",
                "Shows the state of the link to its holder. Changes nothing, however often it is called.");
        resets.MapPost("/{reset}/complete", CompleteAsync).LimitedBy(GuessKind.Codes).CanRepeat()
            .WithName("completePasswordReset").CanBeNotFound().CanBeGone()
            .WithDocs<SessionDocument>("Set a new password", """
            Ends every session of the account, its pending address changes and its other reset links, and signs the
            person in. A mailed link also proves the address. If the address was never proven before, the account's
            memberships are suspended until an administrator of each organization restores them.
            """, StatusCodes.Status201Created);

        var changes = api.MapGroup("/address-changes").WithTags("Getting back in").AllowAnonymous();
        changes.MapPost("/{change}/confirm", ConfirmAsync).LimitedBy(GuessKind.Codes).CanRepeat()
            .WithName("confirmAddressChange").CanBeNotFound().CanBeGone()
            .WithDocs<OwnAddressDocument>("Confirm a new address", """
            The address that the link was mailed to becomes the proven address of the account. Needs the account's
            password too. Does not sign the person in. The old address is notified.
            """);
    }

    private static async Task<IResult> RequestAsync(
        ApiBody<PasswordResetRequest> body, [AsParameters] Services services)
    {
        if (body.Refusal() is { } refusal) return refusal;
        if (!EmailAddress.TryCanonical(body.Value.Email, out var address))
            return InvitationErrors.EmailInvalid.ToHttp();
        var returnTo = body.Value.ReturnTo;
        if (returnTo is not null && LocalPath.OrNull(returnTo) is null)
            return ShapeErrors.Invalid("return_to", "a path on this site that begins with one slash").ToHttp();
        if (services.Limits.Mail(services.Http) is { } wait) return Answers.TooMany(wait);
        return await services.Once.AnswerAsync<bool>(async () =>
        {
            await services.Resets.RequestAsync(address, returnTo, services.Ct);
            return true;
        }, _ => TypedResults.Accepted((string?)null));
    }

    private static async Task<IResult> CheckAsync(
        string reset, ApiBody<CodeRequest> body, [AsParameters] Services services)
    {
        if (body.Refusal() is { } refusal) return refusal;
        if (services.Limits.Code(services.Http, Subject(Ids.PasswordReset, reset)) is { } wait)
            return Answers.TooMany(wait);
        if (!Ids.PasswordReset.TryParseLinked(reset, out var id)) return AccountErrors.ResetUnknown.ToHttp();
        return await services.Once.AnswerAsync<PasswordResetView>(async () =>
        {
            var found = await services.Resets.LookAsync(new(id, body.Value.Code.Trim()), services.Ct);
            return found.State is PasswordResetState.Unknown ? AccountErrors.ResetUnknown : found;
        }, found => Answers.Ok(PasswordResetDocument.From(found)));
    }

    private static async Task<IResult> CompleteAsync(
        string reset, ApiBody<CodePasswordRequest> body, [AsParameters] Services services)
    {
        if (body.Refusal() is { } refusal) return refusal;
        if (services.Limits.Code(services.Http, Subject(Ids.PasswordReset, reset)) is { } wait)
            return Answers.TooMany(wait);
        if (!Ids.PasswordReset.TryParseLinked(reset, out var id)) return AccountErrors.ResetUnknown.ToHttp();
        return await services.Once.AnswerAsync(
            () => services.Resets.CompleteAsync(
                new(id, body.Value.Code.Trim()), body.Value.Password, services.Http.Device, services.Ct),
            session => Answers.Created(
                SessionDocument.From(session, services.Devices), $"{UsherApi.Prefix}/sessions/current"));
    }

    private static async Task<IResult> ConfirmAsync(
        string change, ApiBody<CodePasswordRequest> body, [AsParameters] Services services)
    {
        if (body.Refusal() is { } refusal) return refusal;
        if (services.Limits.Code(services.Http, Subject(Ids.AddressChange, change)) is { } wait)
            return Answers.TooMany(wait);
        if (!Ids.AddressChange.TryParseLinked(change, out var id)) return AccountErrors.AddressChangeUnknown.ToHttp();
        var link = new UserAddressLink(id, body.Value.Code.Trim());
        var found = await services.Addresses.LookAsync(link, services.Ct);
        if (found.State is AddressChangeState.Open
                && services.Limits.Password(services.Http, found.GuessSubject) is { } pause)
            return Answers.TooMany(pause);
        return await services.Once.AnswerAsync(
            () => services.Addresses.ConfirmAsync(link, body.Value.Password, services.Ct),
            confirmed => Answers.Ok(new OwnAddressDocument(confirmed.Email, Proven: true)));
    }

    // All spellings of an id count as one subject, and all texts that are not ids as another.
    private static string Subject(Ids kind, string text) => kind.TryParseLinked(text, out var id) ? id.ToString() : "";

    private sealed record Services(
        HttpContext Http, Once Once, PasswordResetService Resets, UserAddressService Addresses, GuestLimits Limits,
        DeviceTokens Devices, CancellationToken Ct);
}
