using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>
/// A database that a test takes away from its servers and gives back. PostgreSQL is reached through a TCP proxy, which
/// is closed. An SQLite file is locked for longer than a server waits, so that it can be read and not written.
/// </summary>
public sealed class BreakableDatabase : IAsyncDisposable
{
    private readonly int port = ServerProcess.FreePort();
    private readonly ConcurrentBag<TcpClient> open = [];
    private readonly IPEndPoint server;
    private TcpListener? listener;
    private SqliteConnection? locking;

    private BreakableDatabase(TestDatabase database)
    {
        Database = database;
        if (!TestDatabase.IsPostgres)
        {
            server = new(IPAddress.Loopback, 0);
            Settings = new()
            {
                [
                    "ConnectionStrings:Usher"]
                    = new SqliteConnectionStringBuilder(database.ConnectionString) { DefaultTimeout = 1 }.ToString(),
            };
            return;
        }

        var behind = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        server = new(IPAddress.Parse(behind.Host!), behind.Port);
        Settings = new()
        {
            ["ConnectionStrings:Usher"] = new NpgsqlConnectionStringBuilder(behind.ToString())
            {
                Host = "127.0.0.1", Port = port, Timeout = 3,
            }.ToString(),
        };
    }

    public TestDatabase Database { get; }

    /// <summary>What points a server at it.</summary>
    public Dictionary<string, string?> Settings { get; }

    public static async Task<BreakableDatabase> CreateAsync()
    {
        var made = new BreakableDatabase(await TestDatabase.CreateAsync());
        await made.MendAsync();
        return made;
    }

    public async Task BreakAsync()
    {
        if (TestDatabase.IsPostgres)
        {
            listener?.Stop();
            while (open.TryTake(out var client)) client.Dispose();
            return;
        }

        locking = new(new SqliteConnectionStringBuilder(Database.ConnectionString) { Pooling = false }.ToString());
        await locking.OpenAsync(TestContext.Current.CancellationToken);
        await ExecuteAsync("BEGIN IMMEDIATE");
    }

    public async Task MendAsync()
    {
        if (TestDatabase.IsPostgres)
        {
            listener = new(IPAddress.Loopback, port);
            listener.Start();
            _ = ForwardAsync(listener);
        }
        else if (locking is not null)
        {
            await ExecuteAsync("ROLLBACK");
            await locking.DisposeAsync();
            locking = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (locking is not null) await MendAsync();
        listener?.Stop();
        while (open.TryTake(out var client)) client.Dispose();
        await Database.DisposeAsync();
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = locking!.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private async Task ForwardAsync(TcpListener from)
    {
        try
        {
            while (true)
            {
                var (client, behind) = (await from.AcceptTcpClientAsync(), new TcpClient());
                open.Add(client);
                open.Add(behind);
                await behind.ConnectAsync(server);
                _ = CopyAsync(client, behind);
                _ = CopyAsync(behind, client);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed by the test.
        }
    }

    private static async Task CopyAsync(TcpClient from, TcpClient to)
    {
        try
        {
            await from.GetStream().CopyToAsync(to.GetStream());
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // Closed by the test, or by one of the two.
        }
        finally
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
