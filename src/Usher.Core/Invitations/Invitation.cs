using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;
using Usher.Core.Members;

namespace Usher.Core.Invitations;

public enum InvitationStatus
{
    Pending,
    Accepted,
    Declined,
    Revoked,
    Expired,

    /// <summary>The person joined in another way.</summary>
    Superseded,
}

public enum DeliveryState
{
    /// <summary>No mail was sent.</summary>
    None,

    /// <summary>The mail is in the outbox or is being sent.</summary>
    Queued,

    /// <summary>The mail was handed to the mail system.</summary>
    Sent,

    /// <summary>Delivery was given up; see <see cref="Invitation.DeliveryReason"/>.</summary>
    Failed,
}

/// <summary>An offer to become a member. Its methods are pure rules without database or clock.</summary>
public sealed partial class Invitation : IVersioned
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required Guid MemberId { get; init; }

    public InvitationStatus Status { get; private set; } = InvitationStatus.Pending;

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ExpiresAt { get; private set; }

    public int SentCount { get; private set; }

    public DateTimeOffset? LastSentAt { get; private set; }

    public DeliveryState Delivery { get; set; }

    /// <summary>The mail server's reason why the mail could not be delivered.</summary>
    public string? DeliveryReason { get; set; }

    /// <summary>
    /// The actor who last created, edited, resent or endorsed it. The sponsor is responsible for what the invitation
    /// grants.
    /// </summary>
    public Guid SponsorId { get; private set; }

    public ActorKind SponsorKind { get; private set; }

    /// <summary>The sponsor's name at that time.</summary>
    public string SponsorName { get; private set; } = "";

    public DateTimeOffset? AcceptedAt { get; private set; }

    /// <summary>The user who accepted.</summary>
    public Guid? AcceptedBy { get; private set; }

    /// <summary>The time at which it was declined, revoked, superseded or marked as expired.</summary>
    public DateTimeOffset? EndedAt { get; private set; }

    /// <summary>
    /// The <see cref="Error.Code"/> of the reason for an automatic revocation; null if it was revoked by hand.
    /// </summary>
    public string? EndReason { get; private set; }

    /// <summary>
    /// The time since when it waits for an administrator's decision, because its sponsor may no longer grant what it
    /// offers. Null if it is not blocked.
    /// </summary>
    public DateTimeOffset? BlockedAt { get; private set; }

    /// <summary>The time at which the administrators were last notified by mail that it is blocked.</summary>
    public DateTimeOffset? BlockedToldAt { get; set; }

    /// <summary>
    /// The time at which the invited person last requested another invitation from the administrators.
    /// </summary>
    public DateTimeOffset? RequestedAt { get; set; }

    public int Version { get; set; }

    public Member Member { get; private set; } = null!;

    /// <summary>SHA-256 of the first secret since the links were last voided; null if there is none.</summary>
    public byte[]? FirstSecretHash { get; private set; }

    public int FirstSecretSequence { get; private set; }

    public DateTimeOffset? FirstSecretSentAt { get; private set; }

    public bool FirstSecretProvesAddress { get; private set; }

    /// <summary>The secrets after the first.</summary>
    public List<InvitationSecret> LaterSecrets { get; } = [];

    /// <summary>All secrets, oldest first. Needs <see cref="LaterSecrets"/>.</summary>
    public IEnumerable<InvitationSecret> Secrets => [.. FirstSecret(), .. LaterSecrets.OrderBy(s => s.Sequence)];

    /// <summary>The first secret, or nothing if there is none.</summary>
    public IEnumerable<InvitationSecret> FirstSecret() =>
        FirstSecretHash is { } hash
            ? [NewSecret(hash, FirstSecretSequence, FirstSecretSentAt!.Value, FirstSecretProvesAddress)]
            : [];

    public static Invitation Of(Member member, DateTimeOffset now)
    {
        Invitation invitation = new()
        {
            OrganizationId = member.OrganizationId, Id = Uuid.Create(now), MemberId = member.Id, CreatedAt = now,
            Member = member,
        };
        invitation.SponsoredBy(member.SponsorId, member.SponsorKind, member.SponsorName);
        member.Invitations.Add(invitation);
        return invitation;
    }

    /// <summary>Whether its status is final: neither pending nor expired.</summary>
    public bool HasEnded => Status is not (InvitationStatus.Pending or InvitationStatus.Expired);

    /// <summary>Whether it is pending and <paramref name="now"/> is before its expiry.</summary>
    public bool IsOpen(DateTimeOffset now) => Status is InvitationStatus.Pending && now < ExpiresAt;

    /// <summary>
    /// The status at a time: a pending invitation past its expiry counts as expired even before the sweep stores that.
    /// </summary>
    public InvitationStatus StatusAt(DateTimeOffset now) =>
        Status is InvitationStatus.Pending && now >= ExpiresAt ? InvitationStatus.Expired : Status;

    /// <summary>
    /// Adds a new secret. The expiry restarts, older links of the same kind (mailed or handed over) stop working, and
    /// an expired invitation becomes pending again.
    /// </summary>
    /// <param name="hash">SHA-256 of the new secret.</param>
    /// <param name="provesAddress">Whether the secret is mailed, so that only the owner of the address sees it.
    /// Otherwise it is handed over.</param>
    /// <param name="now">The current time.</param>
    /// <param name="lifetime">How long the invitation stays open.</param>
    public void Send(byte[] hash, bool provesAddress, DateTimeOffset now, TimeSpan lifetime)
    {
        (Status, EndedAt, ExpiresAt, LastSentAt, SentCount) =
            (InvitationStatus.Pending, null, now + lifetime, now, SentCount + 1);
        Delivery = provesAddress ? DeliveryState.Queued : Delivery;
        if (provesAddress) DeliveryReason = null;
        if (FirstSecretHash is not null) LaterSecrets.Add(NewSecret(hash, SentCount, now, provesAddress));
        else
            (FirstSecretHash, FirstSecretSequence, FirstSecretSentAt, FirstSecretProvesAddress) =
                (hash, SentCount, now, provesAddress);
    }

    private InvitationSecret NewSecret(byte[] hash, int sequence, DateTimeOffset sentAt, bool provesAddress) =>
        new()
        {
            OrganizationId = OrganizationId, InvitationId = Id, Hash = hash, SentAt = sentAt, Sequence = sequence,
            ProvesAddress = provesAddress,
        };

    /// <summary>
    /// Makes an actor the sponsor, because it created, edited, resent or endorsed the invitation. Unblocks a blocked
    /// invitation. Called by <see cref="Member.SponsoredBy"/>.
    /// </summary>
    internal void SponsoredBy(Guid id, ActorKind kind, string name) =>
        (SponsorId, SponsorKind, SponsorName, BlockedAt, BlockedToldAt) = (id, kind, name, null, null);

    /// <summary>
    /// Blocks the invitation until an administrator decides, because its sponsor may no longer grant what it offers.
    /// Keeps the time if it is already blocked.
    /// </summary>
    public void Block(DateTimeOffset now) => BlockedAt ??= now;

    /// <summary>Sets the expiry. An expired invitation becomes pending again, and its newest link works.</summary>
    public void Extend(DateTimeOffset until) => (Status, EndedAt, ExpiresAt) = (InvitationStatus.Pending, null, until);

    /// <summary>
    /// Voids all links, because the member's address changed. The status does not change. No link works until the
    /// invitation is sent again. Needs <see cref="LaterSecrets"/>.
    /// </summary>
    public void VoidLinks()
    {
        LaterSecrets.Clear();
        (FirstSecretHash, FirstSecretSentAt) = (null, null);
        (Delivery, DeliveryReason) = (DeliveryState.None, null);
    }

    /// <summary>Marks it as accepted. <see cref="Member.Join"/> changes the member's own state.</summary>
    public void Accept(Guid userId, DateTimeOffset now) =>
        (Status, AcceptedBy, AcceptedAt, BlockedAt) = (InvitationStatus.Accepted, userId, now, null);

    /// <summary>Ends it permanently. Does nothing if it has already ended.</summary>
    public void End(InvitationStatus how, DateTimeOffset now, string? reason = null)
    {
        if (HasEnded) return;
        (Status, EndedAt, EndReason) = (how, now, reason);
    }

    internal sealed class Mapping : IEntityTypeConfiguration<Invitation>
    {
        public void Configure(EntityTypeBuilder<Invitation> builder)
        {
            builder.ToTable("invitations");
            builder.HasKey(i => new { i.OrganizationId, i.Id });
            builder.Ignore(i => i.Secrets);
            builder.HasOne(i => i.Member).WithMany(m => m.Invitations)
                .HasForeignKey(i => new { i.OrganizationId, i.MemberId }).OnDelete(DeleteBehavior.Cascade);
            // A member has at most one open invitation; every read of a member joins it.
            builder.HasIndex(i => new { i.OrganizationId, i.MemberId }).HasDatabaseName("ix_invitations_open")
                .IsUnique().HasFilter("status IN ('pending', 'expired')");
            // A member's invitations, the newest first.
            builder.HasIndex(i => new { i.OrganizationId, i.MemberId, i.CreatedAt });
            // The sweep that marks expired invitations.
            builder.HasIndex(i => i.ExpiresAt).HasFilter("status = 'pending'");
            // The lists by status, by sponsor and by expiry, each in the order of its pages.
            builder.HasIndex(i => new { i.OrganizationId, i.Status, i.Id });
            builder.HasIndex(i => new { i.OrganizationId, i.SponsorId, i.Id });
            builder.HasIndex(i => new { i.OrganizationId, i.ExpiresAt, i.Id });
            // For the daily mail to administrators and the filter for blocked invitations. It contains few rows.
            builder.HasIndex(i => new { i.OrganizationId, i.Id }).HasDatabaseName("ix_invitations_blocked")
                .HasFilter("blocked_at IS NOT NULL AND status = 'pending'");
        }
    }
}

/// <summary>
/// The hash of one secret after the first, mailed or handed over. Only the newest secret of each kind works. Older ones
/// are kept to report that they were replaced.
/// </summary>
public sealed class InvitationSecret
{
    public required Guid OrganizationId { get; init; }

    public required Guid InvitationId { get; init; }

    /// <summary>The number of the secret, starting with 1 for the first one of the invitation.</summary>
    public required int Sequence { get; init; }

    /// <summary>SHA-256 of the secret.</summary>
    public required byte[] Hash { get; init; }

    public required DateTimeOffset SentAt { get; init; }

    /// <summary>
    /// Whether it was mailed to the address. Only the newest such secret of an open invitation proves the address. A
    /// secret that was handed over proves nothing.
    /// </summary>
    public required bool ProvesAddress { get; init; }

    internal sealed class Mapping : IEntityTypeConfiguration<InvitationSecret>
    {
        public void Configure(EntityTypeBuilder<InvitationSecret> builder)
        {
            builder.ToTable("invitation_secrets");
            builder.HasKey(s => new { s.OrganizationId, s.InvitationId, s.Sequence });
            builder.HasOne<Invitation>().WithMany(i => i.LaterSecrets)
                .HasForeignKey(s => new { s.OrganizationId, s.InvitationId }).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
