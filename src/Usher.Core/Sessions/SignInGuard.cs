using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Limits;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Users;

namespace Usher.Core.Sessions;

/// <summary>What a sign-in can contain besides address and password.</summary>
/// <param name="Code">The code from a mail; see <see cref="SignInErrors.CodeNeeded"/>.</param>
/// <param name="Device">The device named by the caller; null: the device from the request's cookie, if any.</param>
public sealed record SignInProof(string? Code = null, KnownDevice? Device = null);

/// <summary>Errors of sign-ins whose password may be right.</summary>
public static class SignInErrors
{
    /// <summary>
    /// Too many sign-ins for the address have failed, and this browser has not signed in before. A code is mailed to
    /// the address.
    /// </summary>
    public static readonly Error CodeNeeded = new(
        ErrorKind.Unauthenticated, "sign_in_code_needed",
        "Sign-ins for this address have failed many times. Also enter the code from the mail sent to the address.",
        "code");

    /// <summary>The code is not the one in the newest mail, or has expired.</summary>
    public static readonly Error CodeWrong = new(
        ErrorKind.Unauthenticated, "sign_in_code_wrong",
        "The code is wrong or too old. Use the code from the newest mail.",
        "code");
}

/// <summary>
/// Protects passwords from guessing without locking their owners out. Failures are counted per client and address.
/// After <see cref="GuessLimits.FailuresBeforeCode"/> failures for an address over all clients, a browser that has not
/// signed in before must also send a mailed code.
/// </summary>
public sealed class SignInGuard(
    UsherDb db, Database database, GuessLimits limits, IRequestClient client, OutboxSecrets secrets, TimeProvider clock)
{
    /// <summary>The minimum time between two codes for one address: 10 minutes.</summary>
    public static readonly TimeSpan BetweenCodes = TimeSpan.FromMinutes(10);

    /// <summary>How long a code is valid: 30 minutes.</summary>
    public static readonly TimeSpan CodeLifetime = TimeSpan.FromMinutes(30);

    private const int CodeLength = 10; // 50 bits: too many to guess in half an hour
    private const string CodeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    /// <summary>Begins a sign-in. It counts as failed unless <see cref="SignInAttempt.Succeeded"/> is called.</summary>
    /// <param name="address">The canonical address; null if the entered text is not an address.</param>
    /// <param name="proof">A code or a device, if the caller sent one.</param>
    /// <returns>Refused with <c>too_many_requests</c>.</returns>
    internal Result<SignInAttempt> Begin(string? address, SignInProof? proof)
    {
        var current = client.Current;
        var begun = limits.Begin(GuessKind.Passwords, current, address ?? "");
        return begun.TryGet(out var guess, out var refused)
            ? new SignInAttempt(limits, guess, address, proof?.Device ?? current.Device, proof?.Code)
            : refused;
    }

    /// <summary>
    /// Requires the mailed code if necessary. The answer is the same for addresses with and without an account; only
    /// accounts get the mail.
    /// </summary>
    /// <returns>The error if the sign-in is refused before the password is checked; otherwise null.</returns>
    internal async Task<Error?> CheckAsync(SignInAttempt attempt, User? user, CancellationToken ct)
    {
        if (attempt.Address is not { } address || !limits.NeedsCode(address) || IsExempt(attempt.Device, user))
            return null;
        if (string.IsNullOrWhiteSpace(attempt.Code))
        {
            await SendCodeAsync(address, user, ct);
            return SignInErrors.CodeNeeded;
        }

        var (hash, now) = (Secret.Hash(Canonical(attempt.Code)), clock.Now());
        var sent = await db.SignInCodes.AsNoTracking().SingleOrDefaultAsync(c => c.Address == address, ct);
        if (sent is not null && sent.ExpiresAt > now && CryptographicOperations.FixedTimeEquals(sent.Hash, hash))
            return null;
        if (sent is null || sent.ExpiresAt <= now) await SendCodeAsync(address, user, ct);
        else await CountWrongAsync(address, ct);
        attempt.Failed();
        return SignInErrors.CodeWrong;
    }

    /// <summary>Deletes a used code in the caller's save.</summary>
    internal async Task ForgetCodeAsync(Unit unit, string? address, CancellationToken ct)
    {
        if (address is null || !limits.NeedsCode(address)) return;
        if (await db.SignInCodes.SingleOrDefaultAsync(c => c.Address == address, ct) is { } used) unit.Remove(used);
    }

    /// <summary>The known device for a sign-in of an account.</summary>
    internal static KnownDevice DeviceOf(User user, DateTimeOffset now) =>
        new(user.Id, user.SecurityStamp ?? "", Uuid.Create(now), now + KnownDevice.Lifetime);

    /// <summary>Deletes expired codes.</summary>
    public Task<int> SweepExpiredAsync(CancellationToken ct)
    {
        var now = clock.Now();
        return database.RunAsync(async unit =>
        {
            var old = await db.SignInCodes.Where(c => c.ExpiresAt <= now).OrderBy(c => c.ExpiresAt).Take(500)
                .ToListAsync(ct);
            unit.RemoveRange(old);
            return old.Count;
        }, ct);
    }

    private bool IsExempt(KnownDevice? device, User? user) =>
        device is not null && user is not null && device.UserId == user.Id && device.Stamp == user.SecurityStamp
            && device.ExpiresAt > clock.Now() && limits.IsExempt(device);

    // For an address without an account, everything except the mail is done, so that the response time reveals nothing.
    private Task SendCodeAsync(string address, User? user, CancellationToken ct)
    {
        var code = RandomNumberGenerator.GetString(CodeAlphabet, CodeLength);
        var (hash, hidden) = (Secret.Hash(code), secrets.Protect($"{code[..5]}-{code[5..]}"));
        return database.RunAsync(async unit =>
        {
            var now = clock.Now();
            var sent = await db.SignInCodes.SingleOrDefaultAsync(c => c.Address == address, ct);
            if (sent is not null && sent.CreatedAt > now - BetweenCodes) return false;
            if (sent is null)
                unit.Add(
                    new SignInCode { Address = address, Hash = hash, CreatedAt = now, ExpiresAt = now + CodeLifetime });
            else (sent.Hash, sent.CreatedAt, sent.ExpiresAt, sent.Failures) = (hash, now, now + CodeLifetime, 0);
            if (user is not null) unit.Add(MailOf(address, user, hidden, now));
            return true;
        }, ct);
    }

    private Task CountWrongAsync(string address, CancellationToken ct) => database.RunAsync(async unit =>
    {
        if (await db.SignInCodes.SingleOrDefaultAsync(c => c.Address == address, ct) is not { } sent) return false;
        sent.Failures++;
        return true;
    }, ct);

    private static OutboxMessage MailOf(string address, User user, byte[] code, DateTimeOffset now) => new()
    {
        OrganizationId = Organization.Installation, Id = Uuid.Create(now), Kind = OutboxKind.SignInCode,
        Recipient = address,
        Language = OutboxMessage.LanguageOf(user.Locale),
        Secret = code, NextAttemptAt = now, CreatedAt = now,
        Parameters = new()
        {
            [OutboxParameters.FirstName] = user.FirstName,
            [OutboxParameters.Expires] = (now + CodeLifetime)
                .ToString("O", System.Globalization.CultureInfo.InvariantCulture),
        },
    };

    // Accepts blanks, hyphens and lower case, and reads O as 0 and I and L as 1.
    private static string Canonical(string typed) =>
        string.Concat(
            typed.ToUpperInvariant().Where(char.IsAsciiLetterOrDigit).Take(CodeLength + 1).Select(c => c switch
    {
        'O' => '0',
        'I' or 'L' => '1',
        _ => c,
    }));
}

/// <summary>A sign-in that is in progress.</summary>
internal sealed class SignInAttempt(GuessLimits limits, Guess guess, string? address, KnownDevice? device, string? code)
{
    public string? Address => address;

    public KnownDevice? Device => device;

    public string? Code => code;

    /// <summary>
    /// Call this if the password was right, or was not checked for reasons outside the caller's control.
    /// </summary>
    public void Succeeded() => guess.Succeeded();

    /// <summary>Call this if the password or the code was wrong.</summary>
    public void Failed()
    {
        if (address is not null) limits.Failed(address, device);
    }
}
