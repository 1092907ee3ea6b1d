using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>
/// A database of one server: a folder for SQLite; a database of its own on the PostgreSQL that USHER_TEST_POSTGRES
/// names.
/// </summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly string? postgres;
    private readonly string name;

    private TestDatabase(string? postgres)
    {
        this.postgres = postgres;
        name = "usher_" + Guid.NewGuid().ToString("N");
        Directory = Path.Combine(Path.GetTempPath(), name);
        System.IO.Directory.CreateDirectory(Directory);
    }

    public static bool IsPostgres => Environment.GetEnvironmentVariable("USHER_TEST_DATABASE") is "postgresql";

    /// <summary>The data directory.</summary>
    public string Directory { get; }

    /// <summary>What points a server at it.</summary>
    public Dictionary<string, string?> Settings
    {
        get
        {
            Dictionary<string, string?> settings = new() { ["Usher:DataDirectory"] = Directory };
            if (postgres is null) return settings;
            settings["Usher:Database:Provider"] = "postgresql";
            settings["ConnectionStrings:Usher"] = ConnectionString;
            settings["Usher:MasterKeyFile"] = Path.Combine(Directory, "master.key");
            return settings;
        }
    }

    public string ConnectionString => postgres is null
        ? $"Data Source={Path.Combine(Directory, "usher.db")}"
        : new NpgsqlConnectionStringBuilder(postgres) { Database = name, MaxPoolSize = 40 }.ToString();

    public static async Task<TestDatabase> CreateAsync()
    {
        var database = new TestDatabase(
            IsPostgres
                ? Environment.GetEnvironmentVariable("USHER_TEST_POSTGRES")
                    ?? throw new InvalidOperationException("USHER_TEST_POSTGRES is not set.")
                : null);
        if (database.postgres is null) return database;
        await File.WriteAllTextAsync(
            Path.Combine(database.Directory, "master.key"), Convert.ToBase64String(new byte[32]));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(
                Path.Combine(database.Directory, "master.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await database.ExecuteAsync($"CREATE DATABASE {database.name}");
        return database;
    }

    /// <summary>
    /// A copy of the database as it is now, with the same master key. Servers on this one go on; on PostgreSQL, they
    /// lose their connections.
    /// </summary>
    public async Task<TestDatabase> CopyAsync()
    {
        var copy = new TestDatabase(postgres);
        File.Copy(Path.Combine(Directory, "master.key"), Path.Combine(copy.Directory, "master.key"));
        if (postgres is null) BackUp(ConnectionString, copy.ConnectionString);
        else await CopyAsync(name, copy.name);
        return copy;
    }

    /// <summary>
    /// Puts the content of another database in the place of this one's, as restoring a backup does, while servers run.
    /// </summary>
    public async Task RestoreAsync(TestDatabase from)
    {
        if (postgres is null)
        {
            BackUp(from.ConnectionString, ConnectionString);
            return;
        }

        await ExecuteAsync($"DROP DATABASE {name} WITH (FORCE)");
        await CopyAsync(from.name, name);
    }

    // Waits for what other connections are doing.
    private static void BackUp(string from, string to)
    {
        using SqliteConnection source = new(from + ";Pooling=False"), target = new(to + ";Pooling=False");
        source.Open();
        target.Open();
        source.BackupDatabase(target);
    }

    // A database is copied while it has no other connection.
    private async Task CopyAsync(string from, string to)
    {
        for (var attempt = 1; ; attempt++)
        {
            await ExecuteAsync(
                $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{from}'");
            try
            {
                await ExecuteAsync($"CREATE DATABASE {to} TEMPLATE {from}");
                return;
            }
            catch (PostgresException e) when (attempt < 20 && e.SqlState is PostgresErrorCodes.ObjectInUse)
            {
                await Task.Delay(50);
            }
        }
    }

    /// <summary>Takes a database away that was made on PostgreSQL.</summary>
    public async Task DropAsync()
    {
        if (postgres is null) return;
        NpgsqlConnection.ClearAllPools();
        await ExecuteAsync($"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    }

    public async ValueTask DisposeAsync()
    {
        await DropAsync();
        SqliteConnection.ClearAllPools();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(postgres);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
