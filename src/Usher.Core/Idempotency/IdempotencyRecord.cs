using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Usher.Core.Idempotency;

/// <summary>
/// That a request with an Idempotency-Key was carried out, and how it was answered. Committed with what it changed. Of
/// the key only the hash is kept; the answer, which may bear a secret, is encrypted with a key derived from it, so that
/// only whoever repeats the request can read it.
/// </summary>
public sealed class IdempotencyRecord
{
    /// <summary>Whose request it was; all zeros for an operator's about no organization, and for a guest's.</summary>
    public required Guid OrganizationId { get; init; }

    /// <summary>SHA-256 of the caller and his key.</summary>
    public required byte[] KeyHash { get; init; }

    /// <summary>SHA-256 of method, path, query, media type and body.</summary>
    public required byte[] RequestHash { get; init; }

    /// <summary>Nonce, tag and encrypted answer.</summary>
    public required byte[] Answer { get; init; }

    /// <summary>The member whose secret the answer bears; null when it bears none.</summary>
    public Guid? SecretOf { get; init; }

    /// <summary>The permission that a caller needs to be given that secret again; null when it bears none.</summary>
    public string? SecretNeeds { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    internal sealed class Mapping : IEntityTypeConfiguration<IdempotencyRecord>
    {
        public void Configure(EntityTypeBuilder<IdempotencyRecord> builder)
        {
            builder.ToTable("idempotency_records");
            builder.HasKey(r => new { r.OrganizationId, r.KeyHash });
            builder.HasIndex(r => r.ExpiresAt);
        }
    }
}
