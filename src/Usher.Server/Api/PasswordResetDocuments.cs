using Usher.Core.Users;

namespace Usher.Server.Api;

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
