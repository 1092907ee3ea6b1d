using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Access;
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

    /// <summary>The person got in another way.</summary>
    Superseded,
}

public enum DeliveryState
{
    /// <summary>Nothing was ever sent.</summary>
    None,

    /// <summary>In the outbox, or being tried.</summary>
    Queued,

    /// <summary>Handed to the mail system.</summary>
    Sent,

    /// <summary>Given up; the reason says why.</summary>
    Failed,
}

/// <summary>An offer to become a member. Rules about it alone are here, pure: no database, no clock.</summary>
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

    /// <summary>Why the mail could not be delivered, as the mail server said it.</summary>
    public string? DeliveryReason { get; set; }

    /// <summary>Who last made, edited or resent it, and so stands for what it gives.</summary>
    public Guid SponsorId { get; private set; }

    public ActorKind SponsorKind { get; private set; }

    /// <summary>The sponsor's name at that time.</summary>
    public string SponsorName { get; private set; } = "";

    public DateTimeOffset? AcceptedAt { get; private set; }

    /// <summary>The user who accepted.</summary>
    public Guid? AcceptedBy { get; private set; }

    /// <summary>When it was declined, revoked, found expired or superseded.</summary>
    public DateTimeOffset? EndedAt { get; private set; }

    /// <summary>The <see cref="Error.Code"/> of why it was revoked, where it was not simply by hand.</summary>
    public string? EndReason { get; private set; }

    /// <summary>
    /// Since when it waits for an administrator's decision, because its sponsor may no longer give what it gives. Null:
    /// it does not.
    /// </summary>
    public DateTimeOffset? BlockedAt { get; private set; }

    /// <summary>When the administrators were last told by mail that it is blocked.</summary>
    public DateTimeOffset? BlockedToldAt { get; set; }

    /// <summary>When the invited person last asked the administrators for another invitation.</summary>
    public DateTimeOffset? RequestedAt { get; set; }

    public int Version { get; set; }

    public Member Member { get; private set; } = null!;

    /// <summary>SHA-256 of the first secret since the links were last made void; null while there is none.</summary>
    public byte[]? FirstSecretHash { get; private set; }

    public int FirstSecretSequence { get; private set; }

    public DateTimeOffset? FirstSecretSentAt { get; private set; }

    public bool FirstSecretProvesAddress { get; private set; }

    /// <summary>The secrets after the first.</summary>
    public List<InvitationSecret> LaterSecrets { get; } = [];

    /// <summary>All secrets, oldest first. Needs <see cref="LaterSecrets"/>.</summary>
    public IEnumerable<InvitationSecret> Secrets => [.. FirstSecret(), .. LaterSecrets.OrderBy(s => s.Sequence)];

    /// <summary>The first secret, where there is one.</summary>
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

    /// <summary>Whether nothing can become of it any more.</summary>
    public bool HasEnded => Status is not (InvitationStatus.Pending or InvitationStatus.Expired);

    /// <summary>Pending by the clock, whether or not a sweep has been by.</summary>
    public bool IsOpen(DateTimeOffset now) => Status is InvitationStatus.Pending && now < ExpiresAt;

    /// <summary>What it is by the clock.</summary>
    public InvitationStatus StatusAt(DateTimeOffset now) =>
        Status is InvitationStatus.Pending && now >= ExpiresAt ? InvitationStatus.Expired : Status;

    /// <summary>
    /// A new secret goes out: the clock restarts, older links of its kind (mailed, or handed over) no longer open, and
    /// an expired invitation is pending again.
    /// </summary>
    /// <param name="hash">SHA-256 of the new secret.</param>
    /// <param name="provesAddress">Whether it is mailed, so that only the owner of the address sees it. Otherwise it is
    /// handed over.</param>
    /// <param name="now">The present instant.</param>
    /// <param name="lifetime">How long it stays open.</param>
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
    /// An actor made, edited, resent or endorsed it: the sponsor from now on. A blocked one waits no longer. Called by
    /// <see cref="Member.SponsoredBy"/>.
    /// </summary>
    internal void SponsoredBy(Guid id, ActorKind kind, string name) =>
        (SponsorId, SponsorKind, SponsorName, BlockedAt, BlockedToldAt) = (id, kind, name, null, null);

    /// <summary>Its sponsor may no longer give what it gives: it waits for an administrator's decision.</summary>
    public void Block(DateTimeOffset now) => BlockedAt ??= now;

    /// <summary>Stays open until then. An expired one is pending again, and its newest link opens.</summary>
    public void Extend(DateTimeOffset until) => (Status, EndedAt, ExpiresAt) = (InvitationStatus.Pending, null, until);

    /// <summary>
    /// The member's address changed: what was mailed to the old one opens no longer. It stays what it is, unsent until
    /// it is sent anew. Needs <see cref="LaterSecrets"/>.
    /// </summary>
    public void VoidLinks()
    {
        LaterSecrets.Clear();
        (FirstSecretHash, FirstSecretSentAt) = (null, null);
        (Delivery, DeliveryReason) = (DeliveryState.None, null);
    }

    /// <summary>The person joins. The member's own state is changed by <see cref="Member.Join"/>.</summary>
    public void Accept(Guid userId, DateTimeOffset now) =>
        (Status, AcceptedBy, AcceptedAt, BlockedAt) = (InvitationStatus.Accepted, userId, now, null);

    /// <summary>Ends it for good. Without effect on one that has ended.</summary>
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
            builder.HasIndex(i => new { i.OrganizationId, i.MemberId }).HasDatabaseName("ix_invitations_open")
                .IsUnique().HasFilter("status IN ('pending', 'expired')");
            builder.HasIndex(i => new { i.OrganizationId, i.MemberId, i.CreatedAt });
            builder.HasIndex(i => i.ExpiresAt).HasFilter("status = 'pending'");
            // What lists are filtered and ordered by.
            builder.HasIndex(i => new { i.OrganizationId, i.Status, i.Id });
            builder.HasIndex(i => new { i.OrganizationId, i.SponsorId, i.Id });
            builder.HasIndex(i => new { i.OrganizationId, i.ExpiresAt, i.Id });
            // The daily mail to administrators, and the filter for blocked invitations. Few rows are in it.
            builder.HasIndex(i => new { i.OrganizationId, i.Id }).HasDatabaseName("ix_invitations_blocked")
                .HasFilter("blocked_at IS NOT NULL AND status = 'pending'");
        }
    }
}

/// <summary>
/// The hash of one secret after the first, mailed or handed over. Of each kind only an invitation's newest secret
/// opens; older ones are kept to say so.
/// </summary>
public sealed class InvitationSecret
{
    public required Guid OrganizationId { get; init; }

    public required Guid InvitationId { get; init; }

    /// <summary>1 for the first that went out.</summary>
    public required int Sequence { get; init; }

    /// <summary>SHA-256 of the secret.</summary>
    public required byte[] Hash { get; init; }

    public required DateTimeOffset SentAt { get; init; }

    /// <summary>
    /// Whether it was mailed to the address. Only the newest such secret of an open invitation proves the address; one
    /// that was handed over proves nothing.
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
