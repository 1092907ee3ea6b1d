using System.Net;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Data;

/// <summary>
/// What the writer guarantees of a unit's rows: all or none, none over a change that the unit has not seen, and in an
/// order that the unique indexes allow.
/// </summary>
public sealed class WriterTests(UsherApp app)
{
    public static TheoryData<string> Things => [
        "member", "invitation", "group", "role", "resource", "api key", "service account", "settings",
    ];

    [Theory]
    [MemberData(nameof(Things))]
    public async Task Of_eight_changes_at_once_to_the_same_version_exactly_one_is_made(string thing)
    {
        var org = await app.CreateOrganizationAsync();
        var path = await MakeAsync(org, thing);
        var before = (await org.GetAsync(path)).Headers.ETag!.ToString();
        var answers = await AtOnceAsync(8, i =>
            org.SendAsync(HttpMethod.Patch, path, Change(thing, $"Name {i}"), ifMatch: before));
        var made = Assert.Single(answers, a => a.StatusCode is HttpStatusCode.OK);
        Assert.All(
            answers.Where(a => a != made), a => Assert.Equal(HttpStatusCode.PreconditionFailed, a.StatusCode));
        var after = await org.GetAsync(path);
        Assert.Equal(made.Headers.ETag, after.Headers.ETag);
        Assert.NotEqual(before, after.Headers.ETag!.ToString());
        Assert.Equal(await TextAsync(made), await TextAsync(after));

        // The mail of an invitation may leave in between.
        static async Task<string> TextAsync(HttpResponseMessage answer) => (await answer.Content.ReadAsStringAsync(Ct))
            .Replace("\"state\":\"queued\"", "\"state\":\"sent\"", StringComparison.Ordinal);
    }

    // Without If-Match each is made, one after the other: none is lost and none is a fault.
    [Theory]
    [MemberData(nameof(Things))]
    public async Task Eight_changes_at_once_without_a_condition_are_all_made(string thing)
    {
        var org = await app.CreateOrganizationAsync();
        var path = await MakeAsync(org, thing);
        var version = Version(await org.GetAsync(path));
        var answers = await AtOnceAsync(8, i => org.PatchAsync(path, Change(thing, $"Name {i}")));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.StatusCode));
        Assert.Equal(version + 8, Version(await org.GetAsync(path)));
    }

    [Theory]
    [MemberData(nameof(Things))]
    public async Task A_change_at_the_same_time_as_the_deletion_is_made_before_it_or_finds_nothing(string thing)
    {
        if (thing is "settings" or "invitation") return; // neither can be deleted
        var org = await app.CreateOrganizationAsync();
        for (var round = 0; round < 6; round++)
        {
            var path = await MakeAsync(org, thing);
            var answers = await AtOnceAsync(5, i =>
                i is 2 ? org.DeleteAsync(path) : org.PatchAsync(path, Change(thing, $"Name {i}")));
            Assert.True(answers[2].IsSuccessStatusCode, await answers[2].Content.ReadAsStringAsync(Ct));
            Assert.All(answers.Where((_, i) => i is not 2), a => Assert.Contains(
                a.StatusCode, new[] { HttpStatusCode.OK, HttpStatusCode.NotFound }));
            Assert.Equal(HttpStatusCode.NotFound, (await org.GetAsync(path)).StatusCode);
        }
    }

    // What is written apart, without a version, is no reason to fail: the last use of a key that is deleted meanwhile.
    [Fact]
    public async Task The_last_use_of_a_key_that_was_deleted_meanwhile_is_nothing_to_write()
    {
        var org = await app.CreateOrganizationAsync();
        var (kept, gone) = (
            (await org.CreateKeyAsync(org.Owner, org.Created.Owner.Id)).Value.Key,
            (await org.CreateKeyAsync(org.Owner, org.Created.Owner.Id)).Value.Key);
        var now = TimeProvider.System.Now();
        await app.WriteAsync(async unit =>
        {
            foreach (var key in await unit.Db.ApiKeys.Where(k => k.OrganizationId == org.Id).ToListAsync(Ct))
                key.LastUsedAt = now;
            await app.QueryAsync(other => other.ApiKeys.Where(k => k.Id == gone.Id).ExecuteDeleteAsync(Ct));
            Assert.False(unit.IsLocked);
            return true;
        }, Ct);
        var used = await app.QueryAsync(db =>
            db.ApiKeys.Where(k => k.OrganizationId == org.Id).ToDictionaryAsync(k => k.Id, k => k.LastUsedAt, Ct));
        Assert.Equal(now, used[kept.Id]);
        Assert.False(used.ContainsKey(gone.Id));
    }

    // A gives its name to B and gets B's; A to B to C to D; A to B to C to A.
    [Theory]
    [InlineData(2, true)]
    [InlineData(3, true)]
    [InlineData(3, false)]
    [InlineData(5, false)]
    public async Task Rows_of_one_unit_may_exchange_and_pass_on_their_unique_values(int count, bool inACircle)
    {
        var org = await app.CreateOrganizationAsync();
        foreach (var backwards in new[] { false, true })
        {
            List<(Guid Role, Guid Member)> rows = [];
            for (var i = 0; i < count; i++)
                rows.Add((
                    (await org.RoleAsync(NewEmail("role"))).Id, (await org.InviteAsync(NewEmail("member"))).Id));
            var before = await NamesAsync();
            await app.WriteAsync(async unit =>
            {
                Assert.False(unit.IsLocked); // no attempt is lost
                var order = Enumerable.Range(0, count);
                foreach (var i in backwards ? order.Reverse() : order)
                {
                    var role = await unit.Db.Roles.SingleAsync(r => r.Id == rows[i].Role, Ct);
                    var member = await unit.Db.Members.SingleAsync(m => m.Id == rows[i].Member, Ct);
                    (role.NameKey, member.Identifier) = Next(i);
                }

                return true;
            }, Ct);
            Assert.Equal(Enumerable.Range(0, count).Select(Next), await NamesAsync());

            (string Role, string Member) Next(int i) =>
                i + 1 < count ? before[i + 1]
                : inACircle ? before[0]
                : ("new" + before[i].Role, "new" + before[i].Member);

            async Task<List<(string Role, string Member)>> NamesAsync()
            {
                var (roles, members) = await app.QueryAsync(async db => (
                    await db.Roles.Where(r => r.OrganizationId == org.Id)
                        .ToDictionaryAsync(r => r.Id, r => r.NameKey, Ct),
                    await db.Members.Where(m => m.OrganizationId == org.Id)
                        .ToDictionaryAsync(m => m.Id, m => m.Identifier, Ct)));
                return [.. rows.Select(r => (roles[r.Role], members[r.Member]))];
            }
        }
    }

    // On PostgreSQL so many are copied.
    [Fact]
    public async Task Of_a_hundred_new_members_of_which_one_has_a_taken_address_none_is_stored()
    {
        var org = await app.CreateOrganizationAsync();
        var taken = (await org.InviteAsync(NewEmail("ada"), sendMail: false)).Identifier;
        var before = await CountAsync();
        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => app.WriteAsync(async unit =>
        {
            var graph = await unit.Db.Organizations.AsNoTracking().SingleAsync(o => o.Id == org.Id, Ct);
            for (var i = 0; i < 100; i++)
            {
                var member = unit.Add(New(org, i is 70 ? taken : NewEmail("bob"), 1_000_000_000 + i));
                member.Give("ingestion", org.System, member.CreatedAt);
                unit.Add(Core.Events.UsherEvent.Record(
                    Core.Events.EventTypes.MemberInvited, org.System, "member", member.Id, member.CreatedAt));
            }

            return graph.Version;
        }, Ct));
        Assert.Equal(before, await CountAsync());
        await org.AssertAgreesAsync();

        Task<(int, int, int)> CountAsync() => app.QueryAsync(async db => (
            await db.Members.CountAsync(m => m.OrganizationId == org.Id, Ct),
            await db.MemberGrants.CountAsync(g => g.OrganizationId == org.Id, Ct),
            await db.Events.CountAsync(e => e.OrganizationId == org.Id, Ct)));
    }

    [Fact]
    public async Task Batches_of_a_hundred_at_once_with_the_same_addresses_invite_each_once()
    {
        var org = await app.CreateOrganizationAsync();
        string[] addresses = [.. Enumerable.Range(0, 250).Select(i => NewEmail($"p{i}"))];
        var outcomes = await AtOnceAsync(4, i => org.TryInviteAsync(
            [.. addresses.Skip(i * 50).Take(100).Select(a => new NewInvitation(a) { Permissions = ["ingestion"] })]));
        Assert.All(
            outcomes.SelectMany(o => o),
            o => Assert.True(o.Error is null || o.Error.Is(InvitationErrors.AlreadyInvited), o.Error?.Code));
        Assert.Equal(250, outcomes.SelectMany(o => o).Count(o => o.Error is null));
        Assert.Equal(
            addresses.Order(StringComparer.Ordinal),
            (await org.MembersAsync()).Select(m => m.Identifier).Where(addresses.Contains)
                .Order(StringComparer.Ordinal));
        Assert.Equal(250, (await org.OutboxAsync()).Count);
        await org.AssertAgreesAsync();
        await org.AssertEveryChangeHasItsEventAsync();
    }

    private static Member New(TestOrganization org, string identifier, long number) => new()
    {
        OrganizationId = org.Id, Id = Guid.NewGuid(), Number = number, Identifier = identifier, Email = identifier,
        Kind = MemberKind.Person, Status = MemberStatus.Invited, CreatedAt = TimeProvider.System.Now(),
    };

    private static async Task<string> MakeAsync(TestOrganization org, string thing) => thing switch
    {
        "member" => "members/mem_" + ShortId.Of((await org.ActiveAsync(NewEmail("ada"))).Member.Id),
        "invitation" => await org.MakeAsync("invitations", new { email = NewEmail("ada") }),
        "settings" => "settings",
        "api key" => await org.MakeAsync("api-keys", new { name = "k" }),
        _ => await org.MakeAsync(thing.Replace(' ', '-') + "s", new { name = Guid.NewGuid().ToString("N") }),
    };

    private static object Change(string thing, string name) => thing switch
    {
        "member" or "invitation" => new { firstName = name }, "service account" => new { description = name },
        _ => new { name },
    };

    // "12", or of an invitation "3.12" with its member's version
    private static int Version(HttpResponseMessage answer) =>
        int.Parse(
            answer.Headers.ETag!.Tag.Trim('"').Split('.')[^1], System.Globalization.CultureInfo.InvariantCulture);
}
