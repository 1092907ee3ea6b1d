using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Limits;
using Usher.Core.Users;
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
            .WithName("checkPasswordReset").WithDocs<PasswordResetDocument>(
            "Check a reset link",
            "Shows the state of the link to its holder. Changes nothing, however often it is called.");
        resets.MapPost("/{reset}/complete", CompleteAsync).LimitedBy(GuessKind.Codes).CanRepeat()
            .WithName("completePasswordReset").WithDocs<SessionDocument>("Set a new password", """
            Ends every session of the account, its pending address changes and its other reset links, and signs the
            person in. A mailed link also proves the address. If the address was never proven before, the account's
            memberships are suspended until an administrator of each organization restores them.
            """, StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status410Gone);

        var changes = api.MapGroup("/address-changes").WithTags("Getting back in").AllowAnonymous();
        changes.MapPost("/{change}/confirm", ConfirmAsync).LimitedBy(GuessKind.Codes).CanRepeat()
            .WithName("confirmAddressChange").WithDocs<OwnAddressDocument>("Confirm a new address", """
            The address that the link was mailed to becomes the proven address of the account. Needs the account's
            password too. Does not sign the person in. The old address is notified.
            """).ProducesProblem(StatusCodes.Status410Gone);
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
        if (services.Limits.Mail(services.Http) is { } wait) return GuestEndpoints.Wait(wait);
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
            return GuestEndpoints.Wait(wait);
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
            return GuestEndpoints.Wait(wait);
        if (!Ids.PasswordReset.TryParseLinked(reset, out var id)) return AccountErrors.ResetUnknown.ToHttp();
        return await services.Once.AnswerAsync(
            () => services.Resets.CompleteAsync(
                new(id, body.Value.Code.Trim()), body.Value.Password, services.Http.Device, services.Ct),
            session =>
                Answers.Created(SessionDocument.From(session, services.Devices), "/usher/v1/sessions/current"));
    }

    private static async Task<IResult> ConfirmAsync(
        string change, ApiBody<CodePasswordRequest> body, [AsParameters] Services services)
    {
        if (body.Refusal() is { } refusal) return refusal;
        if (services.Limits.Code(services.Http, Subject(Ids.AddressChange, change)) is { } wait)
            return GuestEndpoints.Wait(wait);
        if (!Ids.AddressChange.TryParseLinked(change, out var id)) return AccountErrors.AddressChangeUnknown.ToHttp();
        var link = new UserAddressLink(id, body.Value.Code.Trim());
        var found = await services.Addresses.LookAsync(link, services.Ct);
        if (found.State is AddressChangeState.Open
                && services.Limits.Password(services.Http, found.GuessSubject) is { } pause)
            return GuestEndpoints.Wait(pause);
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

internal sealed record PasswordResetRequest
{
    public required string Email { get; init; }

    /// <summary>The path on this site to open afterwards. Default: `/me`</summary>
    public string? ReturnTo { get; init; }
}

/// <summary>The code of a link, and a password.</summary>
internal sealed record CodePasswordRequest
{
    /// <summary>The part after the `#` of the link.</summary>
    /// <example>usp_…</example>
    public required string Code { get; init; }

    /// <summary>
    /// To set a password: the new one, of 12 to 256 characters, not a common one. To confirm an address: the account's
    /// current password.
    /// </summary>
    public required string Password { get; init; }
}

/// <summary>A reset link as its holder sees it.</summary>
internal sealed record PasswordResetDocument
{
    public required PasswordResetState State { get; init; }

    /// <summary>The address of the account; empty where it has none.</summary>
    public required string Email { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>
    /// Whether the address was never proven. Using the link then suspends the account's memberships until
    /// administrators restore them.
    /// </summary>
    public required bool TakesOver { get; init; }

    public static PasswordResetDocument From(PasswordResetView view) =>
        new() { State = view.State, Email = view.Email, ExpiresAt = view.ExpiresAt, TakesOver = view.TakesOver };
}

/// <summary>The address of an account.</summary>
/// <param name="Email">The address in canonical form.</param>
/// <param name="Proven">Whether the person has proven that mail to it reaches them.</param>
internal sealed record OwnAddressDocument(string Email, bool Proven);
