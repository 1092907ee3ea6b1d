using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// A change, its mail and its event commit together. Here the database refuses the event, last of all, of whatever is
/// about an address with "doomed" in it.
/// </summary>
public sealed class AtomicityTests
{
    private static readonly string[] SqliteTrigger =
    [
        """
        CREATE TRIGGER doomed BEFORE INSERT ON events WHEN NEW.details LIKE '%doomed%'
        BEGIN SELECT RAISE(ABORT, 'refused by the test'); END
        """,
    ];

    private static readonly string[] PostgresTrigger =
    [
        """
        CREATE FUNCTION doomed() RETURNS trigger LANGUAGE plpgsql AS
        $f$ BEGIN IF NEW.details LIKE '%doomed%' THEN RAISE EXCEPTION 'refused by the test'; END IF; RETURN NEW; END $f$
        """,
        "CREATE TRIGGER doomed BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION doomed()",
    ];

    [Fact]
    public async Task When_the_save_fails_nothing_of_any_operation_is_seen()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        var org = await app.CreateOrganizationAsync();
        await app.WithAsync<OrganizationService, Result<Organization>>(s => s.SetSeatLimitAsync(org.System, 100, Ct));
        var (pending, link) = await org.GuestAsync(NewEmail("doomed"));
        var (active, removed) = (
            await org.JoinedAsync(NewEmail("doomed")), (await org.TryInviteAsync(NewEmail("doomed"))).Value.Member);
        await org.RemoveAsync(org.Owner, removed.Id);
        foreach (var sql in TestDatabase.IsPostgres ? PostgresTrigger : SqliteTrigger)
            await app.QueryAsync(db => db.Database.ExecuteSqlRawAsync(sql, Ct));
        var before = await SnapshotAsync(app);

        Func<Task>[] operations =
        [
            () => org.TryInviteAsync(NewEmail("doomed"), by: org.Owner),
            () =>
                org.TryInviteAsync(
                    [
                        new(NewEmail("ada")) { Permissions = [] }, new(NewEmail("doomed")) { Permissions = [] },
                        new(NewEmail("bob")) { Permissions = [] },
                    ]),
            () => org.TryInviteAsync(pending.Identifier, row => row with { Permissions = ["ingestion"] }, how: Refresh),
            () => org.TryInviteAsync(removed.Identifier, how: Refresh),
            () => org.ResendAsync(org.Owner, pending),
            () => org.RemoveAsync(org.Owner, pending.Id),
            () => org.RemoveAsync(org.Owner, active.Member.Id),
            () => org.CreateKeyAsync(org.Owner, active.Member.Id),
            () => app.JoinAsync(link),
            () => app.DeclineAsync(link),
        ];
        foreach (var operation in operations)
        {
            Assert.IsAssignableFrom<System.Data.Common.DbException>(await Record.ExceptionAsync(operation));
            Assert.Equal(before, await SnapshotAsync(app));
        }

        // Neither is anything of them left behind for whoever comes next, seats least of all.
        for (var i = 0; i < 3; i++) Assert.Null((await org.TryInviteAsync(NewEmail("ada"))).Error);
        var row = await org.RowAsync();
        Assert.Equal((await org.MembersAsync()).Count(m => m.TakesSeat), row.SeatsUsed);
    }

    // What no operation may leave half done.
    private static Task<string> SnapshotAsync(UsherApp app) => app.QueryAsync(async db => string.Join('\n',
        "members " + string.Join(' ', await db.Members.OrderBy(m => m.Id)
            .Select(m => $"{m.Id}/{m.Version}/{m.Status}").ToListAsync(Ct)),
        "invitations " + string.Join(' ', await db.Invitations.OrderBy(i => i.Id)
            .Select(i => $"{i.Id}/{i.Version}/{i.Status}/{i.SentCount}").ToListAsync(Ct)),
        $"secrets {await db.InvitationSecrets.CountAsync(Ct)}, outbox {await db.OutboxMessages.CountAsync(Ct)}, "
            + $"grants {await db.MemberGrants.CountAsync(Ct)}",
        $"events {await db.Events.CountAsync(Ct)}",
        $"users {await db.Users.CountAsync(Ct)}, sessions {await db.Sessions.CountAsync(Ct)}, keys "
            + $"{await db.ApiKeys.CountAsync(Ct)}",
        $"seats {string.Join(' ', await db.Organizations.Select(o => o.SeatsUsed).ToListAsync(Ct))}"));
}
