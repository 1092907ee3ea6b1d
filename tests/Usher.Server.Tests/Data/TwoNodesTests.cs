using System.Net.Http.Headers;
using Usher.Core.Guests;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Data;

/// <summary>
/// Two servers on one PostgreSQL database, each with its own cache of definitions. A right that is taken away through
/// one of them is refused by the other with the next request. SQLite has one server, which takes both parts.
/// </summary>
public sealed class TwoNodesTests(TwoNodesTests.Nodes nodes) : IClassFixture<TwoNodesTests.Nodes>
{
    private const string UserManagement = "user_management";

    private static readonly string[] None = [];
    private static readonly string[] Manage = [UserManagement];

    // Each kind of right once: how it is given and taken away on the first node, and what the second node is asked.
    private static readonly Dictionary<string, Right> Rights = new()
    {
        ["a member's permission"] = new(
            p => p.ChangeMemberAsync(new { permissions = Manage }),
            p => p.ChangeMemberAsync(new { permissions = None }), p => p.ManagesAsync()),
        ["a member's role"] = new(
            async p => await p.ChangeMemberAsync(new { roles = new[] { await p.RoleAsync(UserManagement) } }),
            p => p.ChangeMemberAsync(new { roles = None }), p => p.ManagesAsync()),
        ["a role's member"] = new(
            async p => await p.ChangeMembersAsync($"roles/{await p.RoleAsync(UserManagement)}", add: true),
            async p => await p.ChangeMembersAsync($"roles/{await p.RoleAsync(UserManagement)}", add: false),
            p => p.ManagesAsync()),
        ["a role's permission"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { roles = new[] { await p.RoleAsync() } });
                await p.PatchAsync($"roles/{await p.RoleAsync()}", new { permissions = Manage });
            },
            async p => await p.PatchAsync($"roles/{await p.RoleAsync()}", new { permissions = None }),
            p => p.ManagesAsync()),
        ["a role"] = new(
            async p => await p.ChangeMemberAsync(new { roles = new[] { await p.RoleAsync(UserManagement) } }),
            p => p.DeleteRoleAsync(), p => p.ManagesAsync()),
        ["a group's permission"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
                await p.ChangeGroupAsync(new { permissions = Manage });
            },
            p => p.ChangeGroupAsync(new { permissions = None }), p => p.ManagesAsync()),
        ["a group's role"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
                await p.ChangeGroupAsync(new { roles = new[] { await p.RoleAsync(UserManagement) } });
            },
            p => p.ChangeGroupAsync(new { roles = None }), p => p.ManagesAsync()),
        ["a permission of a group's role"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
                await p.ChangeGroupAsync(new { roles = new[] { await p.RoleAsync() } });
                await p.PatchAsync($"roles/{await p.RoleAsync()}", new { permissions = Manage });
            },
            async p => await p.PatchAsync($"roles/{await p.RoleAsync()}", new { permissions = None }),
            p => p.ManagesAsync()),
        ["a group's member"] = new(
            async p =>
            {
                await p.ChangeGroupAsync(new { permissions = Manage });
                await p.ChangeMembersAsync($"groups/{await p.GroupAsync()}", add: true);
            },
            async p => await p.ChangeMembersAsync($"groups/{await p.GroupAsync()}", add: false),
            p => p.ManagesAsync()),
        ["a member's group"] = new(
            async p =>
            {
                await p.ChangeGroupAsync(new { permissions = Manage });
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
            },
            p => p.ChangeMemberAsync(new { groups = None }), p => p.ManagesAsync()),
        ["a group"] = new(
            async p =>
            {
                await p.ChangeGroupAsync(new { permissions = Manage });
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
            },
            p => p.DeleteGroupAsync(), p => p.ManagesAsync()),
        ["everyone's permission"] = new(
            p => p.ChangeEveryoneAsync(new { permissions = Manage }),
            p => p.ChangeEveryoneAsync(new { permissions = None }), p => p.ManagesAsync()),
        ["administration by a group"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
                await p.ChangeGroupAsync(new { isAdmin = true });
            },
            p => p.ChangeGroupAsync(new { isAdmin = false }), p => p.GetAsync("settings")),
        ["administration by the built-in role"] = new(
            p => p.ChangeMemberAsync(new { role = "admin" }), p => p.ChangeMemberAsync(new { role = "user" }),
            p => p.GetAsync("settings")),
        ["everything by the built-in role"] = new(
            p => p.ChangeMemberAsync(new { role = "read_only" }), p => p.ChangeMemberAsync(new { role = "user" }),
            p => p.GetAsync("resources/production"), 404),
        ["a member's access to all resources"] = new(
            p => p.ChangeMemberAsync(new { allResources = true }),
            p => p.ChangeMemberAsync(new { allResources = false }), p => p.GetAsync("resources/production"), 404),
        ["a group's access to all resources"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
                await p.ChangeGroupAsync(new { allResources = true });
            },
            p => p.ChangeGroupAsync(new { allResources = false }), p => p.GetAsync("resources/production"), 404),
        ["a member's level"] = new(
            p => p.ChangeMemberAsync(new { levels = ReadOnly }), p => p.ChangeMemberAsync(new { levels = NoLevels }),
            p => p.GetAsync("resources/production"), 404),
        ["a resource's level for a member"] = new(
            p => p.PutLevelAsync(p.Member), p => p.DeleteLevelAsync(p.Member),
            p => p.GetAsync("resources/production"), 404),
        ["a group's level"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
                await p.ChangeGroupAsync(new { levels = ReadOnly });
            },
            p => p.ChangeGroupAsync(new { levels = NoLevels }), p => p.GetAsync("resources/production"), 404),
        ["a resource's level for a group"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
                await p.PutLevelAsync(await p.GroupAsync());
            },
            async p => await p.DeleteLevelAsync(await p.GroupAsync()), p => p.GetAsync("resources/production"), 404),
        ["a group's capability"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { groups = new[] { await p.GroupAsync() } });
                await p.ChangeGroupAsync(new { levels = Capable });
            },
            p => p.ChangeGroupAsync(new { levels = ReadOnly }),
            p => p.IsAsync("access/check", new { resource = "production", capability = "deploy_all" }, "allowed"), 0),
        ["a resource"] = new(
            p => p.MakeResourceAsync(), p => p.DeleteResourceAsync(), p => p.GetAsync(p.Resource), 404),
        ["an active member"] = new(
            p => p.ChangeMemberAsync(new { suspended = false }), p => p.ChangeMemberAsync(new { suspended = true }),
            p => p.GetAsync(""), 401),
        ["a member"] = new(p => p.JoinAsync(), p => p.DeleteAsync($"members/{p.Member}"), p => p.GetAsync(""), 401),
        ["an API key"] = new(p => p.MakeKeyAsync(), p => p.DeleteAsync(p.KeyPath), p => p.GetAsync(""), 401),
        ["a service account"] = new(
            p => p.MakeServiceAccountAsync(), p => p.DeleteAsync(p.AccountPath), p => p.GetAsync(""), 401),
        ["a session"] = new(p => p.SignInAsync(), p => p.SignOutAsync(), p => p.AsPersonAsync("/usher/v1/me"), 401),
        ["an organization"] = new(
            p => p.OperateAsync("resume"), p => p.OperateAsync("suspend"), p => p.GetAsync(""), 401),
        ["an allowed domain"] = new(
            p => p.PatchAsync("settings", new { allowedEmailDomains = new[] { "example.test" } }),
            p => p.PatchAsync("settings", new { allowedEmailDomains = new[] { "example.com" } }),
            p => p.InvitesAsync(), 422),
        ["a seat"] = new(p => p.LimitAsync(1_000), p => p.LimitAsync(1), p => p.InvitesAsync(), 409),
        ["a default permission"] = new(
            p => p.PatchAsync("settings", new { defaultPermissions = new[] { "ingestion" } }),
            p => p.PatchAsync("settings", new { defaultPermissions = None }), p => p.OffersAsync("permissions"), 0),
        ["a default group"] = new(
            async p => await p.PatchAsync("settings", new { defaultGroups = new[] { await p.GroupAsync() } }),
            p => p.PatchAsync("settings", new { defaultGroups = None }), p => p.OffersAsync("groups"), 0),
        ["a group that is default"] = new(
            p => p.ChangeGroupAsync(new { isDefault = true }), p => p.ChangeGroupAsync(new { isDefault = false }),
            p => p.OffersAsync("groups"), 0),
        ["an invitation"] = new(
            p => p.InviteGuestAsync(), p => p.RevokeGuestAsync(), p => p.IsOpenAsync(), 0),
        ["a sponsor's permission"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { permissions = Manage });
                await p.InviteGuestAsync(byMember: true);
            },
            async p =>
            {
                await p.InviteGuestAsync(byMember: true);
                await p.ChangeMemberAsync(new { permissions = None });
            },
            p => p.AcceptAsync(), 410),
        ["a permission of a sponsor's role"] = new(
            async p =>
            {
                await p.ChangeMemberAsync(new { roles = new[] { await p.RoleAsync() } });
                await p.PatchAsync($"roles/{await p.RoleAsync()}", new { permissions = Manage });
                await p.InviteGuestAsync(byMember: true);
            },
            async p =>
            {
                await p.InviteGuestAsync(byMember: true);
                await p.PatchAsync($"roles/{await p.RoleAsync()}", new { permissions = None });
            },
            p => p.AcceptAsync(), 410),
    };

    private static readonly object[] NoLevels = [];
    private static readonly object[] ReadOnly = [new { resource = "production", level = "read_only" }];
    private static readonly object[] Capable = [
        new { resource = "production", level = "read_only", capabilities = new[] { "deploy_all" } },
    ];

    public static TheoryData<string> Kinds => [.. Rights.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_right_taken_away_on_one_node_is_refused_by_the_other_at_once_and_granted_again_works_at_once(
        string kind)
    {
        var right = Rights[kind];
        var place = await Place.MakeAsync(nodes);
        for (var round = 0; round < 2; round++)
        {
            await right.Give(place);
            Assert.InRange(await right.Ask(place), 200, 299);
            Assert.InRange(await right.Ask(place), 200, 299); // with what the second node has cached
            await right.Take(place);
            Assert.Equal(right.Refused, await right.Ask(place));
            Assert.Equal(right.Refused, await right.Ask(place));
        }
    }

    /// <summary>A kind of right.</summary>
    /// <param name="Give">Gives it to the member, on the first node.</param>
    /// <param name="Take">Takes it away, on the first node.</param>
    /// <param name="Ask">Uses it on the second node. Returns the status of the answer.</param>
    /// <param name="Refused">The status without the right.</param>
    private sealed record Right(
        Func<Place, Task> Give, Func<Place, Task> Take, Func<Place, Task<int>> Ask, int Refused = 403);

    /// <summary>The two servers.</summary>
    public sealed class Nodes : IAsyncLifetime
    {
        private TestDatabase database = null!;

        public UsherApp First { get; private set; } = null!;

        public UsherApp Second { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            database = await TestDatabase.CreateAsync();
            First = await UsherApp.StartAsync(OperatedApp.Settings, database: database, workers: false);
            Second = TestDatabase.IsPostgres
                ? await UsherApp.StartAsync(OperatedApp.Settings, database: database, workers: false)
                : First;
        }

        public async ValueTask DisposeAsync()
        {
            if (Second != First) await Second.DisposeAsync();
            await First.DisposeAsync();
            await database.DisposeAsync();
        }
    }

    /// <summary>An organization with a member whose rights change.</summary>
    private sealed class Place(Nodes nodes, TestOrganization org)
    {
        private string? role;
        private string? group;
        private string session = "";
        private InvitationLink guest = null!;
        private string guestPath = "";

        private HttpClient Admin { get; } = OperatedApp.ClientOf(nodes.Second, org.Key);

        /// <summary>The member's client on the second node.</summary>
        private HttpClient Client { get; set; } = null!;

        private TestMember Joined { get; set; } = null!;

        public string Member => "mem_" + ShortId.Of(Joined.Member.Id);

        public string KeyPath { get; private set; } = "";

        public string AccountPath { get; private set; } = "";

        public string Resource { get; private set; } = "";

        public static async Task<Place> MakeAsync(Nodes nodes)
        {
            var place = new Place(nodes, await nodes.First.CreateOrganizationAsync());
            await place.JoinAsync();
            return place;
        }

        public async Task JoinAsync()
        {
            Joined = await org.JoinedAsync(NewEmail("ada"));
            Client = OperatedApp.ClientOf(nodes.Second, Joined.Key);
        }

        public async Task<string> RoleAsync(params string[] permissions) =>
            role ??= (await org.MakeAsync("roles", new { name = Guid.NewGuid().ToString("N"), permissions }))
                ["roles/".Length..];

        public async Task<string> GroupAsync() =>
            group ??= (await org.MakeAsync("groups", new { name = Guid.NewGuid().ToString("N") }))["groups/".Length..];

        public Task PatchAsync(string path, object body) => DoneAsync(org.PatchAsync(path, body));

        public Task ChangeMemberAsync(object body) => PatchAsync($"members/{Member}", body);

        public async Task ChangeGroupAsync(object body) => await PatchAsync($"groups/{await GroupAsync()}", body);

        public async Task ChangeEveryoneAsync(object body) =>
            await PatchAsync("groups/grp_" + ShortId.Of(await org.EveryoneAsync()), body);

        public Task ChangeMembersAsync(string path, bool add) => DoneAsync(org.PostAsync(
            path + "/members", add ? new { add = new[] { Member } } : new { remove = new[] { Member } }));

        public Task DeleteAsync(string path) => DoneAsync(org.DeleteAsync(path));

        public async Task DeleteRoleAsync()
        {
            await DeleteAsync($"roles/{await RoleAsync()}");
            role = null;
        }

        public async Task DeleteGroupAsync()
        {
            await DeleteAsync($"groups/{await GroupAsync()}");
            group = null;
        }

        public Task PutLevelAsync(string holder) => DoneAsync(org.SendAsync(
            HttpMethod.Put, $"resources/production/access/{holder}", new { level = "full" }));

        public Task DeleteLevelAsync(string holder) => DeleteAsync($"resources/production/access/{holder}");

        public async Task MakeResourceAsync()
        {
            Resource = await org.MakeAsync("resources", new { name = Guid.NewGuid().ToString("N") });
            await ChangeMemberAsync(
                new { levels = new[] { new { resource = Resource["resources/".Length..], level = "full" } } });
        }

        public Task DeleteResourceAsync() => DeleteAsync(Resource);

        public async Task MakeKeyAsync()
        {
            var made = await (await org.PostAsync("api-keys", new { member = Member, name = "k" })).JsonAsync();
            Use(made.GetProperty("secret").GetString()!);
            KeyPath = $"api-keys/{made.GetProperty("apiKey").GetProperty("id")}";
        }

        public async Task MakeServiceAccountAsync()
        {
            AccountPath = await org.MakeAsync("service-accounts", new { name = Guid.NewGuid().ToString("N") });
            var made = await org.PostAsync(
                "api-keys", new { member = AccountPath["service-accounts/".Length..], name = "k" });
            Use(await made.TextAsync("secret"));
        }

        private void Use(string key) => Client = OperatedApp.ClientOf(nodes.Second, key);

        public async Task SignInAsync()
        {
            using var client = nodes.First.CreateClient();
            session = await (await client.SendAsync(
                HttpMethod.Post, "/usher/v1/sessions",
                new { email = Joined.Member.Identifier, password = TestOrganization.Password })).TextAsync("token");
        }

        public Task SignOutAsync() =>
            DoneAsync(AsPersonAsync(nodes.First, HttpMethod.Delete, "/usher/v1/sessions/current"));

        public async Task<int> AsPersonAsync(string path) =>
            (int)(await AsPersonAsync(nodes.Second, HttpMethod.Get, path)).StatusCode;

        private async Task<HttpResponseMessage> AsPersonAsync(UsherApp app, HttpMethod method, string path)
        {
            using var client = app.CreateClient();
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", session);
            return await client.SendAsync(method, path, (object?)null);
        }

        public async Task OperateAsync(string what)
        {
            using var client = OperatedApp.ClientOf(nodes.First);
            await DoneAsync(org.PostAsync(what, by: client));
        }

        public async Task LimitAsync(int seatLimit)
        {
            using var client = OperatedApp.ClientOf(nodes.First);
            await DoneAsync(org.PatchAsync("settings", new { seatLimit }, by: client));
        }

        public async Task InviteGuestAsync(bool byMember = false)
        {
            using var own = OperatedApp.ClientOf(nodes.First, Joined.Key);
            var made = await (await org.PostAsync(
                "invitations", new { email = NewEmail("bob"), delivery = "link", permissions = None, groups = None },
                by: byMember ? own : null)).JsonAsync();
            guestPath = $"invitations/{made.GetProperty("invitation").GetProperty("id")}";
            var link = Secrets.Link().Match(made.GetProperty("link").GetString()!);
            guest = new(link.Groups["slug"].Value, Guid.Parse(link.Groups["id"].Value), link.Groups["secret"].Value);
        }

        public Task RevokeGuestAsync() => DoneAsync(org.PostAsync(guestPath + "/revoke"));

        public async Task<int> IsOpenAsync() =>
            await (await nodes.Second.GuestAsync(guest, "check")).TextAsync("state") is "open" ? 200 : 0;

        /// <summary>The guest accepts. A repetition by the same person gets the same answer.</summary>
        public async Task<int> AcceptAsync() => (int)(await nodes.Second.GuestAsync(
            guest, "accept",
            new
            {
                code = guest.Secret, firstName = "Bob", lastName = "B", password = TestOrganization.Password,
            })).StatusCode;

        /// <summary>A read of the member.</summary>
        public async Task<int> GetAsync(string path) => (int)(await org.GetAsync(path, by: Client)).StatusCode;

        /// <summary>A read and a write that both need <c>user_management</c>.</summary>
        public async Task<int> ManagesAsync()
        {
            var write = await InvitesAsync(Client, "?dryRun=true");
            var read = await GetAsync("invitations?limit=1");
            Assert.Equal(read is 200, write is 201);
            return read;
        }

        /// <summary>An invitation by the owner.</summary>
        public Task<int> InvitesAsync() => InvitesAsync(Admin, "");

        private async Task<int> InvitesAsync(HttpClient by, string query) =>
            (int)(await org.PostAsync("invitations" + query, new { email = NewEmail("bob") }, by)).StatusCode;

        public async Task<int> OffersAsync(string what)
        {
            var made = await (await org.PostAsync("invitations", new { email = NewEmail("bob") }, Admin))
                .JsonAsync("invitation");
            return made.GetProperty(what).GetArrayLength() > 0 ? 200 : 0;
        }

        public async Task<int> IsAsync(string path, object body, string property) =>
            (await (await org.PostAsync(path, body, Client)).JsonAsync(property)).GetBoolean() ? 200 : 0;

        private static async Task DoneAsync(Task<HttpResponseMessage> sent)
        {
            using var answer = await sent;
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Ct));
        }
    }
}
