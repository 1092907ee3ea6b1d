using System.Net.Sockets;
using System.Text;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests;

/// <summary>Run when nothing else runs in this process: what is counted is all that the process allocates.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public sealed class AllocationTests
{
    // What makes an invite cheap is that little is made for it: mail, event and all that is stored. Asked over a plain
    // socket, because a client of the framework allocates, too.
    [Fact]
    public async Task An_invite_allocates_no_more_than_it_did()
    {
        await using var app = await UsherApp.StartAsync(
            new()
            {
                ["Logging:LogLevel:Default"] = "Warning",
                ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "Warning",
                ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
            },
            workers: false);
        var org = await app.CreateOrganizationAsync();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(new Uri(app.Url).Host, new Uri(app.Url).Port);
        var answer = new byte[16 * 1024];
        var requests = Enumerable.Range(0, 250).Select(i => Request(org, $$"""{"email":"{{NewEmail($"ada{i}")}}"}"""))
            .ToArray();
        var next = 0;
        long Invite(int times)
        {
            var before = GC.GetTotalAllocatedBytes();
            for (var i = 0; i < times; i++)
            {
                socket.Send(requests[next++]);
                var length = 0;
                while (!answer.AsSpan(0, length).EndsWith("\r\n0\r\n\r\n"u8))
                    length += socket.Receive(answer.AsSpan(length));
                Assert.True(answer.AsSpan().StartsWith("HTTP/1.1 201"u8));
            }

            return (GC.GetTotalAllocatedBytes() - before) / times;
        }

        Invite(50);

        // Compiling and timers allocate, too: the least of several is the invite's.
        List<long> bytes = [];
        for (var i = 0; i < 10; i++) bytes.Add(Invite(20));
        Assert.InRange(bytes.Min(), 1, (TestDatabase.IsPostgres ? 76 : 56) * 1024);
    }

    private static byte[] Request(TestOrganization org, string body) => Encoding.UTF8.GetBytes(
        $"""
        POST /usher/v1/organizations/{org.Created.Organization.Slug}/invitations HTTP/1.1
        Host: localhost
        Authorization: Bearer {org.Created.ApiKey}
        Content-Type: application/json
        Content-Length: {Encoding.UTF8.GetByteCount(body)}


        """.ReplaceLineEndings("\r\n") + body);
}
