using System.Data.Common;
using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Usher.Core.Data;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>Files of the source tree.</summary>
public static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string Path(string relative) => System.IO.Path.Combine(Root, relative);

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(System.IO.Path.Combine(directory.FullName, "Usher.slnx"))) directory = directory.Parent!;
        return directory.FullName;
    }
}

public static partial class Secrets
{
    /// <summary>Any secret of ours.</summary>
    [GeneratedRegex("us[akips]_[A-Za-z0-9_-]{43,}", RegexOptions.None, 1000)]
    public static partial Regex Any();

    [GeneratedRegex(
        "/join/(?<slug>[a-z0-9-]+)/(?<id>[0-9a-f-]{36})#(?<secret>usi_[A-Za-z0-9_-]+)",
        RegexOptions.ExplicitCapture, 1000)]
    public static partial Regex Link();

    /// <summary>A mailed link to confirm an address, without the site.</summary>
    [GeneratedRegex(
        "/confirm/(?<slug>[a-z0-9-]+)/(?<id>[0-9a-f-]{36})#(?<secret>usa_[A-Za-z0-9_-]+)",
        RegexOptions.ExplicitCapture, 1000)]
    public static partial Regex Confirmation();

    /// <summary>A mailed link to confirm the address of an account, without the site.</summary>
    [GeneratedRegex("/confirm/(?<id>[0-9a-f-]{36})#(?<secret>usa_[A-Za-z0-9_-]+)", RegexOptions.ExplicitCapture, 1000)]
    public static partial Regex OwnConfirmation();

    /// <summary>A link that sets a new password, without the site.</summary>
    [GeneratedRegex(
        "/reset/(?<id>[0-9a-f-]{36})(?<query>\\?[^#\\s]*)?#(?<secret>usp_[A-Za-z0-9_-]+)",
        RegexOptions.ExplicitCapture, 1000)]
    public static partial Regex Reset();
}

/// <summary>A clock that stands until it is moved.</summary>
/// <param name="start">Null: the time it is.</param>
public sealed class TestClock(DateTimeOffset? start = null) : TimeProvider
{
    private DateTimeOffset now = start ?? System.GetUtcNow();

    public void Advance(TimeSpan by) => now += by;

    public override DateTimeOffset GetUtcNow() => now;
}

/// <summary>Counts commands and commits of one async flow.</summary>
public sealed class CommandCounter
{
    public CommandCounter() =>
        (Commands, Transactions) = (new CommandInterceptor(this), new TransactionInterceptor(this));

    public IInterceptor Commands { get; }

    public IInterceptor Transactions { get; }

    /// <summary>All since it was asked for last: commands by kind, in order.</summary>
    public Tally Total { get; } = new();

    /// <summary>Called with every command, before it is executed.</summary>
    public Action<DbCommand>? Executing { get; set; }

    /// <summary>Counts what a server writes by itself, too: each batch as one INSERT.</summary>
    public IDisposable Listen(WriteMeter meter)
    {
        var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (meter.Owns(instrument)) self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, rows, _, _) =>
        {
            if (instrument.Name is "usher.database.batches") Total.Add("INSERT INTO");
            if (instrument.Name is "usher.database.rows") Total.Batch((int)rows);
            if (instrument.Name is "usher.database.commits") Total.Commit();
        });
        listener.Start();
        return listener;
    }

    private void Count(DbCommand command)
    {
        Executing?.Invoke(command);
        Total.Add(command.CommandText);
    }

    public sealed class Tally
    {
        private readonly List<string> commands = [];
        private readonly List<int> batches = [];
        private int commits;

        public int Commits => commits;

        public void Add(string text)
        {
            lock (commands) commands.Add(text);
        }

        public void Batch(int rows)
        {
            lock (commands) batches.Add(rows);
        }

        /// <summary>How many rows each of the batches had that were written past EF.</summary>
        public IReadOnlyList<int> Batches
        {
            get
            {
                lock (commands) return [.. batches];
            }
        }

        public void Commit() => Interlocked.Increment(ref commits);

        public IReadOnlyList<string> Take()
        {
            lock (commands)
            {
                string[] taken = [.. commands];
                commands.Clear();
                batches.Clear();
                commits = 0;
                return taken;
            }
        }
    }

    private sealed class CommandInterceptor(CommandCounter counter) : DbCommandInterceptor
    {
        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result,
            CancellationToken cancellationToken = default)
        {
            counter.Count(command);
            return base.ReaderExecutingAsync(command, eventData, result, cancellationToken);
        }

        public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<int> result,
            CancellationToken cancellationToken = default)
        {
            counter.Count(command);
            return base.NonQueryExecutingAsync(command, eventData, result, cancellationToken);
        }
    }

    private sealed class TransactionInterceptor(CommandCounter counter) : DbTransactionInterceptor
    {
        public override Task TransactionCommittedAsync(
            DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            counter.Total.Commit();
            return base.TransactionCommittedAsync(transaction, eventData, cancellationToken);
        }
    }
}

public static class HttpExtensions
{
    /// <summary>The body as JSON.</summary>
    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response) =>
        JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

    public static Task<HttpResponseMessage> PostTextAsync(
        this HttpClient client, string path, string body, string mediaType = "application/json") =>
        client.PostAsync(
            path, new StringContent(body, System.Text.Encoding.UTF8, mediaType), TestContext.Current.CancellationToken);

    public static Task<HttpResponseMessage> SendTextAsync(
        this HttpClient client, HttpMethod method, string path, string body, string mediaType = "application/json") =>
        client.SendAsync(
            new(method, path) { Content = new StringContent(body, System.Text.Encoding.UTF8, mediaType) },
            TestContext.Current.CancellationToken);
}
