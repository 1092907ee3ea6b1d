using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Users;

/// <summary>
/// A link that lets its holder set a new password for one account. It opens once, and only while it is the account's
/// newest of its kind.
/// </summary>
public sealed class PasswordReset
{
    /// <summary>How long a mailed link opens.</summary>
    public static readonly TimeSpan MailedLifetime = TimeSpan.FromHours(1);

    /// <summary>How long a link that an operator handed over opens.</summary>
    public static readonly TimeSpan HandedOverLifetime = TimeSpan.FromHours(24);

    /// <summary>SHA-256 of the secret in the link.</summary>
    public required byte[] Hash { get; init; }

    public required Guid Id { get; init; }

    public required Guid UserId { get; init; }

    /// <summary>
    /// The account's canonical address when the link was made. The link is void once the account has another one; null:
    /// it had none.
    /// </summary>
    public string? Address { get; init; }

    /// <summary>
    /// Whether an operator handed it over. One that was mailed proves the address; one handed over proves nothing.
    /// </summary>
    public bool HandedOver { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it was used, or made useless because the password was set in another way.</summary>
    public DateTimeOffset? UsedAt { get; set; }

    /// <summary>A new link for an account, with its secret.</summary>
    public static (PasswordReset Reset, string Secret) Create(User user, bool handedOver, DateTimeOffset now)
    {
        var (secret, hash) = Secret.Create(Secret.ResetPrefix);
        return (new()
        {
            Hash = hash, Id = Uuid.Create(now), UserId = user.Id, Address = user.NormalizedEmail,
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
            builder.HasIndex(r => r.Id).IsUnique();
            builder.HasIndex(r => r.UserId);
            builder.HasIndex(r => r.ExpiresAt);
            builder.HasOne<User>().WithMany().HasForeignKey(r => r.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
