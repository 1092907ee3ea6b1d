using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Data.Sqlite;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests;

/// <summary>
/// Rows that are added, on SQLite changed ones too, go past EF and there in a commit that others share: all of a save's
/// or none, and nobody's for another's fault.
/// </summary>
public sealed class SharedCommitTests
{
    [Fact]
    public async Task Saves_that_wait_share_one_commit_and_one_that_is_refused_takes_back_its_own_alone()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        var org = await app.CreateOrganizationAsync();
        var taken = Event(org);
        await SaveAsync(app, Ct, taken);
        app.Commands.Total.Take();

        // Whoever holds the turn lets all of them gather; on PostgreSQL nobody waits for it.
        var saves = Enumerable.Range(0, 20)
            .Select(i => i % 5 is 0 ? new[] { Event(org), Event(org, taken.Id) } : [Event(org), Event(org)]).ToArray();
        Task<Exception?>[] running;
        using (await app.Services.GetRequiredService<WriteGate>().EnterAsync(Ct))
        {
            running = [.. saves.Select(rows => Record.ExceptionAsync(() => SaveAsync(app, Ct, rows)).AsTask())];
            await Task.Delay(TestDatabase.IsPostgres ? 0 : 500, Ct);
        }

        var refused = await Task.WhenAll(running);
        Assert.All(
            refused.Index().Where(r => r.Index % 5 is 0), r => Assert.IsType<DbUpdateConcurrencyException>(r.Item));
        Assert.All(refused.Index().Where(r => r.Index % 5 is not 0), r => Assert.Null(r.Item));
        if (!TestDatabase.IsPostgres) Assert.Equal(1, app.Commands.Total.Commits);
        var stored = (await org.EventsAsync()).Select(e => e.Id).ToHashSet();
        Assert.Equal(
            [.. Enumerable.Range(0, 20).Select(i => i % 5 is not 0)],
            saves.Select(rows => stored.Contains(rows[0].Id)));
    }

    [Fact]
    public async Task A_save_of_thousands_of_rows_whose_last_one_is_refused_stores_none_and_the_next_one_is_stored()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        var org = await app.CreateOrganizationAsync();
        var taken = Event(org);
        await SaveAsync(app, Ct, taken);
        var before = (await org.EventsAsync()).Count;

        UsherEvent[] rows = [.. Enumerable.Range(0, 3_000).Select(_ => Event(org))];
        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() =>
            SaveAsync(app, Ct, [.. rows, Event(org, taken.Id)]));
        Assert.Equal(before, (await org.EventsAsync()).Count);
        await SaveAsync(app, Ct, rows);
        Assert.Equal(before + rows.Length, (await org.EventsAsync()).Count);
    }

    [Fact]
    public async Task A_change_with_many_rows_beside_it_is_one_save_and_refused_as_one()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        var org = await app.CreateOrganizationAsync();
        var taken = Event(org);
        await SaveAsync(app, Ct, taken);
        var before = (await org.EventsAsync()).Count;
        Task<int> RenameAsync(string name, params UsherEvent[] rows) => app.WriteAsync(async unit =>
        {
            (await unit.Db.Organizations.SingleAsync(o => o.Id == org.Id, Ct)).Name = name;
            unit.AddRange(rows);
            return 0;
        }, Ct);
        Task<string> NameAsync() =>
            app.QueryAsync(db => db.Organizations.Where(o => o.Id == org.Id).Select(o => o.Name).SingleAsync(Ct));

        UsherEvent[] rows = [.. Enumerable.Range(0, 100).Select(_ => Event(org))];
        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() =>
            RenameAsync("Lost", [.. rows, Event(org, taken.Id)]));
        Assert.Equal((before, false), ((await org.EventsAsync()).Count, await NameAsync() is "Lost"));
        app.Commands.Total.Take();
        await RenameAsync("Kept", rows);
        Assert.Equal([101], app.Commands.Total.Batches); // the organization with its stamp, and the events
        Assert.Equal((before + 100, "Kept"), ((await org.EventsAsync()).Count, await NameAsync()));
    }

    [Fact]
    public async Task Changes_share_a_commit_and_of_two_to_the_same_row_one_is_refused_with_what_it_adds()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        TestOrganization[] orgs = [
            await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync(),
            await app.CreateOrganizationAsync(),
        ];
        app.Commands.Total.Take();

        // All have read before any of them saves, and on SQLite they wait for the turn together.
        var (toRead, allRead) = (4, new TaskCompletionSource());
        var events = orgs.Append(orgs[0]).Select(org => (Org: org, Row: Event(org))).ToArray();
        Task<Exception?>[] running;
        using (await app.Services.GetRequiredService<WriteGate>().EnterAsync(Ct))
        {
            running = [.. events.Select(e => Record.ExceptionAsync(() => app.WriteAsync(async unit =>
            {
                if (unit.IsLocked) throw new DbUpdateConcurrencyException(); // it would do well there
                var row = await unit.Db.Organizations.SingleAsync(o => o.Id == e.Org.Id, Ct);
                if (Interlocked.Decrement(ref toRead) is 0) allRead.SetResult();
                await allRead.Task.WaitAsync(Ct);
                row.Name = $"By {e.Row.Id}";
                return unit.Add(e.Row);
            }, Ct)).AsTask())];
            await Task.Delay(TestDatabase.IsPostgres ? 0 : 500, Ct);
        }

        var refused = await Task.WhenAll(running);
        Assert.IsType<DbUpdateConcurrencyException>(Assert.Single(refused, e => e is not null));
        Assert.True(refused[0] is null ^ refused[3] is null);
        if (!TestDatabase.IsPostgres) Assert.Equal(1, app.Commands.Total.Commits);
        foreach (var ((org, row), error) in events.Zip(refused))
        {
            Assert.Equal(error is null, (await org.EventsAsync()).Exists(e => e.Id == row.Id));
            Assert.Equal(
                error is null,
                await app.QueryAsync(db =>
                    db.Organizations.AnyAsync(o => o.Id == org.Id && o.Name == $"By {row.Id}", Ct)));
        }
    }

    [Fact]
    public async Task A_change_to_a_row_that_is_gone_is_refused_with_what_it_adds()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        var org = await app.CreateOrganizationAsync();
        var lost = Event(org);
        var groups = await MakeGroupsAsync(app, org, "One", "Two");
        await Assert.ThrowsAsync<InvalidOperationException>(() => app.WriteAsync(async unit =>
        {
            // Under lock it is not found any more.
            var group = await unit.Db.Groups.SingleAsync(g => g.OrganizationId == org.Id && g.Id == groups[0], Ct);
            await app.QueryAsync(other => other.Groups.Where(g => g.Id == group.Id).ExecuteDeleteAsync(Ct));
            group.Description = "Changed";
            return unit.Add(lost);
        }, Ct));
        Assert.DoesNotContain(await org.EventsAsync(), e => e.Id == lost.Id);
    }

    [Fact]
    public async Task One_row_may_take_the_name_another_gives_up_in_the_same_save()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        var org = await app.CreateOrganizationAsync();
        var groups = await MakeGroupsAsync(app, org, "One", "Two");
        await app.WriteAsync(async unit =>
        {
            var found = await unit.Db.Groups.Where(g => groups.Contains(g.Id)).ToDictionaryAsync(g => g.Id, Ct);
            found[groups[1]].NameKey = "three";
            found[groups[0]].NameKey = "two";
            return true;
        }, Ct);
        var keys = await app.QueryAsync(db =>
            db.Groups.Where(g => groups.Contains(g.Id)).ToDictionaryAsync(g => g.Id, g => g.NameKey, Ct));
        Assert.Equal(("two", "three"), (keys[groups[0]], keys[groups[1]]));
    }

    [FactIn(Runs.OnSqlite)]
    public async Task A_caller_that_gives_up_while_it_waits_stores_nothing()
    {
        await using var app = await UsherApp.StartAsync([], workers: false);
        var org = await app.CreateOrganizationAsync();
        using var patience = new CancellationTokenSource();
        var (lost, kept) = (Event(org), Event(org));
        Task giving, staying;
        using (await app.Services.GetRequiredService<WriteGate>().EnterAsync(Ct))
        {
            giving = SaveAsync(app, patience.Token, lost);
            staying = SaveAsync(app, Ct, kept);
            await Task.Delay(200, Ct);
            await patience.CancelAsync();
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => giving);
        await staying;
        var stored = (await org.EventsAsync()).Select(e => e.Id).ToList();
        Assert.Contains(kept.Id, stored);
        Assert.DoesNotContain(lost.Id, stored);
    }

    private static async Task<Guid[]> MakeGroupsAsync(UsherApp app, TestOrganization org, params string[] names)
    {
        var now = TimeProvider.System.GetUtcNow();
        Group[] groups = [
            .. names.Select(name =>
                new Group
                {
                    OrganizationId = org.Id, Id = Uuid.Create(now), Name = name, NameKey = Text.Key(name),
                    CreatedAt = now,
                })];
        await app.WriteAsync(unit =>
        {
            unit.AddRange(groups);
            return Task.FromResult(true);
        }, Ct);
        return [.. groups.Select(g => g.Id)];
    }

    private static UsherEvent Event(TestOrganization org, Guid? id = null)
    {
        var made = UsherEvent.Record(
            EventTypes.GroupUpdated, Actor.System(org.Id), "group", Guid.NewGuid(), TimeProvider.System.GetUtcNow(),
            new() { ["a"] = "b" });
        if (id is not { } taken) return made;
        return new()
        {
            OrganizationId = made.OrganizationId, Id = taken, Type = made.Type, ActorKind = made.ActorKind,
            ActorId = made.ActorId, SubjectKind = made.SubjectKind, SubjectId = made.SubjectId,
            OccurredAt = made.OccurredAt,
        };
    }

    private static Task SaveAsync(UsherApp app, CancellationToken ct, params UsherEvent[] rows) =>
        app.WriteAsync(unit =>
    {
        unit.AddRange(rows);
        return Task.FromResult(true);
    }, ct);
}
