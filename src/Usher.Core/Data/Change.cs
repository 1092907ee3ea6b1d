using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>How a row is written.</summary>
internal enum ChangeKind
{
    /// <summary>Inserts the whole row.</summary>
    Insert,

    /// <summary>Updates all columns except the key and the separately written ones.</summary>
    Update,

    /// <summary>
    /// Updates only the separately written columns (see <see cref="Table{T}.Apart"/>), without checking the concurrency
    /// token.
    /// </summary>
    Touch,

    /// <summary>Deletes the row.</summary>
    Delete,
}

/// <summary>One statement that a unit writes.</summary>
internal abstract class Change
{
    /// <summary>The SQL text, with <c>$1</c>, <c>$2</c>, … for its values.</summary>
    public abstract string Text { get; }

    /// <summary>Whether the unit has lost a race if the statement affects no row.</summary>
    public abstract bool MustFind { get; }

    /// <summary>Sets the parameter values of a command. Parameters that already exist are reused.</summary>
    public abstract void Bind(SqliteCommand command);

    /// <summary>Creates the PostgreSQL command with its values.</summary>
    public abstract NpgsqlBatchCommand ToPostgres();

    protected static void Bind(SqliteCommand command, int index, object? value)
    {
        if (index == command.Parameters.Count)
        {
            var name = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"${index + 1}");
            command.Parameters.Add(new SqliteParameter { ParameterName = name });
        }

        command.Parameters[index].Value = value ?? DBNull.Value;
    }

    // If the statement affects no row, the division by zero makes PostgreSQL roll back the whole batch.
    protected NpgsqlBatchCommand NewPostgres() =>
        new(MustFind ? $"WITH found AS ({Text} RETURNING 1) SELECT 1 / count(*) FROM found" : Text);
}

/// <summary>A row that a unit writes.</summary>
/// <param name="table">The table of the row.</param>
/// <param name="row">The row with its new values.</param>
/// <param name="kind">How it is written.</param>
/// <param name="token">The value of the table's concurrency token when the row was read. An update or delete loses its
/// race if the stored token differs or the row no longer exists.</param>
internal sealed class RowChange(Table table, object row, ChangeKind kind, object? token = null) : Change
{
    public Table Table => table;

    public object Row => row;

    public ChangeKind Kind => kind;

    /// <summary>For an update: the changed values in unique indexes.</summary>
    public IReadOnlyList<UniqueValue> Unique { get; init; } = [];

    /// <summary>Whether a delete also succeeds if the row no longer exists.</summary>
    public bool MayBeGone { get; init; }

    public override bool MustFind => kind is ChangeKind.Update or ChangeKind.Delete && !MayBeGone;

    public override string Text => kind switch
    {
        ChangeKind.Insert => table.InsertText,
        ChangeKind.Update => table.UpdateText,
        ChangeKind.Touch => table.TouchText,
        ChangeKind.Delete => table.DeleteText,
    };

    private IReadOnlyList<Column> Columns => kind switch
    {
        ChangeKind.Insert => table.Columns,
        ChangeKind.Update => table.UpdateColumns,
        ChangeKind.Touch => table.TouchColumns,
        ChangeKind.Delete => table.KeyColumns,
    };

    private bool HasToken => MustFind && table.Token is not null;

    public override void Bind(SqliteCommand command)
    {
        var columns = Columns;
        for (var i = 0; i < columns.Count; i++) Bind(command, i, columns[i].Sqlite(row));
        if (HasToken) Bind(command, columns.Count, token);
    }

    public override NpgsqlBatchCommand ToPostgres()
    {
        var command = NewPostgres();
        foreach (var column in Columns) command.Parameters.Add(column.Postgres(row));
        if (HasToken) command.Parameters.Add(new NpgsqlParameter { Value = token });
        return command;
    }
}

/// <summary>A changed value in a unique index.</summary>
/// <param name="Column">The column.</param>
/// <param name="Before">The value that the update frees.</param>
/// <param name="After">The value that the update takes.</param>
internal sealed record UniqueValue(string Column, object? Before, object? After)
{
    /// <summary>Whether another row of the table takes the value that this one frees.</summary>
    public bool IsFreedFor(UniqueValue other) =>
        other.Column == Column && Before is not null && Before.Equals(other.After);
}

/// <summary>
/// Frees a unique value of a row before the row's update, so that another row can take it: a text becomes a random one,
/// anything else null.
/// </summary>
internal sealed class FreeChange(Table table, object row, UniqueValue value) : Change
{
    private readonly string? placeholder = value.Before is string ? $"#{Guid.NewGuid():N}" : null;

    public override string Text { get; } = table.FreeText(value.Column);

    public override bool MustFind => true;

    public override void Bind(SqliteCommand command)
    {
        Bind(command, 0, placeholder);
        for (var i = 0; i < table.KeyColumns.Count; i++) Bind(command, i + 1, table.KeyColumns[i].Sqlite(row));
    }

    public override NpgsqlBatchCommand ToPostgres()
    {
        var command = NewPostgres();
        command.Parameters.Add(new NpgsqlParameter { Value = placeholder ?? (object)DBNull.Value });
        foreach (var column in table.KeyColumns) command.Parameters.Add(column.Postgres(row));
        return command;
    }
}

/// <summary>A hand-written statement that a unit writes.</summary>
internal sealed class StatementChange(Sql sql, bool mustFind) : Change
{
    public override string Text { get; } = sql.Text;

    public override bool MustFind => mustFind;

    public override void Bind(SqliteCommand command)
    {
        for (var i = 0; i < sql.Values.Count; i++) Bind(command, i, sql.Values[i]);
    }

    public override NpgsqlBatchCommand ToPostgres()
    {
        var command = NewPostgres();
        foreach (var value in sql.Values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}
