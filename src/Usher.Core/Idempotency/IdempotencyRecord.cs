using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Usher.Core.Idempotency;

/// <summary>
/// The record of a request with an Idempotency-Key and its answer, committed together with the request's changes. Only
/// the hash of the key is stored. The answer may contain a secret. It is encrypted with a key derived from the
/// Idempotency-Key, so that only a repetition of the request can read it.
/// </summary>
public sealed class IdempotencyRecord
{
    /// <summary>
    /// The organization of the request. All zeros for guests, and for operators' requests outside an organization.
    /// </summary>
    public required Guid OrganizationId { get; init; }

    /// <summary>SHA-256 of the caller and the Idempotency-Key.</summary>
    public required byte[] KeyHash { get; init; }

    /// <summary>SHA-256 of method, path, query, media type and body.</summary>
    public required byte[] RequestHash { get; init; }

    /// <summary>Nonce, tag and ciphertext of the answer.</summary>
    public required byte[] Answer { get; init; }

    /// <summary>The id of the member whose secret the answer contains; null if there is no secret.</summary>
    public Guid? SecretOf { get; init; }

    /// <summary>The permission that a caller needs to receive the secret again; null if there is no secret.</summary>
    public string? SecretNeeds { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    internal sealed class Mapping : IEntityTypeConfiguration<IdempotencyRecord>
    {
        public void Configure(EntityTypeBuilder<IdempotencyRecord> builder)
        {
            builder.ToTable("idempotency_records");
            builder.HasKey(r => new { r.OrganizationId, r.KeyHash });
            builder.HasIndex(r => r.ExpiresAt); // the sweep
        }
    }
}
