using Usher.Core.Data;

namespace Usher.Core.Invitations;

public sealed partial class Invitation
{
    /// <summary>The columns that <see cref="Read"/> reads, of the table alias <c>i</c>.</summary>
    internal const string Columns = """
        i.id, i.member_id, i.status, i.created_at, i.expires_at, i.sent_count, i.last_sent_at, i.delivery,
            i.delivery_reason, i.sponsor_id,
        i.sponsor_kind, i.sponsor_name, i.accepted_at, i.accepted_by, i.ended_at, i.end_reason, i.blocked_at,
            i.blocked_told_at,
        i.requested_at, i.version, i.first_secret_hash, i.first_secret_sequence, i.first_secret_sent_at,
            i.first_secret_proves_address
        """;

    /// <summary>How many columns that are.</summary>
    internal const int ColumnCount = 24;

    /// <summary>
    /// An invitation out of a row that has <see cref="Columns"/> from a place on, without its later secrets.
    /// </summary>
    internal static Invitation Read(in Row row, int at, Guid organization) => new()
    {
        OrganizationId = organization, Id = row.Id(at), MemberId = row.Id(at + 1),
        Status = row.Enum<InvitationStatus>(at + 2),
        CreatedAt = row.Instant(at + 3), ExpiresAt = row.Instant(at + 4), SentCount = row.Int(at + 5),
        LastSentAt = row.InstantOrNull(at + 6),
        Delivery = row.Enum<DeliveryState>(at + 7), DeliveryReason = row.TextOrNull(at + 8), SponsorId = row.Id(at + 9),
        SponsorKind = row.Enum<ActorKind>(at + 10), SponsorName = row.Text(at + 11),
        AcceptedAt = row.InstantOrNull(at + 12),
        AcceptedBy = row.IdOrNull(at + 13), EndedAt = row.InstantOrNull(at + 14), EndReason = row.TextOrNull(at + 15),
        BlockedAt = row.InstantOrNull(at + 16), BlockedToldAt = row.InstantOrNull(at + 17),
        RequestedAt = row.InstantOrNull(at + 18),
        Version = row.Int(at + 19), FirstSecretHash = row.BytesOrNull(at + 20), FirstSecretSequence = row.Int(at + 21),
        FirstSecretSentAt = row.InstantOrNull(at + 22), FirstSecretProvesAddress = row.Flag(at + 23),
    };
}
