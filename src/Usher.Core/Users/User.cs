using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>
/// A person's own account. Accounts are global, and no organization can change them. ASP.NET Core Identity stores
/// password, lockout, passkeys and second factor. The user name is the id.
/// </summary>
public sealed class User : IdentityUser<Guid>
{
    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>TZ database name; null if none is set.</summary>
    public string? TimeZone { get; set; }

    public string? Locale { get; set; }

    /// <summary>
    /// When the person proved access to the address's mailbox. Null: not proven. The account can then be taken over by
    /// the person who proves it.
    /// </summary>
    public DateTimeOffset? EmailProvedAt { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? LastSignInAt { get; set; }

    /// <summary>The full name, or the address if there is no name.</summary>
    public string DisplayName => $"{FirstName} {LastName}".Trim() is { Length: > 0 } name ? name : Email ?? "";

    /// <summary>Creates an account. An address has at most one account, proven or not.</summary>
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

    /// <summary>Sets the proven address. The person signs in with it.</summary>
    public void Prove(string email, DateTimeOffset now)
    {
        (Email, NormalizedEmail, EmailConfirmed, EmailProvedAt) = (email, email, true, now);
        Stamp();
    }

    /// <summary>
    /// Sets a new password for the person who proved the address, and removes the other credentials.
    /// <see cref="AccountTakeover"/> ends everything else.
    /// </summary>
    public void TakeOver(string passwordHash, DateTimeOffset now)
    {
        (PasswordHash, SecurityStamp) = (passwordHash, Guid.NewGuid().ToString("N"));
        (TwoFactorEnabled, PhoneNumber, PhoneNumberConfirmed) = (false, null, false);
        (AccessFailedCount, LockoutEnd) = (0, null);
        Prove(NormalizedEmail!, now);
    }

    /// <summary>
    /// Sets a new password. The caller must end what was signed in with the old one; see <see cref="SignInEnding"/>.
    /// </summary>
    /// <remarks>
    /// The new security stamp invalidates device cookies and every sign-in that has checked the old password but has
    /// not finished.
    /// </remarks>
    public void SetPassword(string hash)
    {
        (PasswordHash, SecurityStamp) = (hash, Guid.NewGuid().ToString("N"));
        Stamp();
    }

    /// <summary>Removes an unproven address, because another account has proven it.</summary>
    public void GiveUpAddress()
    {
        (Email, NormalizedEmail, EmailConfirmed) = (null, null, false);
        Stamp();
    }

    /// <summary>
    /// Changes the concurrency stamp. An operation that read the account before and saves it after this change fails
    /// and runs again.
    /// </summary>
    public void Stamp() => ConcurrencyStamp = Guid.NewGuid().ToString();

    internal sealed class Mapping : IEntityTypeConfiguration<User>
    {
        public void Configure(EntityTypeBuilder<User> builder)
        {
            builder.Property(u => u.NormalizedEmail).IsKeyText();
            // Identity's own index is not unique. An address has at most one account, proven or not.
            builder.Metadata.RemoveIndex([builder.Metadata.FindProperty(nameof(NormalizedEmail))!]);
            builder.HasIndex(u => u.NormalizedEmail, "ix_users_email").IsUnique();
        }
    }
}
