using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.ApiKeys;

public enum ApiKeyStatus
{
    Enabled,
    Disabled,
}

/// <summary>
/// An API key: a secret that acts for one member or for an operator. The table is global because a key is looked up
/// before its organization is known.
/// </summary>
public sealed class ApiKey : IVersioned
{
    /// <summary>SHA-256 of the secret.</summary>
    public required byte[] Hash { get; init; }

    public required Guid Id { get; init; }

    /// <summary>The organization; null for an operator's key.</summary>
    public Guid? OrganizationId { get; init; }

    public Guid? MemberId { get; init; }

    /// <summary>The first characters of the secret, to recognize the key.</summary>
    public required string Hint { get; init; }

    public required string Name { get; set; }

    /// <summary>Whether the key may only read.</summary>
    public bool ReadOnly { get; init; }

    public ApiKeyStatus Status { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When the key was last used. Saved in batches, with a delay of some seconds.</summary>
    public DateTimeOffset? LastUsedAt { get; set; }

    public int Version { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<ApiKey>
    {
        public void Configure(EntityTypeBuilder<ApiKey> builder)
        {
            builder.ToTable("api_keys");
            builder.HasKey(k => k.Hash);
            // Reading and revoking one key, a member's keys, and the list of an organization's keys.
            builder.HasIndex(k => k.Id).IsUnique();
            builder.HasIndex(k => new { k.OrganizationId, k.MemberId });
            builder.HasIndex(k => new { k.OrganizationId, k.Id });
        }
    }
}
