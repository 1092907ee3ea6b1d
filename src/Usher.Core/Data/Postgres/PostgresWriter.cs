using Npgsql;

namespace Usher.Core.Data.Postgres;

/// <summary>
/// Writes the rows of a unit to PostgreSQL in one batch, which is one round trip. Outside of a transaction, the batch
/// is its own transaction: everything is stored, or nothing. If an update or delete affects no row, its statement
/// divides by zero, so that the database rolls back the batch. Large numbers of new rows are written with COPY, in a
/// transaction.
/// </summary>
internal static class PostgresWriter
{
    // With this number of new rows in a table, COPY is worth its own round trip.
    private const int ManyRows = 64;

    /// <summary>Writes the rows of a unit.</summary>
    /// <param name="connection">An open connection.</param>
    /// <param name="inTransaction">Whether the connection has an open transaction.</param>
    /// <param name="changes">The changes, in an order that satisfies the constraints.</param>
    /// <returns>Whether the rows were written. False if the unit lost a race; a surrounding transaction has then
    /// failed.</returns>
    public static async Task<bool> TryWriteAsync(
        NpgsqlConnection connection, bool inTransaction, IReadOnlyList<Change> changes, CancellationToken ct)
    {
        try
        {
            if (!HasMany(changes))
            {
                await WriteAsync(connection, changes, ct);
                return true;
            }

            await using var own = inTransaction ? null : await connection.BeginTransactionAsync(ct);
            foreach (var (table, run) in Runs(changes))
            {
                if (table is not null) await CopyAsync(connection, table, run, ct);
                else await WriteAsync(connection, run, ct);
            }

            if (own is not null) await own.CommitAsync(ct);
            return true;
        }
        catch (PostgresException e) when (LostRace.Is(e))
        {
            return false;
        }
    }

    private static bool HasMany(IReadOnlyList<Change> changes) =>
        changes.Count >= ManyRows && Added(changes).CountBy(c => c.Table).Any(table => table.Value >= ManyRows);

    private static IEnumerable<RowChange> Added(IEnumerable<Change> changes) =>
        changes.OfType<RowChange>().Where(c => c.Kind is ChangeKind.Insert);

    // Splits the changes into runs. Many new rows of one table are a run with that table. The changes between such runs
    // are runs without a table.
    private static IEnumerable<(Table? Table, List<Change> Run)> Runs(IReadOnlyList<Change> changes)
    {
        var many = Added(changes).CountBy(c => c.Table).Where(t => t.Value >= ManyRows).Select(t => t.Key).ToHashSet();
        (Table? Table, List<Change> Run) current = (null, []);
        foreach (var change in changes)
        {
            var table = change is RowChange { Kind: ChangeKind.Insert } row && many.Contains(row.Table)
                ? row.Table
                : null;
            if (current.Run.Count > 0 && table != current.Table)
            {
                yield return current;
                current.Run = [];
            }

            current.Table = table;
            current.Run.Add(change);
        }

        yield return current;
    }

    private static async Task WriteAsync(
        NpgsqlConnection connection, IReadOnlyList<Change> changes, CancellationToken ct)
    {
        await using var batch = connection.CreateBatch();
        foreach (var change in changes) batch.BatchCommands.Add(change.ToPostgres());
        await batch.ExecuteNonQueryAsync(ct);
    }

    private static async Task CopyAsync(
        NpgsqlConnection connection, Table table, IReadOnlyList<Change> added, CancellationToken ct)
    {
        var columns = string.Join(", ", table.Columns.Select(c => c.Name));
        await using var copy = await connection.BeginBinaryImportAsync(
            $"COPY {table.Name} ({columns}) FROM STDIN (FORMAT BINARY)", ct);
        foreach (var change in Added(added))
        {
            await copy.StartRowAsync(ct);
            foreach (var column in table.Columns) await column.CopyAsync(copy, change.Row, ct);
        }

        await copy.CompleteAsync(ct);
    }
}
