using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests;

/// <summary>Run when nothing else runs in this process: what is counted is all that the process allocates.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public sealed class AllocationTests
{
    // What makes an invite cheap is that little is made for it. The server's part and the client's, with mail, event and everything that is stored: 95 and 124 KiB when this was written.
    [Fact]
    public async Task An_invite_allocates_no_more_than_it_did()
    {
        await using var app = await UsherApp.StartAsync(new() { ["Logging:LogLevel:Default"] = "Warning", ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "Warning", ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning" }, workers: false);
        var org = await app.CreateOrganizationAsync();
        using var client = new HttpClient { BaseAddress = new(app.Url) };
        client.DefaultRequestHeaders.Authorization = new("Bearer", org.Created.ApiKey);
        async Task<long> InviteAsync(int times)
        {
            var before = GC.GetTotalAllocatedBytes();
            for (var i = 0; i < times; i++)
                using (var answer = await client.PostTextAsync($"/usher/v1/organizations/{org.Created.Organization.Slug}/invitations", $$"""{"email":"{{NewEmail("ada")}}"}""")) answer.EnsureSuccessStatusCode();
            return (GC.GetTotalAllocatedBytes() - before) / times;
        }

        await InviteAsync(50);

        // Compiling and timers allocate, too: the least of several is the invite's.
        List<long> bytes = [];
        for (var i = 0; i < 10; i++) bytes.Add(await InviteAsync(20));
        Assert.InRange(bytes.Min(), 1, (TestDatabase.IsPostgres ? 140 : 110) * 1024);
    }
}
