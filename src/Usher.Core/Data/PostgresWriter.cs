using Npgsql;

namespace Usher.Core.Data;

/// <summary>Adds rows on PostgreSQL: one batch, which is one round trip and, outside of a transaction, one of its own.</summary>
internal static class PostgresWriter
{
    /// <exception cref="PostgresException">They were refused: none is stored, and a transaction around them has failed.</exception>
    public static async Task InsertAsync(NpgsqlConnection connection, IReadOnlyList<InsertRow> rows, CancellationToken ct)
    {
        await using var batch = connection.CreateBatch();
        foreach (var (table, values) in rows)
        {
            var command = new NpgsqlBatchCommand(table.Sql);
            for (var i = 0; i < values.Length; i++)
                command.Parameters.Add(new() { Value = values[i] ?? DBNull.Value, NpgsqlDbType = table.Columns[i].PostgresType });
            batch.BatchCommands.Add(command);
        }

        await batch.ExecuteNonQueryAsync(ct);
    }
}
