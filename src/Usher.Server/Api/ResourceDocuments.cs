using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>A resource that members can have access to.</summary>
internal sealed record ResourceDocument
{
    /// <summary>`res_…`</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>The resource's name in URLs; it never changes.</summary>
    public required string Slug { get; init; }

    /// <summary>Data of your product about the resource.</summary>
    public required IReadOnlyDictionary<string, string> Attributes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public static ResourceDocument From(Resource resource) =>
        new()
        {
            Id = Ids.Resource.Of(resource.Id), Name = resource.Name, Slug = resource.Slug,
            Attributes = resource.Attributes, CreatedAt = resource.CreatedAt,
        };
}

/// <summary>A resource to create.</summary>
internal sealed record ResourceRequest
{
    /// <summary>1 to 120 characters, unique in the organization; letter case does not count.</summary>
    public required string Name { get; init; }

    /// <summary>At most 50 entries.</summary>
    public IReadOnlyDictionary<string, string>? Attributes { get; init; }
}

/// <summary>Changes to a resource. Properties that are left out stay as they are.</summary>
internal sealed record ResourceChangeRequest
{
    public string? Name { get; init; }

    /// <summary>Entries to set; null removes an entry. Entries that are left out stay.</summary>
    public IReadOnlyDictionary<string, string?>? Attributes { get; init; }
}

/// <summary>An access level on a resource.</summary>
internal sealed record ReachRequest
{
    public required AccessLevel Level { get; init; }

    /// <summary>Single capabilities, where the level is not `full`.</summary>
    public IReadOnlyList<string>? Capabilities { get; init; }
}
