using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;

namespace Usher.Server.Api;

/// <summary>Something with a name, as others refer to it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">What it is called.</param>
internal sealed record Named(string Id, string Name);

/// <summary>A level on one resource.</summary>
internal sealed record LevelDocument
{
    /// <summary>The resource's id.</summary>
    public required string Resource { get; init; }

    public required string Name { get; init; }

    /// <summary>How the resource is called in addresses.</summary>
    public required string Slug { get; init; }

    public required AccessLevel Level { get; init; }

    /// <summary>Single things below a full level; `full` implies all.</summary>
    public required IReadOnlyList<string> Capabilities { get; init; }

    public static IReadOnlyList<LevelDocument> From(IEnumerable<ResourceAccess> rows, AccessGraph graph) =>
    [
        .. from row in rows
           where !row.Reach.IsNone
           let resource = graph.Resource(Reference.To(row.ResourceId))
           where resource is not null
           orderby resource.Id
           select new LevelDocument
           {
               Resource = Ids.Resource.Of(resource.Id), Name = resource.Name, Slug = resource.Slug, Level = row.Level,
               Capabilities = row.Reach.Capabilities,
           },
    ];
}

/// <summary>A level to give.</summary>
internal sealed record LevelRequest
{
    /// <summary>A resource, by id or slug.</summary>
    public required string Resource { get; init; }

    public AccessLevel Level { get; init; }

    public IReadOnlyList<string>? Capabilities { get; init; }

    public NewLevel ToLevel() => new(Named.Resource(Resource), Level) { Capabilities = Capabilities ?? [] };
}

/// <summary>How requests name things.</summary>
internal static class References
{
    extension(Named)
    {
        /// <summary>A group by id, else by name.</summary>
        public static Reference Group(string text) =>
            Ids.Group.TryParse(text, out var id) ? new(text, id) : Reference.Named(text);

        /// <summary>A role by id, else by name.</summary>
        public static Reference Role(string text) =>
            Ids.Role.TryParse(text, out var id) ? new(text, id) : Reference.Named(text);

        /// <summary>A resource by id, else by slug.</summary>
        public static Reference Resource(string text) => new(text, Ids.Resource.TryParse(text, out var id) ? id : null);

        /// <summary>A member by id, else by identifier: an e-mail address or <c>sa::name</c>.</summary>
        public static MemberKey Member(string text) =>
            Ids.Member.TryParse(text, out var id)
                ? new(Id: id)
                : new(
                    Identifier: EmailAddress.TryCanonical(text, out var canonical)
                        ? canonical
                        : text.ToLowerInvariant());

        public static IReadOnlyList<Reference> Groups(IEnumerable<string> texts) => [.. texts.Select(Named.Group)];

        public static IReadOnlyList<Reference> Roles(IEnumerable<string> texts) => [.. texts.Select(Named.Role)];

        public static IReadOnlyList<NewLevel> Levels(IEnumerable<LevelRequest> levels) =>
            [.. levels.Select(l => l.ToLevel())];
    }

    extension<T>(IReadOnlyList<T>? elements)
    {
        /// <summary>A set to be exactly this; null, which leaves it as it is, where nothing was said.</summary>
        public SetChange<TOther>? To<TOther>(Func<IEnumerable<T>, IReadOnlyList<TOther>> named) =>
            elements is null ? null : SetChange.To(named(elements));
    }
}
