using Npgsql;

namespace Usher.Core.Data;

/// <summary>
/// Writes the rows of a unit on PostgreSQL in one batch, which is one round trip. Outside of a transaction the batch is
/// one of its own: all of it is stored, or nothing. An update or a delete that does not find its row divides by the
/// number of rows it found, so that the database itself takes the batch back. Many new rows go by COPY, in a
/// transaction.
/// </summary>
internal static class PostgresWriter
{
    // From so many new rows of a table on, COPY makes up for its own round trip.
    private const int ManyRows = 64;

    /// <summary>Writes the rows of a unit.</summary>
    /// <param name="connection">An open connection.</param>
    /// <param name="inTransaction">Whether a transaction is open on it.</param>
    /// <param name="changes">In an order that can be written.</param>
    /// <param name="ct">Cancels the write.</param>
    /// <returns>Whether they were written; where not, a transaction around them has failed.</returns>
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

    // New rows of a table that are many are a run of their own; what is between such runs is another, without a table.
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
