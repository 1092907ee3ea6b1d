using System.Text.Json.Serialization;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;

namespace Usher.Server.Api;

/// <summary>An offer to become a member, and all it gives.</summary>
internal sealed record InvitationDocument
{
    /// <summary>`inv_…`</summary>
    public required string Id { get; init; }

    /// <summary>By the clock: one that ran out is `expired`.</summary>
    public required InvitationStatus State { get; init; }

    /// <summary>Whom it is for; a member from now on, with the status `invited` until he joins.</summary>
    public required string MemberId { get; init; }

    public required string Email { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    public required string? Locale { get; init; }

    public required string? TimeZone { get; init; }

    public required BuiltInRole Role { get; init; }

    /// <summary>Full on every resource, present and future.</summary>
    public required bool AllResources { get; init; }

    /// <summary>Permissions given directly.</summary>
    public required IReadOnlyList<string> Permissions { get; init; }

    public required IReadOnlyList<Named> Groups { get; init; }

    /// <summary>The organization's own roles, given directly.</summary>
    public required IReadOnlyList<Named> Roles { get; init; }

    public required IReadOnlyList<LevelDocument> Levels { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>
    /// Who last made, edited or resent it, and so stands for what it gives: at acceptance he must still hold it.
    /// </summary>
    public required SponsorDocument Sponsor { get; init; }

    /// <summary>
    /// Whether it waits for an administrator's decision, because its sponsor may no longer give what it gives.
    /// `endorse` or `resend` ends that.
    /// </summary>
    public required bool Blocked { get; init; }

    /// <summary>Since when it waits.</summary>
    public required DateTimeOffset? BlockedAt { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>How many links were made, by mail or otherwise; only the newest opens.</summary>
    public required int SentCount { get; init; }

    public required DateTimeOffset? LastSentAt { get; init; }

    public required DeliveryDocument Delivery { get; init; }

    public required DateTimeOffset? AcceptedAt { get; init; }

    /// <summary>When it was declined, revoked, found expired or superseded.</summary>
    public required DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it was revoked, where it was not simply by hand: a `code`.</summary>
    public required string? EndReason { get; init; }

    public static InvitationDocument From(InvitationView view, DateTimeOffset now)
    {
        var (invitation, member, graph) = (view.Invitation, view.Member, view.Graph);
        return new()
        {
            Id = Ids.Invitation.Of(invitation.Id), State = invitation.StatusAt(now),
            MemberId = Ids.Member.Of(member.Id), Email = member.ShownAs,
            FirstName = member.FirstName, LastName = member.LastName, Locale = member.Locale,
            TimeZone = member.TimeZone, Role = member.Role, AllResources = member.AllResources,
            Permissions = member.Permissions,
            Groups = MemberDocument.GroupsOf(member, graph), Roles = MemberDocument.RolesOf(member, graph),
            Levels = LevelDocument.From(member.Levels, graph), Metadata = member.Metadata,
            Sponsor = new(
                invitation.SponsorKind,
                invitation.SponsorKind is ActorKind.Member ? Ids.Member.Of(invitation.SponsorId) : null,
                invitation.SponsorName),
            Blocked = invitation is { HasEnded: false, BlockedAt: not null }, BlockedAt = invitation.BlockedAt,
            CreatedAt = invitation.CreatedAt, ExpiresAt = invitation.ExpiresAt, SentCount = invitation.SentCount,
            LastSentAt = invitation.LastSentAt,
            Delivery = new(invitation.Delivery, invitation.DeliveryReason), AcceptedAt = invitation.AcceptedAt,
            EndedAt = invitation.EndedAt, EndReason = invitation.EndReason,
        };
    }
}

/// <summary>Who stands for an invitation.</summary>
/// <param name="Kind">A member, an operator, or Usher itself.</param>
/// <param name="MemberId">The member's id.</param>
/// <param name="Name">What he was called at that time.</param>
internal sealed record SponsorDocument(ActorKind Kind, string? MemberId, string Name);

/// <summary>What became of the last mail.</summary>
/// <param name="State">`none`: no mail is on its way, because none was sent yet or a link was made by hand.</param>
/// <param name="Reason">Why it could not be delivered.</param>
internal sealed record DeliveryDocument(DeliveryState State, string? Reason);

/// <summary>
/// Whom to invite, and what to offer. What is left out is none, but for permissions and groups: there the
/// organization's defaults.
/// </summary>
internal sealed record InvitationRequest
{
    /// <summary>One plain address.</summary>
    public required string Email { get; init; }

    /// <summary>At most 120 characters.</summary>
    public string? FirstName { get; init; }

    /// <summary>At most 120 characters.</summary>
    public string? LastName { get; init; }

    /// <summary>BCP 47, such as `pt-BR`.</summary>
    public string? Locale { get; init; }

    /// <summary>TZ database name, such as `Europe/Berlin`.</summary>
    public string? TimeZone { get; init; }

    /// <summary>Default: `user`.</summary>
    public BuiltInRole? Role { get; init; }

    public bool? AllResources { get; init; }

    /// <summary>Names of the catalogue; left out: the organization's defaults.</summary>
    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>Groups by id or name; left out: the organization's default groups.</summary>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>The organization's own roles, by id or name.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    /// <summary>At most 50 entries of your own.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>1 hour to 90 days from now; left out: after the organization's usual time.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>
    /// `mail` sends the link; `link` shows it in the answer, once, to hand over by other means. Default: `mail`.
    /// </summary>
    public LinkDelivery? Delivery { get; init; }

    public NewInvitation ToInvitation() => new(Email ?? "")
    {
        FirstName = FirstName, LastName = LastName, Locale = Locale, TimeZone = TimeZone, Role = Role,
        AllResources = AllResources, Permissions = Permissions,
        Groups = Groups is null
            ? null
            : Named.Groups(Groups), Roles = Named.Roles(Roles ?? []), Levels = Named.Levels(Levels ?? []),
        Metadata = Metadata ?? new Dictionary<string, string>(), ExpiresAt = ExpiresAt,
    };
}

internal enum LinkDelivery
{
    Mail,
    Link,
}

/// <summary>An invitation just made.</summary>
internal sealed record NewInvitationDocument
{
    public required InvitationDocument Invitation { get; init; }

    /// <summary>
    /// The link, where it was asked for: shown here and never again. Joining by it does not prove the address.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Link { get; init; }
}

/// <summary>What to change about an open invitation. What is left out stays; a list replaces the one before.</summary>
internal sealed record InvitationChangeRequest
{
    /// <summary>
    /// A new address voids the links that are out: the invitation stays open, unsent until you resend it.
    /// </summary>
    public string? Email { get; init; }

    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    /// <summary>Null: none.</summary>
    public Optional<string> Locale { get; init; }

    /// <summary>Null: the organization's.</summary>
    public Optional<string> TimeZone { get; init; }

    public BuiltInRole? Role { get; init; }

    public bool? AllResources { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    public IReadOnlyList<string>? Groups { get; init; }

    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    /// <summary>Entries to set or, with null, to take out; others stay.</summary>
    public IReadOnlyDictionary<string, string?>? Metadata { get; init; }

    /// <summary>1 hour to 90 days from now. One that ran out is open again.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    public MemberChange ToChange() => new()
    {
        Email = Email, FirstName = FirstName, LastName = LastName, Locale = Locale, TimeZone = TimeZone, Role = Role,
        AllResources = AllResources,
        Permissions = Permissions.To<string, string>(p => [.. p]), Groups = Groups.To(Named.Groups),
        Roles = Roles.To(Named.Roles),
        Levels = Named.Levels(Levels ?? []), ReplaceLevels = Levels is not null, Metadata = Metadata,
        ExpiresAt = ExpiresAt,
    };
}
