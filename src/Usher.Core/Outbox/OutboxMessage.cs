using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Outbox;

public enum OutboxKind
{
    /// <summary>To an invited person: the invitation link.</summary>
    Invitation,

    /// <summary>To the administrators: a person whose invitation was revoked asks for a new one.</summary>
    InvitationRequested,

    /// <summary>To a member's new address: the link that confirms it.</summary>
    AddressChange,

    /// <summary>To a member's old address: the address was changed.</summary>
    AddressChanged,

    /// <summary>To the administrators, once a day: the invitations that wait for a decision.</summary>
    InvitationsBlocked,

    /// <summary>To a person who asked for it: the password reset link.</summary>
    PasswordReset,

    /// <summary>To a person: the password was changed.</summary>
    PasswordChanged,

    /// <summary>
    /// To a person and to the administrators of the person's organizations: an operator created a password reset link.
    /// </summary>
    ResetLinkHandedOver,

    /// <summary>To a person who is signing in: the code to enter with the password.</summary>
    SignInCode,

    /// <summary>
    /// To the administrators: a membership was suspended because the owner of its e-mail address took over the account.
    /// </summary>
    AccountTakenOver,

    /// <summary>To a person's new address: the link that confirms it for the account.</summary>
    UserAddressChange,

    /// <summary>To a person's old address: the account's address was changed.</summary>
    UserAddressChanged,
}

public enum OutboxState
{
    Queued,
    Sent,

    /// <summary>Abandoned: sending failed for a day or permanently, or the message is obsolete.</summary>
    Abandoned,
}

/// <summary>
/// An e-mail to send. It is committed together with the change that caused it; the table is the queue. The worker
/// renders and sends it later.
/// </summary>
public sealed class OutboxMessage
{
    /// <summary>The language of mails to people who have set none.</summary>
    public const string DefaultLanguage = "en";

    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required OutboxKind Kind { get; init; }

    /// <summary>One canonical address.</summary>
    public required string Recipient { get; init; }

    /// <summary>BCP 47 language tag. Only <c>en</c> is supported so far.</summary>
    public required string Language { get; init; }

    /// <summary>The values for the text; see <see cref="OutboxParameters"/>. Never contains a secret.</summary>
    public required Dictionary<string, string> Parameters { get; init; }

    /// <summary>The invitation in this mail. The result of sending updates its delivery state.</summary>
    public Guid? InvitationId { get; init; }

    /// <summary>The encrypted secret of the link; erased when the message is sent or abandoned.</summary>
    public byte[]? Secret { get; set; }

    public OutboxState State { get; set; }

    /// <summary>The number of attempts to send the message.</summary>
    public int Attempts { get; set; }

    /// <summary>
    /// The earliest time of the next attempt. A claim moves it one minute ahead, so that another worker can take the
    /// message if the first one dies.
    /// </summary>
    public required DateTimeOffset NextAttemptAt { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? SentAt { get; set; }

    public string? LastError { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<OutboxMessage>
    {
        public void Configure(EntityTypeBuilder<OutboxMessage> builder)
        {
            builder.ToTable("outbox_messages");
            builder.HasKey(m => new { m.OrganizationId, m.Id });
            // The worker's next messages, and the unsent messages of an invitation.
            builder.HasIndex(m => m.NextAttemptAt).HasFilter("state = 'queued'");
            builder.HasIndex(m => new { m.OrganizationId, m.InvitationId });
        }
    }

    /// <summary>The language of a mail to a person, by the locale that the person has set, if any.</summary>
    public static string LanguageOf(string? locale) => locale ?? DefaultLanguage;
}
