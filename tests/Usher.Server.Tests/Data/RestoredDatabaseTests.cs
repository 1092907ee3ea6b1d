using System.Net;
using Usher.Core;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Data;

/// <summary>
/// An older or another state of the database takes the place of the present one while servers run. What a server has
/// cached of the present state is not used for the other one.
/// </summary>
public sealed class RestoredDatabaseTests
{
    private static readonly string[] Nothing = [];
    private static readonly string[] Manage = ["user_management"];

    [Fact]
    public async Task A_right_granted_after_the_backup_is_refused_by_every_node_after_the_restore()
    {
        await using var place = await Place.MakeAsync(Nothing);
        await using var backup = await place.Database.CopyAsync();
        await place.SetAsync(place.First, Manage);
        foreach (var node in place.Nodes) Assert.True(await place.ManagesAsync(node));

        await place.Database.RestoreAsync(backup);
        foreach (var node in place.Nodes) Assert.False(await place.ManagesAsync(node));
    }

    // After the restore, the first change must not get the stamp that the first change after the backup had.
    [Fact]
    public async Task A_node_that_still_caches_the_state_before_the_restore_does_not_use_it_after_the_next_change()
    {
        await using var place = await Place.MakeAsync(Nothing);
        await using var backup = await place.Database.CopyAsync();
        await place.SetAsync(place.First, Manage);
        Assert.True(await place.ManagesAsync(place.Last));

        await place.Database.RestoreAsync(backup);
        await place.DescribeAsync(place.First);
        Assert.False(await place.ManagesAsync(place.Last));
    }

    [Fact]
    public async Task A_right_taken_away_after_the_backup_is_there_again_after_the_restore()
    {
        await using var place = await Place.MakeAsync(Manage);
        await using var backup = await place.Database.CopyAsync();
        await place.SetAsync(place.First, Nothing);
        foreach (var node in place.Nodes) Assert.False(await place.ManagesAsync(node));

        await place.Database.RestoreAsync(backup);
        foreach (var node in place.Nodes) Assert.True(await place.ManagesAsync(node));
    }

    // Both have had as many changes since they were one.
    [Fact]
    public async Task A_copy_that_went_on_by_itself_and_takes_the_place_of_the_original_is_another_state()
    {
        await using var place = await Place.MakeAsync(Nothing);
        await using var copy = await place.Database.CopyAsync();
        await using (var other = await UsherApp.StartAsync([], database: copy, workers: false))
            await place.DescribeAsync(other);
        await place.SetAsync(place.First, Manage);
        foreach (var node in place.Nodes) Assert.True(await place.ManagesAsync(node));

        await place.Database.RestoreAsync(copy);
        foreach (var node in place.Nodes) Assert.False(await place.ManagesAsync(node));
    }

    /// <summary>Two servers on PostgreSQL, one on SQLite, and a member of a group in an organization.</summary>
    private sealed class Place : IAsyncDisposable
    {
        private TestOrganization org = null!;
        private TestCaller ada = null!;
        private string group = "";

        public TestDatabase Database { get; private init; } = null!;

        public List<UsherApp> Nodes { get; } = [];

        public UsherApp First => Nodes[0];

        public UsherApp Last => Nodes[^1];

        /// <param name="permissions">The permissions of the group.</param>
        public static async Task<Place> MakeAsync(string[] permissions)
        {
            var place = new Place { Database = await TestDatabase.CreateAsync() };
            for (var i = 0; i < (TestDatabase.IsPostgres ? 2 : 1); i++)
                place.Nodes.Add(await UsherApp.StartAsync([], database: place.Database, workers: false));
            place.org = await place.First.CreateOrganizationAsync();
            place.group = await place.org.MakeAsync("groups", new { name = "Managers", permissions });
            place.ada = await place.org.ActiveAsync(
                NewEmail("ada"), row => row with { Groups = [Reference.Named("Managers")] });
            foreach (var node in place.Nodes) Assert.Equal(permissions is not [], await place.ManagesAsync(node));
            return place;
        }

        public Task SetAsync(UsherApp node, string[] permissions) => ChangeAsync(node, new { permissions });

        public Task DescribeAsync(UsherApp node) => ChangeAsync(node, new { description = "Another one" });

        /// <summary>Whether the member may manage users, by the first answer of a server.</summary>
        public async Task<bool> ManagesAsync(UsherApp node)
        {
            using var client = OperatedApp.ClientOf(node, ada.Key);
            var answer = await UntilAnsweredAsync(() => client.GetAsync(org.Path("invitations?limit=1"), Ct));
            Assert.Contains(answer.StatusCode, new[] { HttpStatusCode.OK, HttpStatusCode.Forbidden });
            return answer.IsSuccessStatusCode;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var node in Nodes) await node.DisposeAsync();
            await Database.DisposeAsync();
        }

        private async Task ChangeAsync(UsherApp node, object body)
        {
            using var client = OperatedApp.ClientOf(node, org.Key);
            await (await UntilAnsweredAsync(() =>
                client.SendAsync(HttpMethod.Patch, org.Path(group), body))).JsonAsync();
        }

        // On PostgreSQL, each connection that is lost is one answer of 503.
        private static async Task<HttpResponseMessage> UntilAnsweredAsync(Func<Task<HttpResponseMessage>> send)
        {
            for (var i = 0; ; i++)
            {
                var answer = await send();
                if (i is 50 || answer.StatusCode is not HttpStatusCode.ServiceUnavailable) return answer;
            }
        }
    }
}
