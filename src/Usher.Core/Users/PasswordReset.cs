using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>
/// A link that lets its holder set a new password for one account. It works once, and only while it is the account's
/// newest link of its kind.
/// </summary>
public sealed class PasswordReset
{
    /// <summary>How long a mailed link is valid: 1 hour.</summary>
    public static readonly TimeSpan MailedLifetime = TimeSpan.FromHours(1);

    /// <summary>How long a link created by an operator is valid: 24 hours.</summary>
    public static readonly TimeSpan HandedOverLifetime = TimeSpan.FromHours(24);

    /// <summary>SHA-256 of the secret in the link.</summary>
    public required byte[] Hash { get; init; }

    public required Guid Id { get; init; }

    public required Guid UserId { get; init; }

    /// <summary>
    /// The account's canonical address when the link was created; null if it had none. The link is void when the
    /// account has another address.
    /// </summary>
    public string? Address { get; init; }

    /// <summary>Whether an operator created the link and passed it on. Only a mailed link proves the address.</summary>
    public bool HandedOver { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When the link was used, or when the password was changed another way.</summary>
    public DateTimeOffset? UsedAt { get; set; }

    /// <summary>Creates a reset link for an account. The secret is returned only here.</summary>
    public static (PasswordReset Reset, string Secret) Create(User user, bool handedOver, DateTimeOffset now)
    {
        var (secret, hash) = Secret.Create(Secret.ResetPrefix);
        return (new()
        {
            Hash = hash, Id = Uuid.Create(now), UserId = user.Id, Address = user.Email,
            HandedOver = handedOver,
            CreatedAt = now, ExpiresAt = now + (handedOver ? HandedOverLifetime : MailedLifetime),
        }, secret);
    }

    internal sealed class Mapping : IEntityTypeConfiguration<PasswordReset>
    {
        public void Configure(EntityTypeBuilder<PasswordReset> builder)
        {
            builder.ToTable("password_resets");
            builder.HasKey(r => r.Hash);
            builder.HasIndex(r => r.Id).IsUnique(); // the link
            builder.HasIndex(r => r.UserId); // ending an account's other links
            builder.HasIndex(r => r.ExpiresAt); // the sweep
            builder.HasOne<User>().WithMany().HasForeignKey(r => r.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
