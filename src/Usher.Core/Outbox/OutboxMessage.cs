using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Outbox;

public enum OutboxKind
{
    /// <summary>"You are invited", with the link.</summary>
    Invitation,

    /// <summary>To the administrators: somebody whose invitation was revoked asks for a new one.</summary>
    InvitationRequested,

    /// <summary>To a member's new address: "is this yours?", with the link.</summary>
    AddressChange,

    /// <summary>To his old one: it was changed.</summary>
    AddressChanged,

    /// <summary>
    /// To the organization's administrators, once a day: all invitations that wait for their decision.
    /// </summary>
    InvitationsBlocked,

    /// <summary>To a person who asked for it: the link that sets a new password.</summary>
    PasswordReset,

    /// <summary>To a person: the password was changed or set anew.</summary>
    PasswordChanged,

    /// <summary>
    /// To a person and to the administrators of their organizations: an operator handed over a reset link.
    /// </summary>
    ResetLinkHandedOver,

    /// <summary>To a person who signs in: the code to give beside the password.</summary>
    SignInCode,

    /// <summary>
    /// To the administrators of an organization: a membership is suspended because its account was taken over by the
    /// owner of its address.
    /// </summary>
    AccountTakenOver,

    /// <summary>To a person's new address: the link that confirms it for their own account.</summary>
    UserAddressChange,

    /// <summary>To a person's old address: the account has another one.</summary>
    UserAddressChanged,
}

public enum OutboxState
{
    Queued,
    Sent,

    /// <summary>Given up after a day, or no longer wanted.</summary>
    Abandoned,
}

/// <summary>
/// An e-mail to send. Committed with the change that caused it; the table is the queue. Rendered by the worker, in the
/// worker's own time.
/// </summary>
public sealed class OutboxMessage
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    public required OutboxKind Kind { get; init; }

    /// <summary>One canonical address.</summary>
    public required string Recipient { get; init; }

    /// <summary>BCP 47; only <c>en</c> is spoken so far.</summary>
    public required string Language { get; init; }

    /// <summary>What the text needs: names, never a secret.</summary>
    public required Dictionary<string, string> Parameters { get; init; }

    /// <summary>The invitation it carries, whose delivery state it moves.</summary>
    public Guid? InvitationId { get; init; }

    /// <summary>The secret in the link, encrypted; erased once sent or abandoned.</summary>
    public byte[]? Secret { get; set; }

    public OutboxState State { get; set; }

    /// <summary>How often sending has been tried.</summary>
    public int Attempts { get; set; }

    /// <summary>
    /// Not before this. A worker that takes the message moves it a minute ahead: if it dies, another takes it then.
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
            builder.HasIndex(m => m.NextAttemptAt).HasFilter("state = 'queued'");
            builder.HasIndex(m => new { m.OrganizationId, m.InvitationId });
        }
    }
}
