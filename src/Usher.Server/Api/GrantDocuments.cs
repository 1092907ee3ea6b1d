using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>A reference to something that has a name.</summary>
/// <param name="Id">The id.</param>
/// <param name="Name">The name.</param>
internal sealed record Named(string Id, string Name);

/// <summary>An access level on one resource.</summary>
internal sealed record LevelDocument
{
    /// <summary>The resource's id.</summary>
    public required string Resource { get; init; }

    public required string Name { get; init; }

    /// <summary>The resource's name in URLs.</summary>
    public required string Slug { get; init; }

    public required AccessLevel Level { get; init; }

    /// <summary>Single capabilities, where the level is not `full`; `full` includes all.</summary>
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

/// <summary>An access level to grant.</summary>
internal sealed record LevelRequest
{
    /// <summary>The resource: id or slug.</summary>
    public required string Resource { get; init; }

    public AccessLevel Level { get; init; }

    public IReadOnlyList<string>? Capabilities { get; init; }

    public NewLevel ToLevel() => new(Named.Resource(Resource), Level) { Capabilities = Capabilities ?? [] };
}

/// <summary>Parses the references to groups, roles, resources and members in requests.</summary>
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
        /// <summary>A change that replaces the set; null, which leaves the set as it is, for null.</summary>
        public SetChange<TOther>? To<TOther>(Func<IEnumerable<T>, IReadOnlyList<TOther>> named) =>
            elements is null ? null : SetChange.To(named(elements));
    }
}
