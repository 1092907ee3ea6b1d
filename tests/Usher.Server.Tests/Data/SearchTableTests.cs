using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Data;

/// <summary>
/// The table by which members are searched and counted is written with every change of what they hold. After hundreds
/// of random changes it is what a rebuild from the members' rows would give.
/// </summary>
public sealed class SearchTableTests
{
    private const int AtATime = 4;

    [Fact]
    public async Task After_hundreds_of_changes_four_at_a_time_search_table_seats_and_events_agree_with_the_rows()
    {
        var seed = int.TryParse(
            Environment.GetEnvironmentVariable("USHER_TEST_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : Random.Shared.Next();
        var steps = Environment.GetEnvironmentVariable("USHER_TEST_LONG") is "1" ? 2_500 : 100;
        await using var app = await UsherApp.StartAsync([], workers: false);
        var org = await app.CreateOrganizationAsync();
        await app.WithAsync<OrganizationService, Result<Organization>>(s => s.SetSeatLimitAsync(org.System, 45, Ct));
        Crowd crowd = new(org);
        try
        {
            await AtOnceAsync(AtATime, async i =>
            {
                Random random = new(unchecked(seed + i));
                for (var step = 0; step < steps; step++) await crowd.StepAsync(random);
                return true;
            });
            while (await app.WithAsync<MemberGrantSweep, bool>(s => s.RunAsync(Ct))) continue;
            await org.AssertAgreesAsync();
            await org.AssertEveryChangeHasItsEventAsync();
            await crowd.AssertCountsAsync();
            Assert.True(crowd.Done.Count >= 14, $"Only these were ever accepted: {string.Join(", ", crowd.Done.Keys)}");
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"USHER_TEST_SEED={seed}: {e.Message}", e);
        }
    }

    /// <summary>Random changes to one organization through its API.</summary>
    private sealed class Crowd(TestOrganization org)
    {
        private static readonly string[] Permissions =
            ["ingestion", "log_management", "alerts_management", "embedded_charts"];

        private readonly string[] addresses = [.. Enumerable.Range(0, 60).Select(i => NewEmail($"person{i}"))];
        private readonly Pool members = new();
        private readonly Pool groups = new();
        private readonly Pool roles = new();
        private readonly Pool invitations = new();
        private readonly ConcurrentQueue<(string Slug, Guid Id, string Secret)> links = new();

        public ConcurrentDictionary<string, int> Done { get; } = [];

        // How often each is done, of all.
        private readonly List<(string Kind, int Weight, Func<Crowd, Random, Task<bool>> Do)> steps =
        [
            ("invite", 24, (c, r) => c.InviteAsync(r)), ("invite several", 3, (c, r) => c.InviteSeveralAsync(r)),
            ("import", 3, (c, r) => c.ImportAsync(r)), ("edit", 16, (c, r) => c.EditAsync(r)),
            ("accept", 6, (c, r) => c.AcceptAsync()), ("resend", 6, (c, r) => c.ToInvitationAsync(r, "resend")),
            ("revoke", 6, (c, r) => c.ToInvitationAsync(r, "revoke")), ("remove", 6, (c, r) => c.RemoveAsync(r)),
            ("make group", 8, (c, r) => c.MakeGroupAsync(r)), ("edit group", 6, (c, r) => c.EditGroupAsync(r)),
            ("move", 8, (c, r) => c.MoveAsync(r, "groups/", c.groups)),
            ("delete group", 4, (c, r) => c.DeleteAsync(r, "groups/", c.groups)),
            ("make role", 5, (c, r) => c.MakeRoleAsync(r)), ("edit role", 3, (c, r) => c.EditRoleAsync(r)),
            ("assign", 6, (c, r) => c.MoveAsync(r, "roles/", c.roles)),
            ("delete role", 3, (c, r) => c.DeleteAsync(r, "roles/", c.roles)), ("sweep", 4, (c, r) => c.SweepAsync()),
        ];

        public async Task StepAsync(Random random)
        {
            var chosen = random.Next(steps.Sum(s => s.Weight));
            var step = steps.First(s => (chosen -= s.Weight) < 0);
            if (await step.Do(this, random)) Done.AddOrUpdate(step.Kind, 1, (_, count) => count + 1);
        }

        /// <summary>What the API says of the number of members is what the members' rows say.</summary>
        public async Task AssertCountsAsync()
        {
            var live = (await org.MembersAsync()).Where(m => m.IsLive).ToList();
            foreach (var group in await org.PagesAsync("groups", 100))
            {
                if (group.GetProperty("systemKind").GetString() is not "none") continue;
                var id = ShortId.Parse(group.GetProperty("id").GetString()!["grp_".Length..])!.Value;
                Assert.Equal(live.Count(m => m.Groups.Contains(id)), group.GetProperty("memberCount").GetInt32());
            }
        }

        private Task<bool> InviteAsync(Random random) => LearnAsync(org.PostAsync("invitations", new
        {
            email = random.Of(addresses), permissions = Some(random, Permissions), groups = groups.Some(random),
            roles = roles.Some(random), delivery = random.Next(2) is 0 ? "link" : "email",
        }), answer =>
        {
            var invitation = answer.GetProperty("invitation");
            members.Add(invitation.GetProperty("memberId").GetString()!);
            invitations.Add(invitation.GetProperty("id").GetString()!);
            if (answer.GetProperty("link").GetString() is not { } url) return;
            var link = Secrets.Link().Match(url);
            links.Enqueue(
                (link.Groups["slug"].Value, Guid.Parse(link.Groups["id"].Value), link.Groups["secret"].Value));
        });

        private Task<bool> InviteSeveralAsync(Random random) => LearnAsync(org.Admin.SendAsync(
            HttpMethod.Post, "/api/v2/user/invite", Enumerable.Range(0, 4).Select(_ => new
            {
                emailAddress = random.Of(addresses), groups = Some(random, Permissions),
                userGroups = Array.Empty<string>(), roles = Array.Empty<string>(),
            })));

        private async Task<bool> ImportAsync(Random random)
        {
            var started = await LearnAsync(org.PostAsync("imports", new
            {
                rows = Enumerable.Range(0, 6).Select(_ => new
                {
                    email = random.Of(addresses), groups = groups.Some(random), roles = roles.Some(random),
                }),
            }));
            await org.App.DrainAsync();
            return started;
        }

        private Task<bool> EditAsync(Random random)
        {
            if (members.One(random) is not { } member) return Task.FromResult(false);
            object change = random.Next(5) switch
            {
                0 => new { permissions = Some(random, Permissions) },
                1 => new { groups = groups.Some(random) },
                2 => new { roles = roles.Some(random), lastName = $"L{random.Next(5)}" },
                3 => new { levels = new[] { new { resource = "staging", level = random.Of("none", "full") } } },
                _ => new { suspended = random.Next(2) is 0 },
            };
            return LearnAsync(org.PatchAsync($"members/{member}", change));
        }

        private async Task<bool> AcceptAsync()
        {
            if (!links.TryDequeue(out var link)) return false;
            var answer = await org.App.GuestAsync(
                new(link.Slug, link.Id, link.Secret), "accept",
                new { code = link.Secret, firstName = "A", lastName = "B", password = TestOrganization.Password });
            return await LearnAsync(Task.FromResult(answer));
        }

        private Task<bool> ToInvitationAsync(Random random, string what) =>
            invitations.Newest(random) is { } invitation
                ? LearnAsync(org.PostAsync($"invitations/{invitation}/{what}"))
                : Task.FromResult(false);

        private Task<bool> RemoveAsync(Random random) =>
            members.Take(random) is { } member
                ? LearnAsync(org.DeleteAsync($"members/{member}"))
                : Task.FromResult(false);

        private Task<bool> MakeGroupAsync(Random random) => LearnAsync(org.PostAsync("groups", new
        {
            name = $"G{random.Next(40)}", permissions = Some(random, Permissions), roles = roles.Some(random),
            members = members.Some(random), isDefault = random.Next(6) is 0,
        }), answer => groups.Add(answer.GetProperty("id").GetString()!));

        private Task<bool> EditGroupAsync(Random random) =>
            groups.One(random) is { } group
                ? LearnAsync(org.PatchAsync(
                    $"groups/{group}",
                    new { permissions = Some(random, Permissions), roles = roles.Some(random) }))
                : Task.FromResult(false);

        private Task<bool> MakeRoleAsync(Random random) => LearnAsync(org.PostAsync(
            "roles", new { name = $"R{random.Next(40)}", permissions = Some(random, Permissions) }), answer =>
            roles.Add(answer.GetProperty("id").GetString()!));

        private Task<bool> EditRoleAsync(Random random) =>
            roles.One(random) is { } role
                ? LearnAsync(org.PatchAsync($"roles/{role}", new { permissions = Some(random, Permissions) }))
                : Task.FromResult(false);

        private Task<bool> MoveAsync(Random random, string below, Pool of)
        {
            if (of.One(random) is not { } id) return Task.FromResult(false);
            var (add, remove) = (members.Some(random), members.Some(random));
            return LearnAsync(org.PostAsync(
                $"{below}{id}/members", new { add = add.Except(remove), remove = remove.Except(add) }));
        }

        private Task<bool> DeleteAsync(Random random, string below, Pool of) =>
            of.Take(random) is { } id ? LearnAsync(org.DeleteAsync(below + id)) : Task.FromResult(false);

        private async Task<bool> SweepAsync()
        {
            await org.App.WithAsync<MemberGrantSweep, bool>(s => s.RunAsync(Ct));
            return true;
        }

        private static string[] Some(Random random, string[] of) => [.. of.Where(_ => random.Next(3) is 0)];

        // A refusal says that another was first or that there is no seat; a fault of the server is never right.
        private static async Task<bool> LearnAsync(Task<HttpResponseMessage> sent, Action<JsonElement>? learn = null)
        {
            using var answer = await sent;
            var text = await answer.Content.ReadAsStringAsync(Ct);
            Assert.True((int)answer.StatusCode is < 500 and not (401 or 403), $"{(int)answer.StatusCode} {text}");
            if (answer.IsSuccessStatusCode) learn?.Invoke(JsonElement.Parse(text));
            return answer.IsSuccessStatusCode;
        }
    }

    /// <summary>Ids to choose from, also of what is gone meanwhile.</summary>
    private sealed class Pool
    {
        private readonly List<string> ids = [];

        public void Add(string id)
        {
            lock (ids) ids.Add(id);
        }

        public string? One(Random random)
        {
            lock (ids) return ids is [] ? null : ids[random.Next(ids.Count)];
        }

        public string? Newest(Random random)
        {
            lock (ids) return ids is [] ? null : ids[^random.Next(1, Math.Min(ids.Count, 6) + 1)];
        }

        public string? Take(Random random)
        {
            lock (ids)
            {
                if (ids is []) return null;
                var at = random.Next(ids.Count);
                var id = ids[at];
                ids.RemoveAt(at);
                return id;
            }
        }

        public string[] Some(Random random)
        {
            lock (ids)
                return ids is [] ? [] : [
                    .. Enumerable.Range(0, random.Next(4)).Select(_ => ids[random.Next(ids.Count)]).Distinct(),
                ];
        }
    }
}

internal static class RandomExtensions
{
    public static T Of<T>(this Random random, params T[] of) => of[random.Next(of.Length)];
}
