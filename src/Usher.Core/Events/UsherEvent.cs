using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Events;

/// <summary>The names of all event types. They are permanent.</summary>
public static class EventTypes
{
    public const string OrganizationCreated = "organization.created";
    public const string OrganizationUpdated = "organization.updated";
    public const string OrganizationSuspended = "organization.suspended";
    public const string OrganizationResumed = "organization.resumed";
    public const string OrganizationDeleted = "organization.deleted";
    public const string MemberInvited = "member.invited";
    public const string MemberJoined = "member.joined";
    public const string MemberCreated = "member.created";
    public const string MemberRemoved = "member.removed";
    public const string MemberLeft = "member.left";
    public const string MemberUpdated = "member.updated";
    public const string AddressChangeRequested = "address_change.requested";
    public const string InvitationSent = "invitation.sent";
    public const string InvitationLinkMinted = "invitation.link_minted";
    public const string InvitationAccepted = "invitation.accepted";
    public const string InvitationDeclined = "invitation.declined";
    public const string InvitationRevoked = "invitation.revoked";
    public const string InvitationExpired = "invitation.expired";
    public const string InvitationBlocked = "invitation.blocked";
    public const string InvitationEndorsed = "invitation.endorsed";
    public const string InvitationRequested = "invitation.requested";
    public const string InvitationUndeliverable = "invitation.undeliverable";
    public const string InvitationAccountDisclosed = "invitation.account_disclosed";
    public const string GroupCreated = "group.created";
    public const string GroupUpdated = "group.updated";
    public const string GroupDeleted = "group.deleted";
    public const string RoleCreated = "role.created";
    public const string RoleUpdated = "role.updated";
    public const string RoleDeleted = "role.deleted";
    public const string ResourceCreated = "resource.created";
    public const string ResourceUpdated = "resource.updated";
    public const string ResourceDeleted = "resource.deleted";
    public const string ApiKeyCreated = "api_key.created";
    public const string ApiKeyUpdated = "api_key.updated";
    public const string ApiKeyDeleted = "api_key.deleted";
    public const string JobCreated = "job.created";
    public const string JobCompleted = "job.completed";
    public const string JobCancelled = "job.cancelled";
    public const string JobFailed = "job.failed";
    public const string UserSignedIn = "user.signed_in";
    public const string UserSignedOut = "user.signed_out";
    public const string UserSignInFailed = "user.sign_in_failed";
    public const string UserAddressProven = "user.address_proven";
    public const string UserTakenOver = "user.taken_over";
    public const string UserSessionConfirmed = "user.session_confirmed";
    public const string UserSessionEnded = "user.session_ended";
    public const string UserUpdated = "user.updated";
    public const string UserPasswordChanged = "user.password_changed";
    public const string UserPasswordResetRequested = "user.password_reset_requested";
    public const string UserPasswordReset = "user.password_reset";
    public const string UserResetLinkHandedOver = "user.reset_link_handed_over";
    public const string UserAddressChangeRequested = "user.address_change_requested";
    public const string UserAddressChanged = "user.address_changed";
}

/// <summary>
/// A record of an action: the actor, the action, its subject and the time. Events are append-only. Personal data is
/// only in <see cref="Details"/>, which can be erased.
/// </summary>
public sealed class UsherEvent
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    /// <summary>One of <see cref="EventTypes"/>.</summary>
    public required string Type { get; init; }

    public required ActorKind ActorKind { get; init; }

    public required Guid ActorId { get; init; }

    /// <summary>
    /// The reason if it is not simply the actor's request: an <see cref="Error.Code"/> or the name of a worker.
    /// </summary>
    public string? Cause { get; init; }

    /// <summary>The kind of the subject: <c>member</c>, <c>invitation</c>, …</summary>
    public required string SubjectKind { get; init; }

    public required Guid SubjectId { get; init; }

    public required DateTimeOffset OccurredAt { get; init; }

    /// <summary>The position in the organization's log, assigned later in commit order; null until then.</summary>
    public long? Position { get; init; }

    /// <summary>The hash of the chain up to this event, assigned with the position.</summary>
    public byte[]? Hash { get; init; }

    /// <summary>Names, addresses, old and new values; never a secret. Null after erasure.</summary>
    public Dictionary<string, string>? Details { get; set; }

    /// <summary>
    /// 16 random bytes that prevent guessing the details from their hash. Erased together with the details.
    /// </summary>
    public byte[]? Salt { get; set; }

    /// <summary>Creates an event.</summary>
    /// <param name="type">One of <see cref="EventTypes"/>.</param>
    /// <param name="actor">The actor of the event.</param>
    /// <param name="subjectKind">The kind of the subject.</param>
    /// <param name="subjectId">The id of the subject.</param>
    /// <param name="now">The current time.</param>
    /// <param name="details">Names, addresses, old and new values; never a secret. The event keeps this
    /// instance.</param>
    /// <param name="cause">See <see cref="Cause"/>.</param>
    public static UsherEvent Record(
        string type, Actor actor, string subjectKind, Guid subjectId, DateTimeOffset now,
        Dictionary<string, string>? details = null, string? cause = null)
    {
        var id = Uuid.Create(now);
        return new()
        {
            OrganizationId = actor.OrganizationId, Id = id, Type = type, ActorKind = actor.Kind, ActorId = actor.Id,
            Cause = cause,
            SubjectKind = subjectKind, SubjectId = subjectId, OccurredAt = now,
            Details = WithActor(details ?? [], actor), Salt = RandomNumberGenerator.GetBytes(16),
        };
    }

    private static Dictionary<string, string> WithActor(Dictionary<string, string> details, Actor actor)
    {
        details["actor"] = actor.Name;
        return details;
    }

    internal sealed class Mapping : IEntityTypeConfiguration<UsherEvent>
    {
        public void Configure(EntityTypeBuilder<UsherEvent> builder)
        {
            builder.ToTable("events");
            builder.HasKey(e => new { e.OrganizationId, e.Id });
            // The events in order of their positions. An event without a position is not in it.
            builder.HasIndex(e => new { e.OrganizationId, e.Position }).IsUnique().HasFilter("position IS NOT NULL");
            // The limit of account checks counts the organization's own events of a day. Few events are in it.
            builder.HasIndex(e => new { e.OrganizationId, e.OccurredAt }).HasDatabaseName("ix_events_own")
                .HasFilter("subject_id = organization_id");
        }
    }
}
