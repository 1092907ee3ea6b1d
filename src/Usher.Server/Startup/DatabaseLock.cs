using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Usher.Server.Startup;

/// <summary>
/// Lets one node at a time set up a PostgreSQL database: schema, keys, first organization. The other nodes wait. It is
/// a transaction's advisory lock, so it also works behind a connection pooler and is released when the node dies.
/// </summary>
internal sealed class DatabaseLock : IAsyncDisposable
{
    // An arbitrary number, which must be the same in every version of Usher.
    private const long Key = 0x5573_6865_72;

    private readonly NpgsqlConnection connection;
    private NpgsqlTransaction? transaction;

    private DatabaseLock(NpgsqlConnection connection) => this.connection = connection;

    /// <summary>Waits for the lock. Creates the database first if it does not exist.</summary>
    /// <param name="connectionString">The connection string of the database.</param>
    /// <param name="creator">Creates the database.</param>
    /// <param name="ct">Cancels the wait.</param>
    /// <exception cref="NpgsqlException">The database cannot be reached.</exception>
    public static async Task<DatabaseLock> TakeAsync(
        string connectionString, IRelationalDatabaseCreator creator, CancellationToken ct)
    {
        try
        {
            return await LockAsync(connectionString, ct);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidCatalogName)
        {
            await using var server = await LockAsync(
                new NpgsqlConnectionStringBuilder(connectionString) { Database = "postgres" }.ToString(), ct);
            if (!await creator.ExistsAsync(ct)) await creator.CreateAsync(ct);
        }

        return await LockAsync(connectionString, ct);
    }

    public async ValueTask DisposeAsync()
    {
        if (transaction is not null) await transaction.DisposeAsync();
        await connection.DisposeAsync();
    }

    private static async Task<DatabaseLock> LockAsync(string connectionString, CancellationToken ct)
    {
        var taken = new DatabaseLock(new(
            new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ToString()));
        try
        {
            await taken.connection.OpenAsync(ct);
            taken.transaction = await taken.connection.BeginTransactionAsync(ct);
            await using var command = taken.connection.CreateCommand();
            (command.CommandText, command.CommandTimeout) = ($"SELECT pg_advisory_xact_lock({Key})", 0);
            await command.ExecuteNonQueryAsync(ct);
            return taken;
        }
        catch
        {
            await taken.DisposeAsync();
            throw;
        }
    }
}
