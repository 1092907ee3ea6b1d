using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// Adds rows on PostgreSQL: one batch, which is one round trip and, outside of a transaction, one of its own.
/// </summary>
internal static class PostgresWriter
{
    /// <exception cref="PostgresException">They were refused: none is stored, and a transaction around them has
    /// failed.</exception>
    public static async Task InsertAsync(
        NpgsqlConnection connection, IReadOnlyList<RowWrite> rows, CancellationToken ct)
    {
        await using var batch = connection.CreateBatch();
        foreach (var (statement, entity, _) in rows)
        {
            var command = new NpgsqlBatchCommand(statement.Sql);
            foreach (var column in statement.Columns) command.Parameters.Add(column.Parameter(entity));
            batch.BatchCommands.Add(command);
        }

        await batch.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Adds many rows, in an order that can be written, in a transaction that is there.</summary>
    /// <exception cref="PostgresException">They were refused, and the transaction has failed.</exception>
    public static async Task CopyAsync(NpgsqlConnection connection, IReadOnlyList<RowWrite> rows, CancellationToken ct)
    {
        foreach (var some in rows.GroupBy(row => row.Statement))
        {
            var insert = some.Key;
            await using var copy = await connection.BeginBinaryImportAsync(
                $"COPY \"{insert.Table}\" ({string.Join(", ", insert.Columns.Select(c => $"\"{c.Name}\""))}) FROM "
                    + $"STDIN (FORMAT BINARY)",
                ct);
            foreach (var (_, entity, _) in some)
            {
                await copy.StartRowAsync(ct);
                foreach (var column in insert.Columns) await column.CopyAsync(copy, entity, ct);
            }

            await copy.CompleteAsync(ct);
        }
    }
}
