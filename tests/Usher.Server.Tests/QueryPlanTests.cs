using System.Data.Common;
using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests;

/// <summary>
/// What every request asks must cost the same in an organization of ten and of a million. Planned on a server that does
/// nothing by itself.
/// </summary>
public sealed partial class QueryPlanTests(ClockedApp quiet) : IClassFixture<ClockedApp>
{
    private readonly UsherApp app = quiet.App;

    [Fact]
    public async Task What_every_request_asks_is_answered_by_indexes()
    {
        var org = await app.CreateOrganizationAsync();
        var (group, role) = (await org.CreateGroupAsync(new("G")), await org.CreateRoleAsync("R"));
        var asked = await AskedAsync(async () =>
        {
            await org.Admin.GetAsync("/v1/api-keys", Ct);
            await org.TryInviteAsync(NewEmail("ada"), row => row with
            {
                Groups = [Reference.To(group.Id)], Roles = [Reference.To(role.Id)],
                Levels = [new(Reference.To(org.Created.Resources[0].Id), AccessLevel.Full)],
            }, by: org.Owner);
            await org.Admin.GetAsync($"/users/{org.Created.Owner.Number}", Ct);
            foreach (var details in new[] { MemberDetails.None, MemberDetails.Reached | MemberDetails.Credentials })
                await app.WithAsync<MemberService, Result<MemberView>>(m =>
                    m.GetAsync(org.Owner, new(Identifier: org.Created.Owner.Identifier), details, Ct));
        });

        var callers = asked.FindAll(a => a.Sql.Contains("FROM api_keys k", StringComparison.Ordinal));
        var graphs = asked.FindAll(a => a.Sql.Contains("SELECT o.definitions_stamp", StringComparison.Ordinal));
        Assert.Equal((2, 4), (callers.Count, graphs.Count));
        foreach (var (sql, parameters) in callers.Concat(graphs))
        {
            var plan = await PlanAsync(sql, parameters);
            Assert.Matches(
                TestDatabase.IsPostgres ? @"Index (Only )?Scan" : @"SEARCH (k|m) USING (COVERING )?INDEX",
                string.Join('\n', plan));
            Assert.DoesNotContain(plan, step => TableScan().IsMatch(step));

            // Nor all that one organization has, however few of a million rows PostgreSQL believes those to be.
            Assert.DoesNotMatch(
                @"Index (Only )?Scan [^\n]* on (members|invitations)\b[^\n]*\n"
                + @"\s*Index Cond: \(organization_id = [^()\n]*\)(\n|$)",
                string.Join('\n', plan));
        }
    }

    // Whom a role lets in is in no index: members are gone through in the page's order, from where it begins, until it
    // is full. All else is searched for.
    [Fact]
    public async Task Who_reaches_a_resource_is_answered_without_reading_other_organizations()
    {
        var org = await app.CreateOrganizationAsync();
        var resource = Reference.To(org.Created.Resources[0].Id);
        await org.CreateGroupAsync(new("Reaching") { Levels = [new(resource, AccessLevel.Full)] });
        var asked = await AskedAsync(async () =>
        {
            foreach (var after in new Guid?[] { null, org.Created.Owner.Id })
                await app.WithAsync<AccessService, Result<ResourceAudience>>(s =>
                    s.OfResourceAsync(org.Owner, resource, new(after, 50), false, Ct));
        });

        var pages = asked.FindAll(a =>
            a.Sql.Contains("FROM resource_access a WHERE", StringComparison.Ordinal)
                && a.Sql.Contains("FROM member_grants", StringComparison.Ordinal)
                || a.Sql.Contains("member_grants g ON", StringComparison.Ordinal));
        Assert.Equal(2, pages.Count);
        foreach (var ((sql, parameters), from) in pages.Zip(["", " AND id>?"]))
        {
            var plan = string.Join('\n', await PlanAsync(sql, parameters));
            if (TestDatabase.IsPostgres)
            {
                Assert.DoesNotMatch(@"Seq Scan on (members|groups|member_grants|resource_access)\b", plan);
                Assert.DoesNotMatch(
                    @"Index (Only )?Scan [^\n]*\b(ix|pk)_(members|groups|member_grants|resource_access)_?[^\n]*\n"
                    + @"(?!\s*Index Cond: [^\n]*\borganization_id\b)",
                    plan);
                Assert.Matches(
                    @"Index Cond: \(\(organization_id = [^\n]*\bresource_id = ", plan);
                continue;
            }

            // Each member is looked up in the searched tables by key: no group's members are read through.
            Assert.DoesNotMatch(@"SCAN (m|g|a)\b(?! LEFT-JOIN)|SEARCH (m|g|a) USING (?!.*\(organization_id=\?)", plan);
            Assert.Contains($"SEARCH m USING INDEX sqlite_autoindex_members_1 (organization_id=?{from})", plan);
            Assert.Contains(
                "SEARCH a USING INDEX ix_resource_access_organization_id_member_id_resource_id (organization_id=? "
                    + "AND member_id=? AND resource_id=?)",
                plan);
            Assert.Matches(@"SEARCH g USING .*\(organization_id=\? AND kind=\? AND target=\? AND member_id=\?\)", plan);
        }
    }

    [Fact]
    public async Task What_an_invited_person_does_is_answered_by_indexes()
    {
        var (email, org) = (NewEmail("ada"), await app.CreateOrganizationAsync());
        var ada = await (await app.CreateOrganizationAsync()).JoinedAsync(email);
        var (_, link) = await org.GuestAsync(email);
        var asked = await AskedAsync(async () =>
        {
            foreach (var what in new[] { "check", "accept" })
                Assert.Equal(
                    HttpStatusCode.OK,
                    (await app.GuestAsync(link, what, session: ada.Joined.Session!.Secret)).StatusCode);
        });

        var reads = asked.FindAll(a =>
            a.Sql.StartsWith("SELECT", StringComparison.Ordinal)
                && !a.Sql.Contains("SELECT o.definitions_stamp", StringComparison.Ordinal));
        Assert.Equal(6, reads.Count); // twice the session, the invitation and the accounts
        foreach (var (sql, parameters) in reads)
        {
            var plan = await PlanAsync(sql, parameters);
            Assert.DoesNotContain(
                plan,
                step =>
                    step.StartsWith("SCAN ", StringComparison.Ordinal)
                        || step.Contains("Seq Scan", StringComparison.Ordinal) || TableScan().IsMatch(step));
        }
    }

    [Fact]
    public async Task Mails_are_claimed_opened_and_recorded_by_indexes()
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var name in new[] { "ada", "bob", "eve" }) await org.InviteAsync(NewEmail(name));
        var asked = await AskedAsync(() => app.WithAsync<OutboxQueue, bool>(async queue =>
        {
            var claimed = await queue.ClaimAsync(100, Ct);
            Assert.InRange((await queue.OpenAsync(claimed, Ct)).Count, 3, 100);
            await queue.RecordAsync([.. claimed.Select(m => new OutboxResult(m, OutboxOutcome.Sent))], Ct);
            return true;
        }));

        // More than these five if mails of other tests are no longer wanted.
        Assert.True(asked.Count >= 5, $"{asked.Count}");
        foreach (var (sql, parameters) in asked)
        {
            var plan = await PlanAsync(sql, parameters);
            Assert.DoesNotContain(plan, step => TableScan().IsMatch(step));
            Assert.DoesNotMatch(
                @"(Seq Scan on|SCAN) (outbox_messages|invitations|members|i|m|n|s)\b", string.Join('\n', plan));

            // Nor all later messages of an organization.
            Assert.DoesNotMatch(
                @"\(organization_id=\? AND id>\?\)|Index Cond: [^\n]*\bid > ", string.Join('\n', plan));
        }
    }

    // All that is asked of the database meanwhile.
    private async Task<List<(string Sql, List<DbParameter> Parameters)>> AskedAsync(Func<Task> work)
    {
        List<(string Sql, List<DbParameter> Parameters)> asked = [];
        app.Commands.Executing = command =>
            asked.Add((command.CommandText, [.. command.Parameters.Cast<DbParameter>().Select(Copy)]));
        try
        {
            await work();
        }
        finally
        {
            app.Commands.Executing = null;
        }

        return asked;
    }

    private async Task<List<string>> PlanAsync(string sql, List<DbParameter> parameters) =>
        (await app.QueryAsync(async db =>
    {
        await db.Database.OpenConnectionAsync(Ct);
        await using var command = db.Database.GetDbConnection().CreateCommand();
        // taken back with what is changed in it
        await using var transaction = await db.Database.BeginTransactionAsync(Ct);
        command.Transaction = transaction.GetDbTransaction();
        if (TestDatabase.IsPostgres)
        {
            // What a table of a million rows says of itself. SQLite keeps no statistics, and so has one plan for any
            // size.
            command.CommandText =
                "UPDATE pg_class SET relpages = greatest(1, pg_relation_size(oid) / 8192), reltuples = 1000000 WHERE "
                    + "relkind = 'r' AND relnamespace = current_schema()::regnamespace";
            await command.ExecuteNonQueryAsync(Ct);
        }

        command.CommandText = (TestDatabase.IsPostgres ? "EXPLAIN " : "EXPLAIN QUERY PLAN ") + sql;
        command.Parameters.AddRange(parameters.ToArray());
        List<string> steps = [];
        await using (var reader = await command.ExecuteReaderAsync(Ct))
            while (await reader.ReadAsync(Ct)) steps.Add(reader.GetString(reader.FieldCount - 1));
        return steps;
    }))!;

    private static DbParameter Copy(DbParameter parameter) =>
        parameter is NpgsqlParameter npgsql
            ? npgsql.Clone()
            : new SqliteParameter(parameter.ParameterName, parameter.Value)
            {
                SqliteType = ((SqliteParameter)parameter).SqliteType,
            };

    // SQLite names a table by its alias in the statement: k key, m member, p permission, gm and rm places in groups and
    // roles, i invitation, a level. To search one by its organization alone is to read all of the organization.
    [GeneratedRegex(
        @"^SCAN (k|m|p|gm|rm|rg|i|a|o|api_keys|members|invitations|organizations)\b"
        + @"|^SEARCH (m|p|gm|rm|rg|i|a|members) USING .*\(organization_id=\?( AND status=\?)?\)"
        + @"|Seq Scan on (api_keys|members|member_permissions|group_members|role_members|invitations"
        + @"|resource_access|organizations)\b",
        RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex TableScan();
}
