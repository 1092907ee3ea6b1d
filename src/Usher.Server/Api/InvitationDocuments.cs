using System.Text.Json.Serialization;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>An invitation: an offer to become a member, with everything it grants.</summary>
internal sealed record InvitationDocument
{
    /// <summary>`inv_…`</summary>
    public required string Id { get; init; }

    /// <summary>The state at the time of the answer: a pending invitation past its end is `expired`.</summary>
    public required InvitationStatus State { get; init; }

    /// <summary>The invited member, who has the status `invited` until they join.</summary>
    public required string MemberId { get; init; }

    public required string Email { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    public required string? Locale { get; init; }

    public required string? TimeZone { get; init; }

    public required BuiltInRole Role { get; init; }

    /// <summary>Whether the member gets full access to every resource, present and future.</summary>
    public required bool AllResources { get; init; }

    /// <summary>Permissions granted directly.</summary>
    public required IReadOnlyList<string> Permissions { get; init; }

    public required IReadOnlyList<Named> Groups { get; init; }

    /// <summary>The organization's own roles, granted directly.</summary>
    public required IReadOnlyList<Named> Roles { get; init; }

    public required IReadOnlyList<LevelDocument> Levels { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>
    /// The member who last created, edited, resent or endorsed it. At acceptance, the sponsor must hold everything that
    /// the invitation grants.
    /// </summary>
    public required SponsorDocument Sponsor { get; init; }

    /// <summary>
    /// Whether it waits for an administrator's decision, because its sponsor may no longer grant what it offers.
    /// `endorse` and `resend` unblock it.
    /// </summary>
    public required bool Blocked { get; init; }

    /// <summary>Since when it is blocked.</summary>
    public required DateTimeOffset? BlockedAt { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>How many links were made, mailed or handed over. Only the newest of each kind is valid.</summary>
    public required int SentCount { get; init; }

    public required DateTimeOffset? LastSentAt { get; init; }

    public required DeliveryDocument Delivery { get; init; }

    public required DateTimeOffset? AcceptedAt { get; init; }

    /// <summary>When it was declined, revoked, superseded or marked as expired.</summary>
    public required DateTimeOffset? EndedAt { get; init; }

    /// <summary>The `code` of the reason, where it was revoked automatically.</summary>
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

/// <summary>The sponsor of an invitation.</summary>
/// <param name="Kind">A member, an operator, or Usher itself.</param>
/// <param name="MemberId">The member's id.</param>
/// <param name="Name">The sponsor's name at that time.</param>
internal sealed record SponsorDocument(ActorKind Kind, string? MemberId, string Name);

/// <summary>The delivery of the last mail.</summary>
/// <param name="State">`none`: no mail is being delivered, because none was sent yet or a link was handed over.</param>
/// <param name="Reason">Why the mail could not be delivered.</param>
internal sealed record DeliveryDocument(DeliveryState State, string? Reason);

/// <summary>
/// A person to invite, and what to grant. Without `permissions` or `groups`, the organization's defaults apply.
/// Anything else that is left out is not granted.
/// </summary>
internal sealed record InvitationRequest
{
    /// <summary>One e-mail address, without a display name.</summary>
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

    /// <summary>Names from the catalogue. Without it, the organization's default permissions apply.</summary>
    public IReadOnlyList<string>? Permissions { get; init; }

    /// <summary>Groups by id or name. Without it, the organization's default groups apply.</summary>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>The organization's own roles by id or name.</summary>
    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    /// <summary>At most 50 entries with keys of your choice.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>1 hour to 90 days from now. Without it, the organization's invitation lifetime applies.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>
    /// `mail` mails the link; `link` returns it once in the answer, to be handed over in another way. Default: `mail`.
    /// </summary>
    public LinkDelivery? Delivery { get; init; }

    public NewInvitation ToInvitation() => new(Email ?? "")
    {
        FirstName = FirstName, LastName = LastName, Locale = Locale, TimeZone = TimeZone, Role = Role,
        AllResources = AllResources, Permissions = Permissions,
        Groups = Groups is null ? null : Named.Groups(Groups), Roles = Named.Roles(Roles ?? []),
        Levels = Named.Levels(Levels ?? []),
        Metadata = Metadata ?? new Dictionary<string, string>(), ExpiresAt = ExpiresAt,
    };
}

internal enum LinkDelivery
{
    Mail,
    Link,
}

/// <summary>A new invitation.</summary>
internal sealed record NewInvitationDocument
{
    public required InvitationDocument Invitation { get; init; }

    /// <summary>
    /// The link, where it was requested; shown only in this answer. Joining with it does not prove the address.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Link { get; init; }
}

/// <summary>
/// Changes to an open invitation. Properties that are left out stay as they are; a list replaces the old list.
/// </summary>
internal sealed record InvitationChangeRequest
{
    /// <summary>
    /// A new address makes all links invalid. The invitation stays open, and its mail is sent only when you resend it.
    /// </summary>
    public string? Email { get; init; }

    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    /// <summary>Null removes it.</summary>
    public Optional<string> Locale { get; init; }

    /// <summary>Null means the organization's time zone.</summary>
    public Optional<string> TimeZone { get; init; }

    public BuiltInRole? Role { get; init; }

    public bool? AllResources { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    public IReadOnlyList<string>? Groups { get; init; }

    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<LevelRequest>? Levels { get; init; }

    /// <summary>Entries to set; null removes an entry. Entries that are left out stay.</summary>
    public IReadOnlyDictionary<string, string?>? Metadata { get; init; }

    /// <summary>1 hour to 90 days from now. An expired invitation becomes open again.</summary>
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

/// <summary>A link to join with.</summary>
/// <param name="Link">Shown only in this answer.</param>
/// <param name="ExpiresAt">When the link expires.</param>
internal sealed record LinkDocument(string Link, DateTimeOffset ExpiresAt);
