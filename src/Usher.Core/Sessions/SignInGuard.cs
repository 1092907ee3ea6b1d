using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Limits;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Users;

namespace Usher.Core.Sessions;

/// <summary>What a sign-in shows besides address and password.</summary>
/// <param name="Code">The code from a mail; see <see cref="SignInErrors.CodeNeeded"/>.</param>
/// <param name="Device">The device the caller names; null: the one of the request's cookie, if it has one.</param>
public sealed record SignInProof(string? Code = null, KnownDevice? Device = null);

/// <summary>Why a sign-in is refused though its password may be right.</summary>
public static class SignInErrors
{
    /// <summary>
    /// Sign-ins for the address failed too often, and this browser has not signed in before. The address gets a mail
    /// with a code.
    /// </summary>
    public static readonly Error CodeNeeded = new(
        ErrorKind.Unauthenticated, "sign_in_code_needed",
        "Sign-ins for this address have failed many times. Also enter the code from the mail sent to the address.",
        "code");

    /// <summary>The code is not the one in the newest mail, or is too old.</summary>
    public static readonly Error CodeWrong = new(
        ErrorKind.Unauthenticated, "sign_in_code_wrong",
        "The code is wrong or too old. Use the code from the newest mail.",
        "code");
}

/// <summary>
/// Keeps passwords from being guessed, without locking their owner out: failures are counted per client and address,
/// and past <see cref="GuessLimits.FailuresBeforeCode"/> failures for an address over all clients a browser that did
/// not sign in before must also give a mailed code.
/// </summary>
public sealed class SignInGuard(
    UsherDb db, GuessLimits limits, IRequestClient client, OutboxSecrets secrets, TimeProvider clock)
{
    /// <summary>An address gets no more than one code in this time.</summary>
    public static readonly TimeSpan BetweenCodes = TimeSpan.FromMinutes(10);

    /// <summary>How long a code can be used.</summary>
    public static readonly TimeSpan CodeLifetime = TimeSpan.FromMinutes(30);

    private const int CodeLength = 10; // 50 bits: too many to guess in half an hour
    private const string CodeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    /// <summary>Begins a sign-in. It counts as failed unless it is told that it succeeded.</summary>
    /// <param name="address">Canonical; null for text that is no address.</param>
    /// <param name="proof">What else is shown.</param>
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
    /// Asks for the mailed code where it is needed. Addresses with and without an account are treated alike; only the
    /// mail differs.
    /// </summary>
    /// <returns>Why the password is not even looked at, or null.</returns>
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

    /// <summary>Removes the code that was used. Part of the caller's save.</summary>
    internal async Task ForgetCodeAsync(string? address, CancellationToken ct)
    {
        if (address is null || !limits.NeedsCode(address)) return;
        if (await db.SignInCodes.SingleOrDefaultAsync(c => c.Address == address, ct) is { } used) db.Remove(used);
    }

    /// <summary>The device that an account has just signed in with.</summary>
    internal static KnownDevice DeviceOf(User user, DateTimeOffset now) =>
        new(user.Id, user.SecurityStamp ?? "", Uuid.Create(now), now + KnownDevice.Lifetime);

    /// <summary>Removes codes that are too old.</summary>
    public Task<int> SweepExpiredAsync(CancellationToken ct)
    {
        var now = clock.Now();
        return db.RunAsync(async () =>
        {
            var old = await db.SignInCodes.Where(c => c.ExpiresAt <= now).OrderBy(c => c.ExpiresAt).Take(500)
                .ToListAsync(ct);
            db.RemoveRange(old);
            if (old.Count > 0) await db.SaveChangesAsync(ct);
            return old.Count;
        }, ct);
    }

    private bool IsExempt(KnownDevice? device, User? user) =>
        device is not null && user is not null && device.UserId == user.Id && device.Stamp == user.SecurityStamp
            && device.ExpiresAt > clock.Now() && limits.IsExempt(device);

    // For an address without an account all but the mail is done, so that the time it takes tells nothing.
    private Task SendCodeAsync(string address, User? user, CancellationToken ct)
    {
        var code = RandomNumberGenerator.GetString(CodeAlphabet, CodeLength);
        var (hash, hidden) = (Secret.Hash(code), secrets.Protect($"{code[..5]}-{code[5..]}"));
        return db.RunAsync(async () =>
        {
            var now = clock.Now();
            var sent = await db.SignInCodes.SingleOrDefaultAsync(c => c.Address == address, ct);
            if (sent is not null && sent.CreatedAt > now - BetweenCodes) return false;
            if (sent is null)
                db.Add(
                    new SignInCode { Address = address, Hash = hash, CreatedAt = now, ExpiresAt = now + CodeLifetime });
            else (sent.Hash, sent.CreatedAt, sent.ExpiresAt, sent.Failures) = (hash, now, now + CodeLifetime, 0);
            if (user is not null) db.Add(MailOf(address, user, hidden, now));
            await db.SaveChangesAsync(ct);
            return true;
        }, ct);
    }

    private Task CountWrongAsync(string address, CancellationToken ct) => db.RunAsync(async () =>
    {
        if (await db.SignInCodes.SingleOrDefaultAsync(c => c.Address == address, ct) is not { } sent) return false;
        sent.Failures++;
        await db.SaveChangesAsync(ct);
        return true;
    }, ct);

    private static OutboxMessage MailOf(string address, User user, byte[] code, DateTimeOffset now) => new()
    {
        OrganizationId = Organization.Installation, Id = Uuid.Create(now), Kind = OutboxKind.SignInCode,
        Recipient = address,
        Language = user.Locale ?? "en",
        Secret = code, NextAttemptAt = now, CreatedAt = now,
        Parameters = new()
        {
            [OutboxParameters.FirstName] = user.FirstName,
            [OutboxParameters.Expires] = (now + CodeLifetime)
                .ToString("O", System.Globalization.CultureInfo.InvariantCulture),
        },
    };

    // As it may be typed: with blanks and hyphens, in small letters, O for 0, I and L for 1.
    private static string Canonical(string typed) =>
        string.Concat(
            typed.ToUpperInvariant().Where(char.IsAsciiLetterOrDigit).Take(CodeLength + 1).Select(c => c switch
    {
        'O' => '0',
        'I' or 'L' => '1',
        _ => c,
    }));
}

/// <summary>A sign-in under way.</summary>
internal sealed class SignInAttempt(GuessLimits limits, Guess guess, string? address, KnownDevice? device, string? code)
{
    public string? Address => address;

    public KnownDevice? Device => device;

    public string? Code => code;

    /// <summary>The password was right, or was not looked at by no fault of the caller.</summary>
    public void Succeeded() => guess.Succeeded();

    /// <summary>The password, or the code, was wrong.</summary>
    public void Failed()
    {
        if (address is not null) limits.Failed(address, device);
    }
}
