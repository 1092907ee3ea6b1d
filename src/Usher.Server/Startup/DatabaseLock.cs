using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Usher.Server.Startup;

/// <summary>
/// Lets one node at a time set up a PostgreSQL database: schema, keys, first organization. The others wait. It is an
/// advisory lock of a transaction, so it also works behind a connection pooler, and ends with the node however that
/// ends.
/// </summary>
internal sealed class DatabaseLock : IAsyncDisposable
{
    // Any number will do, as long as every version of Usher uses the same.
    private const long Key = 0x5573_6865_72;

    private readonly NpgsqlConnection connection;
    private NpgsqlTransaction? transaction;

    private DatabaseLock(NpgsqlConnection connection) => this.connection = connection;

    /// <summary>Waits for the lock. A database that does not exist yet is made first.</summary>
    /// <param name="connectionString">The database's.</param>
    /// <param name="creator">Makes the database.</param>
    /// <param name="ct">Ends the wait.</param>
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
