using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;

namespace Usher.Core.Outbox;

/// <summary>A claimed message that may be sent now.</summary>
/// <param name="Message">The message at the time of the claim.</param>
/// <param name="Secret">The secret of the link in plain text; null for messages without a link.</param>
public sealed record OpenedMessage(OutboxMessage Message, string? Secret)
{
    // The generated ToString would contain the secret.
    public override string ToString() => $"{nameof(OpenedMessage)} {Message.Id}";
}

/// <summary>
/// The outbox for the worker: claim, open, send, record the results, all of them for many messages at once. Delivery is
/// at least once: a message whose claim expires without a result can be claimed again by any node.
/// </summary>
public sealed partial class OutboxQueue(UsherDb db, Database database, OutboxSecrets secrets, TimeProvider clock)
{
    /// <summary>
    /// How long a claim lasts: 1 minute. If a node dies, its claims expire. A running node does not start to send if
    /// that could take longer than the claim.
    /// </summary>
    public static readonly TimeSpan ClaimLength = TimeSpan.FromMinutes(1);

    /// <summary>Claims up to <paramref name="max"/> due messages, longest due first, in one statement.</summary>
    /// <returns>The claimed messages, oldest first. No other worker can claim them before their
    /// <see cref="OutboxMessage.NextAttemptAt"/>.</returns>
    public async Task<IReadOnlyList<OutboxMessage>> ClaimAsync(int max, CancellationToken ct)
    {
        var now = clock.Now();
        var claimed = db.IsSqlite ? await TakeAloneAsync() : await TakeAsync();
        return [.. claimed.OrderBy(m => m.Id)];

        // If no message is due, this costs one indexed read and no lock.
        async Task<List<OutboxMessage>> TakeAloneAsync()
        {
            var isDue = await db.OutboxMessages.AnyAsync(
                m => m.State == OutboxState.Queued && m.NextAttemptAt <= now, ct);
            return isDue ? await database.RunLockedAsync(_ => TakeAsync(), ct) : [];
        }

        Task<List<OutboxMessage>> TakeAsync() =>
            db.OutboxMessages.FromSqlRaw(ClaimText, db.RawValue(now), max, db.RawValue(now + ClaimLength))
                .AsNoTracking().ToListAsync(ct);
    }

    // Concurrent nodes share the messages on PostgreSQL. MATERIALIZED is needed because the planner may otherwise run
    // the inner query several times and exceed the limit.
    private string ClaimText =>
        $$"""
        WITH due AS MATERIALIZED (
            SELECT organization_id AS organization, id AS message FROM outbox_messages
            WHERE state = 'queued' AND next_attempt_at <= {0}
            ORDER BY next_attempt_at
            LIMIT {1}
            {{(db.IsSqlite ? "" : "FOR UPDATE SKIP LOCKED")}})
        UPDATE outbox_messages SET next_attempt_at = {2}, attempts = attempts + 1
        FROM due WHERE organization_id = due.organization AND id = due.message
        RETURNING {{Columns}}
        """;

    private static string Columns { get; } =
        string.Join(", ", Tables.Of<OutboxMessage>().Columns.Select(column => column.Name));

    /// <summary>
    /// Makes all queued messages due now. A node that knows it is the only one calls this at startup, because all
    /// claims are its own.
    /// </summary>
    public Task<int> TakeBackAsync(CancellationToken ct)
    {
        var now = clock.Now();
        return database.RunLockedAsync(
            _ => db.OutboxMessages.Where(m => m.State == OutboxState.Queued && m.NextAttemptAt > now)
            .ExecuteUpdateAsync(set => set.SetProperty(m => m.NextAttemptAt, now), ct), ct);
    }

    /// <summary>
    /// Records the results of claimed messages and the delivery states of their invitations, in one commit. Secrets of
    /// messages that leave the queue are erased. <see cref="OutboxOutcome.Sent"/> is recorded even if another worker
    /// holds the claim now, because the mail was sent; the other results have no effect then.
    /// </summary>
    /// <returns>The messages that were given up.</returns>
    public Task<IReadOnlyList<OutboxMessage>> RecordAsync(IReadOnlyList<OutboxResult> results, CancellationToken ct)
    {
        var now = clock.Now();

        // A message can be here twice, if its claim expired in between. That it was sent matters more.
        var distinct = results.OrderBy(r => r.Outcome).DistinctBy(r => r.Message.Id)
            .OrderBy(r => r.Message.InvitationId).ThenBy(r => r.Message.Id).ToList();
        return database.RunLockedAsync<IReadOnlyList<OutboxMessage>>(async unit =>
        {
            await LockInvitationsAsync(distinct, ct);
            var found = await MarkAsync(distinct, now, ct);
            var marked = distinct.FindAll(r => found.Contains(r.Message.Id));
            var moved = await MoveDeliveriesAsync(marked, now, ct);
            var givenUp = marked.FindAll(r => r.IsGivenUp(now));
            foreach (var result in givenUp)
            {
                if (!moved.Contains(result.Message.Id)) continue;
                var message = result.Message;
                unit.Add(UsherEvent.Record(
                    EventTypes.InvitationUndeliverable, Actor.System(message.OrganizationId), "invitation",
                    message.InvitationId!.Value, now,
                    new() { ["email"] = message.Recipient, ["reason"] = result.ShortReason ?? "" }, cause: "outbox"));
            }

            return [.. givenUp.Select(r => r.Message)];
        }, ct);
    }

    // Operations lock invitations before they write messages. The same order here prevents deadlocks.
    private async Task LockInvitationsAsync(List<OutboxResult> results, CancellationToken ct)
    {
        var invitations = results.Where(r => r.Message.Kind is OutboxKind.Invitation)
            .Select(r => new object?[] { r.Message.OrganizationId, r.Message.InvitationId }).ToList();
        if (db.IsSqlite || invitations.Count is 0) return;
        await db.ReadAsync(
            new Sql(isSqlite: false).Add(
                $"""
                SELECT 1 FROM {Sql.Rows(invitations, "r", ("organization", "uuid"), ("invitation", "uuid"))}
                    CROSS JOIN LATERAL (SELECT 1 FROM invitations i WHERE i.organization_id = r.organization
                        AND i.id = r.invitation FOR NO KEY UPDATE) locked
                """),
            _ => true, ct);
    }

    // Returns the ids of the messages that were changed. The number of attempts and the end identify a claim: every
    // claim increments the attempts.
    private async Task<HashSet<Guid>> MarkAsync(List<OutboxResult> results, DateTimeOffset now, CancellationToken ct)
    {
        var rows = results.Select(r => new object?[]
        {
            r.Message.OrganizationId, r.Message.Id, r.Message.Attempts, r.Message.NextAttemptAt,
            SnakeCaseName.Of(r.StateAt(now)), r.NextAttemptAt(now), r.ShortReason,
            r.Outcome is OutboxOutcome.Released ? 1 : 0,
        });
        var list = Sql.Rows(
            rows, "r", ("organization", "uuid"), ("message", "uuid"), ("claim", "integer"), ("until", "timestamptz"),
            ("new_state", "text"), ("next", "timestamptz"), ("reason", "text"), ("returned", "integer"));
        var ids = await db.ReadAsync(
            new Sql(db.IsSqlite).Add(
                $"""
                UPDATE outbox_messages SET state = r.new_state, attempts = attempts - r.returned,
                    next_attempt_at = COALESCE(r.next, next_attempt_at),
                    secret = CASE WHEN r.new_state = 'queued' THEN secret END,
                    sent_at = CASE WHEN r.new_state = 'sent' THEN {now} ELSE sent_at END,
                    last_error = CASE WHEN r.returned = 1 THEN last_error ELSE r.reason END
                FROM {list}
                WHERE organization_id = r.organization AND id = r.message
                    AND ((r.new_state = 'sent' AND state <> 'sent')
                        OR (state = 'queued' AND attempts = r.claim AND next_attempt_at = r.until))
                RETURNING id
                """),
            row => row.Id(0), ct);
        return [.. ids];
    }

    // Only the newest mail determines the invitation's delivery state; ids are in order of creation. The version stays,
    // so that a delivery result does not conflict with an edit. Returns the ids of the messages that moved one.
    private async Task<HashSet<Guid>> MoveDeliveriesAsync(
        List<OutboxResult> results, DateTimeOffset now, CancellationToken ct)
    {
        List<OutboxResult> moving =
        [
            .. results.Where(r => r.DeliveryAt(now) is not null).GroupBy(r => r.Message.InvitationId)
                .Select(mails => mails.MaxBy(r => r.Message.Id)!),
        ];
        if (moving is []) return [];
        var rows = moving.Select(r => new object?[]
        {
            r.Message.OrganizationId, r.Message.InvitationId, r.Message.Id,
            SnakeCaseName.Of(r.DeliveryAt(now)!.Value),
            r.Outcome is OutboxOutcome.Unwanted ? null : r.ShortReason,
        });
        var list = Sql.Rows(
            rows, "r", ("organization", "uuid"), ("invitation", "uuid"), ("message", "uuid"), ("new_delivery", "text"),
            ("reason", "text"));
        // With a plain id, SQLite would search the primary key and read all later messages of the organization.
        var notByKey = Sql.Raw(db.IsSqlite ? "+" : "");
        var moved = await db.ReadAsync(
            new Sql(db.IsSqlite).Add(
                $"""
                UPDATE invitations SET delivery = r.new_delivery, delivery_reason = r.reason
                FROM {list}
                WHERE organization_id = r.organization AND id = r.invitation AND NOT EXISTS (
                    SELECT 1 FROM outbox_messages n WHERE n.organization_id = r.organization
                        AND n.invitation_id = r.invitation AND n.kind = 'invitation'
                        AND {notByKey}n.id > r.message)
                RETURNING id
                """),
            row => row.Id(0), ct);
        var invitations = moved.ToHashSet();
        return [.. moving.Where(r => invitations.Contains(r.Message.InvitationId!.Value)).Select(r => r.Message.Id)];
    }
}
