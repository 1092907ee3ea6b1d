using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>An API key. Its secret is shown only in the answer that creates it.</summary>
internal sealed record ApiKeyDocument
{
    /// <summary>`key_…`</summary>
    public required string Id { get; init; }

    /// <summary>The member the key acts for.</summary>
    public required string MemberId { get; init; }

    public required string Name { get; init; }

    /// <summary>The first characters of the secret, to recognise the key by.</summary>
    public required string Hint { get; init; }

    /// <summary>Whether the key may only read.</summary>
    public required bool ReadOnly { get; init; }

    public required ApiKeyStatus Status { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When the key was last used. Updated with a delay of some seconds.</summary>
    public required DateTimeOffset? LastUsedAt { get; init; }

    public static ApiKeyDocument From(ApiKey key) => new()
    {
        Id = Ids.ApiKey.Of(key.Id), MemberId = Ids.Member.Of(key.MemberId!.Value), Name = key.Name, Hint = key.Hint,
        ReadOnly = key.ReadOnly, Status = key.Status, CreatedAt = key.CreatedAt,
        ExpiresAt = key.ExpiresAt, LastUsedAt = key.LastUsedAt,
    };
}

/// <summary>A new API key with its secret.</summary>
internal sealed record NewApiKeyDocument
{
    public required ApiKeyDocument ApiKey { get; init; }

    /// <summary>`usk_…`; shown only in this answer.</summary>
    public required string Secret { get; init; }
}

/// <summary>An API key to create.</summary>
internal sealed record ApiKeyRequest
{
    /// <summary>The member the key acts for (`mem_…`). Default: yourself.</summary>
    public string? Member { get; init; }

    /// <summary>At most 120 characters.</summary>
    public string? Name { get; init; }

    /// <summary>Whether the key may only read. Default: `false`.</summary>
    public bool? ReadOnly { get; init; }

    /// <summary>When the key expires. Without it the key does not expire.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>Changes to an API key.</summary>
internal sealed record ApiKeyChangeRequest
{
    /// <summary>At most 120 characters.</summary>
    public required string Name { get; init; }
}
