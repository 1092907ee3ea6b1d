using System.Diagnostics;
using System.Text.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Mail;

/// <summary>Programs of others, under Node.js, that ours have to get along with. See tests/peers.</summary>
internal static class Peers
{
    private static readonly SemaphoreSlim ReaderIsFree = new(1);

    // One for the whole assembly. It ends with this process, which holds the other end of its standard input.
    private static Process? reader;

    public static Process Start(string script, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("node", [Repository.Path($"tests/peers/{script}"), .. arguments])
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        return Process.Start(start)!;
    }

    /// <summary>What an independent reader makes of a mail.</summary>
    public static async Task<JsonElement> ParseMailAsync(byte[] mail)
    {
        await ReaderIsFree.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            reader ??= Start("parse-eml.mjs");
            await reader.StandardInput.WriteLineAsync(Convert.ToBase64String(mail));
            await reader.StandardInput.FlushAsync();
            var line = await reader.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
            return JsonSerializer.Deserialize<JsonElement>(line!);
        }
        finally
        {
            ReaderIsFree.Release();
        }
    }

    /// <summary>A header as it came, unfolded and undecoded; null when it is not there.</summary>
    public static string? Header(this JsonElement mail, string key) => mail.GetProperty("headers").EnumerateArray()
        .Where(h => h.GetProperty("key").GetString() == key).Select(h => h.GetProperty("value").GetString())
            .SingleOrDefault();
}

/// <summary>A real SMTP server for one test.</summary>
internal sealed class SmtpSink : IAsyncDisposable
{
    private readonly Process process;

    private SmtpSink(Process process) => this.process = process;

    public int Port { get; private set; }

    public static async Task<SmtpSink> StartAsync(params IEnumerable<string> arguments)
    {
        var sink = new SmtpSink(Peers.Start("smtp-sink.mjs", arguments));
        sink.Port = (await sink.NextAsync("listening")).GetProperty("port").GetInt32();
        return sink;
    }

    /// <summary>The next event, which must be this one.</summary>
    public async Task<JsonElement> NextAsync(string name)
    {
        var line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask()
            .WaitAsync(TimeSpan.FromSeconds(20));
        var next = JsonSerializer.Deserialize<JsonElement>(line!);
        Assert.Equal(name, next.GetProperty("event").GetString());
        return next;
    }

    /// <summary>The next message, however often a client broke off before.</summary>
    public async Task<JsonElement> NextMessageAsync(TimeSpan patience)
    {
        while (true)
        {
            var line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask()
                .WaitAsync(patience);
            var next = JsonSerializer.Deserialize<JsonElement>(line!);
            if (next.GetProperty("event").GetString() is "message") return next.GetProperty("parsed");
        }
    }

    /// <summary>Ends it, and says what it still had to tell.</summary>
    public async Task<IReadOnlyList<JsonElement>> EndAsync()
    {
        process.StandardInput.Close();
        var rest = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        return [
            .. rest.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
    }

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
    }
}
