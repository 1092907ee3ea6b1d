using Microsoft.Data.Sqlite;
using Npgsql;

namespace Usher.Core.Data;

/// <summary>How a row is written.</summary>
internal enum ChangeKind
{
    /// <summary>The whole row is added.</summary>
    Insert,

    /// <summary>All columns are written but the key and those that are written apart.</summary>
    Update,

    /// <summary>The columns that are written apart are written, whatever the row's token is.</summary>
    Touch,

    /// <summary>The row is deleted.</summary>
    Delete,
}

/// <summary>One statement that a unit writes.</summary>
internal abstract class Change
{
    /// <summary>The statement, with <c>$1</c>, <c>$2</c>, … for its values.</summary>
    public abstract string Text { get; }

    /// <summary>Whether the unit has lost a race when the statement finds no row.</summary>
    public abstract bool MustFind { get; }

    /// <summary>Gives the values to a command, whose parameters may be there already.</summary>
    public abstract void Bind(SqliteCommand command);

    /// <summary>The statement with its values.</summary>
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

    // The database itself takes a batch back in which one statement did not find its row.
    protected NpgsqlBatchCommand NewPostgres() =>
        new(MustFind ? $"WITH found AS ({Text} RETURNING 1) SELECT 1 / count(*) FROM found" : Text);
}

/// <summary>A row that a unit writes.</summary>
/// <param name="table">The table of the row.</param>
/// <param name="row">The row as it is to be.</param>
/// <param name="kind">How it is written.</param>
/// <param name="token">The value of the table's token that was read. An update or delete of a row that has another by
/// now, or is gone, loses its race.</param>
internal sealed class RowChange(Table table, object row, ChangeKind kind, object? token = null) : Change
{
    public Table Table => table;

    public object Row => row;

    public ChangeKind Kind => kind;

    /// <summary>Of an update: values of unique indexes that it gives up, and those that it takes.</summary>
    public (object?[] GivenUp, object?[] Taken) Unique { get; init; } = ([], []);

    /// <summary>Whether a row that is gone already is as good as one that is deleted now.</summary>
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

/// <summary>A statement written by hand that a unit writes.</summary>
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
