using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>
/// A person's own sign-in, global. No organization changes it. Identity keeps password, lockout, passkeys and second
/// factor; the user name is the id.
/// </summary>
public sealed class User : IdentityUser<Guid>
{
    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>TZ database name, or none.</summary>
    public string? TimeZone { get; set; }

    public string? Locale { get; set; }

    /// <summary>
    /// When the person showed that mail to the address reaches them. Null: not yet; the account can then be taken over
    /// by the person who shows it.
    /// </summary>
    public DateTimeOffset? EmailProvedAt { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? LastSignInAt { get; set; }

    /// <summary>His name, else his address.</summary>
    public string DisplayName => $"{FirstName} {LastName}".Trim() is { Length: > 0 } name ? name : Email ?? "";

    /// <summary>A new account. There is one for each address, proven or not.</summary>
    public static User Create(
        string email, bool proven, string firstName, string lastName, string passwordHash, DateTimeOffset now)
    {
        var id = Uuid.Create(now);
        return new()
        {
            Id = id, UserName = id.ToString("N"), NormalizedUserName = id.ToString("N"), Email = email,
            NormalizedEmail = email, EmailConfirmed = proven,
            EmailProvedAt = proven
                ? now
                : null, FirstName = firstName, LastName = lastName, PasswordHash = passwordHash,
            SecurityStamp = Guid.NewGuid().ToString("N"), CreatedAt = now,
        };
    }

    /// <summary>The person showed that mail to an address reaches them: it is what they sign in with.</summary>
    public void Prove(string email, DateTimeOffset now)
    {
        (Email, NormalizedEmail, EmailConfirmed, EmailProvedAt) = (email, email, true, now);
        Stamp();
    }

    /// <summary>
    /// The person who proved the address sets a new password. What the account was signed in with before no longer
    /// counts. See <see cref="AccountTakeover"/> for what else ends.
    /// </summary>
    public void TakeOver(string passwordHash, DateTimeOffset now)
    {
        (PasswordHash, SecurityStamp) = (passwordHash, Guid.NewGuid().ToString("N"));
        (TwoFactorEnabled, PhoneNumber, PhoneNumberConfirmed) = (false, null, false);
        (AccessFailedCount, LockoutEnd) = (0, null);
        Prove(NormalizedEmail!, now);
    }

    /// <summary>
    /// Another password. What was signed in with the old one has to be ended by the caller; see
    /// <see cref="SignInEnding"/>.
    /// </summary>
    /// <remarks>
    /// The new stamp ends the device cookies, and every sign-in that compared the password before and has not finished
    /// yet.
    /// </remarks>
    public void SetPassword(string hash)
    {
        (PasswordHash, SecurityStamp) = (hash, Guid.NewGuid().ToString("N"));
        Stamp();
    }

    /// <summary>Another account has proven the address that this one never proved.</summary>
    public void GiveUpAddress()
    {
        (Email, NormalizedEmail, EmailConfirmed) = (null, null, false);
        Stamp();
    }

    /// <summary>
    /// Makes every operation fail, and run again, that read the account before this one and saves it after.
    /// </summary>
    public void Stamp() => ConcurrencyStamp = Guid.NewGuid().ToString();

    internal sealed class Mapping : IEntityTypeConfiguration<User>
    {
        public void Configure(EntityTypeBuilder<User> builder)
        {
            builder.Property(u => u.NormalizedEmail).IsKeyText();
            // Identity's own index is not unique. There is one account for an address, whether or not the address is
            // proven.
            builder.Metadata.RemoveIndex([builder.Metadata.FindProperty(nameof(NormalizedEmail))!]);
            builder.HasIndex(u => u.NormalizedEmail, "ix_users_email").IsUnique();
        }
    }
}
