using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>A person's own sign-in, global. No organization changes it. Identity keeps password, lockout, passkeys and second factor; the user name is the id.</summary>
public sealed class User : IdentityUser<Guid>
{
    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>TZ database name, or none.</summary>
    public string? TimeZone { get; set; }

    public string? Locale { get; set; }

    /// <summary>When he showed that mail to his address reaches him; null: not yet, and then the address reserves nothing.</summary>
    public DateTimeOffset? EmailProvedAt { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? LastSignInAt { get; set; }

    /// <summary>His name, else his address.</summary>
    public string DisplayName => $"{FirstName} {LastName}".Trim() is { Length: > 0 } name ? name : Email ?? "";

    /// <summary>A new one. Only a proven address is his alone.</summary>
    public static User Create(string email, bool proven, string firstName, string lastName, string passwordHash, DateTimeOffset now)
    {
        var id = Uuid.Create(now);
        return new()
        {
            Id = id, UserName = id.ToString("N"), NormalizedUserName = id.ToString("N"), Email = email, NormalizedEmail = email, EmailConfirmed = proven,
            EmailProvedAt = proven ? now : null, FirstName = firstName, LastName = lastName, PasswordHash = passwordHash,
            SecurityStamp = Guid.NewGuid().ToString("N"), CreatedAt = now,
        };
    }

    /// <summary>He showed that mail to an address reaches him: it is what he signs in with, and his alone.</summary>
    public void Prove(string email, DateTimeOffset now)
    {
        (Email, NormalizedEmail, EmailConfirmed, EmailProvedAt) = (email, email, true, now);
        Stamp();
    }

    /// <summary>Somebody else proved the address he only once typed.</summary>
    public void LoseAddress()
    {
        (Email, NormalizedEmail, EmailConfirmed) = (null, null, false);
        Stamp();
    }

    // Who read him before and saves after has lost the race, and reads again.
    private void Stamp() => ConcurrencyStamp = Guid.NewGuid().ToString();

    internal sealed class Mapping : IEntityTypeConfiguration<User>
    {
        public void Configure(EntityTypeBuilder<User> builder)
        {
            builder.Property(u => u.NormalizedEmail).IsKeyText();
            // Identity's own index is not unique. There is one account for an address, whether or not the address is proven.
            builder.Metadata.RemoveIndex([builder.Metadata.FindProperty(nameof(NormalizedEmail))!]);
            builder.HasIndex(u => u.NormalizedEmail, "ix_users_email").IsUnique();
        }
    }
}
