using System.Text.Json.Serialization;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Server.Api;

/// <summary>A person's, or a service account's, place in the organization.</summary>
internal sealed record MemberDocument
{
    /// <summary>`mem_…`</summary>
    public required string Id { get; init; }

    public required MemberKind Kind { get; init; }

    /// <summary>A suspended member keeps all he holds, and can use none of it.</summary>
    public required MemberStatus Status { get; init; }

    /// <summary>The e-mail address as typed; null for a service account.</summary>
    public required string? Email { get; init; }

    /// <summary>His name, else his address; a service account's is `sa::…`</summary>
    public required string DisplayName { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    /// <summary>What a service account is for.</summary>
    public required string Description { get; init; }

    public required string? Locale { get; init; }

    /// <summary>TZ database name; null: none said, the organization's is his; "": none, on purpose.</summary>
    public required string? TimeZone { get; init; }

    public required BuiltInRole Role { get; init; }

    /// <summary>Full on every resource, present and future.</summary>
    public required bool AllResources { get; init; }

    /// <summary>Permissions granted directly; what he effectively has is `…/access`.</summary>
    public required IReadOnlyList<string> Permissions { get; init; }

    /// <summary>Groups he was put into; those whose members are implied are not named.</summary>
    public required IReadOnlyList<Named> Groups { get; init; }

    /// <summary>The organization's own roles he holds directly.</summary>
    public required IReadOnlyList<Named> Roles { get; init; }

    /// <summary>Levels given directly.</summary>
    public required IReadOnlyList<LevelDocument> Levels { get; init; }

    public required string? SsoId { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>His invitation while it is open: `inv_…`</summary>
    public required string? InvitationId { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? LastSignInAt { get; init; }

    /// <summary>
    /// In the answer to a change that took away the right to make them: what became of the member's pending
    /// invitations.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SponsoredDocument? SponsoredInvitations { get; init; }

    public static MemberDocument From(MemberView view)
    {
        var (member, graph) = (view.Member, view.Graph);
        return new()
        {
            Id = Ids.Member.Of(member.Id), Kind = member.Kind, Status = member.Status, Email = member.Email,
            DisplayName = member.Kind is MemberKind.Service ? member.Identifier : member.DisplayName,
            FirstName = member.FirstName, LastName = member.LastName, Description = member.Description,
            Locale = member.Locale, TimeZone = member.TimeZone, Role = member.Role,
            AllResources = member.AllResources, Permissions = member.Permissions, Groups = GroupsOf(member, graph),
            Roles = RolesOf(member, graph), Levels = LevelDocument.From(member.Levels, graph), SsoId = member.SsoId,
            Metadata = member.Metadata,
            InvitationId = member.Invitations.Find(i => !i.HasEnded) is { } invitation
                ? Ids.Invitation.Of(invitation.Id)
                : null, CreatedAt = member.CreatedAt, LastSignInAt = member.LastSignInAt,
        };
    }

    public static IReadOnlyList<Named> GroupsOf(Member member, AccessGraph graph) =>
        [
            .. member.Groups.Select(graph.Group).OfType<Core.Groups.Group>().OrderBy(g => g.Id)
                .Select(g => new Named(Ids.Group.Of(g.Id), g.Name))];

    public static IReadOnlyList<Named> RolesOf(Member member, AccessGraph graph) =>
        [.. graph.RolesOf(member.Roles).OrderBy(r => r.Id).Select(r => new Named(Ids.Role.Of(r.Id), r.Name))];
}

/// <summary>What to change about a member. What is left out stays; a list replaces the one before.</summary>
internal sealed record MemberChangeRequest
{
    /// <summary>For persons. It is the organization's own record: his sign-in keeps the address it has.</summary>
    public string? Email { get; init; }

    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    /// <summary>At most 1,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Null: none.</summary>
    public Optional<string> Locale { get; init; }

    /// <summary>Null: the organization's.</summary>
    public Optional<string> TimeZone { get; init; }

    /// <summary>Null: none.</summary>
    public Optional<string> SsoId { get; init; }

    /// <summary>`true` takes an active member's access away on his very next request; `false` gives it back.</summary>
    public bool? Suspended { get; init; }

    public BuiltInRole? Role { get; init; }

    public bool? AllResources { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    /// <summary>Entries to set or, with null, to take out; others stay.</summary>
    public IReadOnlyDictionary<string, string?>? Metadata { get; init; }

    public MemberChange ToChange() => new()
    {
        Email = Email, FirstName = FirstName, LastName = LastName, Description = Description, Locale = Locale,
        TimeZone = TimeZone, SsoId = SsoId, Suspended = Suspended, Role = Role,
        AllResources = AllResources, Permissions = Permissions.To<string, string>(p => [.. p]),
        Groups = Groups.To(Named.Groups), Roles = Roles.To(Named.Roles),
        Levels = Named.Levels(Levels ?? []), ReplaceLevels = Levels is not null, Metadata = Metadata,
    };
}

/// <summary>A service account to make.</summary>
internal sealed record ServiceAccountRequest
{
    /// <summary>1 to 120 characters of a-z, 0-9, `.`, `_` and `-`; `sa::` is put before it.</summary>
    public required string Name { get; init; }

    public string? Description { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    public NewServiceAccount ToAccount() =>
        new(Name ?? "")
        {
            Description = Description ?? "", Permissions = Permissions ?? [], Groups = Named.Groups(Groups ?? []),
            Roles = Named.Roles(Roles ?? []),
        };
}

/// <summary>A member who was removed.</summary>
/// <param name="Id">`mem_…`</param>
/// <param name="SponsoredInvitations">What became of the pending invitations the member was the sponsor of; null where
/// there were none.</param>
internal sealed record RemovedMemberDocument(string Id, SponsoredDocument? SponsoredInvitations);

/// <summary>What became of pending invitations whose sponsor lost the right to make them.</summary>
/// <param name="Affected">How many there are.</param>
/// <param name="Blocked">How many wait for an administrator's decision.</param>
/// <param name="Endorsed">How many you are the sponsor of now.</param>
/// <param name="Revoked">How many ended.</param>
internal sealed record SponsoredDocument(int Affected, int Blocked, int Endorsed, int Revoked)
{
    public static SponsoredDocument? From(SponsoredOutcome outcome) =>
        outcome.Affected is 0 ? null : new(outcome.Affected, outcome.Blocked, outcome.Endorsed, outcome.Revoked);
}
