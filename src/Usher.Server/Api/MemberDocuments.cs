using System.Text.Json.Serialization;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>A member of the organization: a person or a service account.</summary>
internal sealed record MemberDocument
{
    /// <summary>`mem_…`</summary>
    public required string Id { get; init; }

    public required MemberKind Kind { get; init; }

    /// <summary>A suspended member keeps their grants and cannot use them.</summary>
    public required MemberStatus Status { get; init; }

    /// <summary>The e-mail address as typed; null for a service account.</summary>
    public required string? Email { get; init; }

    /// <summary>The member's name, or their address where they have none; for a service account `sa::…`</summary>
    public required string DisplayName { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    /// <summary>The purpose of a service account.</summary>
    public required string Description { get; init; }

    public required string? Locale { get; init; }

    /// <summary>TZ database name. Null means the organization's time zone; "" means none on purpose.</summary>
    public required string? TimeZone { get; init; }

    public required BuiltInRole Role { get; init; }

    /// <summary>Whether the member has full access to every resource, present and future.</summary>
    public required bool AllResources { get; init; }

    /// <summary>Permissions granted directly. The effective permissions are at `…/access`.</summary>
    public required IReadOnlyList<string> Permissions { get; init; }

    /// <summary>Groups the member was added to. System groups, whose membership is implied, are left out.</summary>
    public required IReadOnlyList<Named> Groups { get; init; }

    /// <summary>The organization's own roles that the member holds directly.</summary>
    public required IReadOnlyList<Named> Roles { get; init; }

    /// <summary>Access levels granted directly.</summary>
    public required IReadOnlyList<LevelDocument> Levels { get; init; }

    public required string? SsoId { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>The open invitation: `inv_…`</summary>
    public required string? InvitationId { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? LastSignInAt { get; init; }

    /// <summary>
    /// What happened to the member's pending invitations. Only in the answer to a change by which the member lost the
    /// right to invite.
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

/// <summary>
/// Changes to a member. Properties that are left out stay as they are; a list replaces the old list.
/// </summary>
internal sealed record MemberChangeRequest
{
    /// <summary>
    /// Only for persons. Changes the organization's record; the address the person signs in with stays the same.
    /// </summary>
    public string? Email { get; init; }

    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    /// <summary>At most 1,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Null removes it.</summary>
    public Optional<string> Locale { get; init; }

    /// <summary>Null means the organization's time zone.</summary>
    public Optional<string> TimeZone { get; init; }

    /// <summary>Null removes it.</summary>
    public Optional<string> SsoId { get; init; }

    /// <summary>
    /// `true` suspends an active member, whose access ends with their next request; `false` restores the access.
    /// </summary>
    public bool? Suspended { get; init; }

    public BuiltInRole? Role { get; init; }

    public bool? AllResources { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>By id or name.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    /// <summary>Entries to set; null removes an entry. Entries that are left out stay.</summary>
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

/// <summary>A service account to create.</summary>
internal sealed record ServiceAccountRequest
{
    /// <summary>1 to 120 characters of a-z, 0-9, `.`, `_` and `-`; Usher adds the prefix `sa::`.</summary>
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

/// <summary>A member that was removed.</summary>
/// <param name="Id">`mem_…`</param>
/// <param name="SponsoredInvitations">What happened to the pending invitations with this member as sponsor; null where
/// there were none.</param>
internal sealed record RemovedMemberDocument(string Id, SponsoredDocument? SponsoredInvitations);

/// <summary>What happened to pending invitations whose sponsor lost the right to make them.</summary>
/// <param name="Affected">The number of affected invitations.</param>
/// <param name="Blocked">How many wait for an administrator's decision.</param>
/// <param name="Endorsed">How many have you as sponsor now.</param>
/// <param name="Revoked">How many were revoked.</param>
internal sealed record SponsoredDocument(int Affected, int Blocked, int Endorsed, int Revoked)
{
    public static SponsoredDocument? From(SponsoredOutcome outcome) =>
        outcome.Affected is 0 ? null : new(outcome.Affected, outcome.Blocked, outcome.Endorsed, outcome.Revoked);
}
