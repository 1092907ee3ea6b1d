using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>A person's own account. Accounts are global, and no organization can change them.</summary>
public sealed class User
{
    public Guid Id { get; init; }

    /// <summary>
    /// The canonical address; see <see cref="EmailAddress"/>. Null after another account has proved the address. An
    /// address has at most one account, proven or not.
    /// </summary>
    public string? Email { get; set; }

    /// <summary>
    /// When the person proved access to the address's mailbox. Null: not proven. The account can then be taken over by
    /// the person who proves it.
    /// </summary>
    public DateTimeOffset? EmailProvedAt { get; set; }

    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>TZ database name; null if none is set.</summary>
    public string? TimeZone { get; set; }

    public string? Locale { get; set; }

    /// <summary>The password as hashed by Identity's hasher; null for an account without a password.</summary>
    public string? PasswordHash { get; set; }

    /// <summary>
    /// Changes with the password. A device cookie or a sign-in in progress that knows another stamp is not valid.
    /// </summary>
    public string SecurityStamp { get; set; } = NewStamp();

    /// <summary>Changes with <see cref="Stamp"/>. Saving the account depends on it.</summary>
    public string ConcurrencyStamp { get; set; } = NewStamp();

    public bool TwoFactorEnabled { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? LastSignInAt { get; set; }

    /// <summary>The full name, or the address if there is no name.</summary>
    public string DisplayName => $"{FirstName} {LastName}".Trim() is { Length: > 0 } name ? name : Email ?? "";

    /// <summary>Creates an account.</summary>
    public static User Create(
        string email, bool proven, string firstName, string lastName, string passwordHash, DateTimeOffset now) => new()
    {
        Id = Uuid.Create(now), Email = email, EmailProvedAt = proven ? now : null, FirstName = firstName,
        LastName = lastName, PasswordHash = passwordHash, CreatedAt = now,
    };

    /// <summary>Sets the proven address. The person signs in with it.</summary>
    public void Prove(string email, DateTimeOffset now)
    {
        (Email, EmailProvedAt) = (email, now);
        Stamp();
    }

    /// <summary>
    /// Sets a new password for the person who proved the address, and removes the other credentials.
    /// <see cref="AccountTakeover"/> ends everything else.
    /// </summary>
    public void TakeOver(string passwordHash, DateTimeOffset now)
    {
        SetPassword(passwordHash);
        TwoFactorEnabled = false;
        Prove(Email!, now);
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
        (PasswordHash, SecurityStamp) = (hash, NewStamp());
        Stamp();
    }

    /// <summary>Removes an unproven address, because another account has proven it.</summary>
    public void GiveUpAddress()
    {
        Email = null;
        Stamp();
    }

    /// <summary>
    /// Changes the concurrency stamp. An operation that read the account before and saves it after this change fails
    /// and runs again.
    /// </summary>
    public void Stamp() => ConcurrencyStamp = NewStamp();

    private static string NewStamp() => Guid.NewGuid().ToString("N");

    internal sealed class Mapping : IEntityTypeConfiguration<User>
    {
        public void Configure(EntityTypeBuilder<User> builder)
        {
            builder.ToTable("users");
            builder.Property(u => u.Email).IsKeyText();
            builder.Property(u => u.ConcurrencyStamp).IsConcurrencyToken();
            builder.HasIndex(u => u.Email, "ix_users_email").IsUnique(); // signing in and joining
        }
    }
}
