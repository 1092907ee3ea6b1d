using System.Data.Common;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Data.Sqlite;

namespace Usher.Core.Data;

/// <summary>The row that a <see cref="Statement"/> has come to. Columns count from 0; what is NULL may only be asked whether it is.</summary>
internal abstract partial class ResultRow
{
    public static ResultRow Of(DbDataReader reader) => reader is SqliteDataReader sqlite ? new SqliteRow(sqlite) : new DriverRow(reader);

    public abstract bool IsNull(int column);

    public abstract string Text(int column);

    public abstract long Integer(int column);

    public abstract bool Flag(int column);

    public abstract Guid Id(int column);

    public abstract DateTimeOffset Instant(int column);

    /// <summary>Anything else, as the driver reads it.</summary>
    public abstract T Value<T>(int column);

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    public Guid? IdOrNull(int column) => IsNull(column) ? null : Id(column);

    public DateTimeOffset? InstantOrNull(int column) => IsNull(column) ? null : Instant(column);

    private sealed class DriverRow(DbDataReader reader) : ResultRow
    {
        public override bool IsNull(int column) => reader.IsDBNull(column);

        public override string Text(int column) => reader.GetString(column);

        public override long Integer(int column) => reader.GetInt64(column);

        public override bool Flag(int column) => reader.GetBoolean(column);

        public override Guid Id(int column) => reader.GetGuid(column);

        public override DateTimeOffset Instant(int column) => reader.GetFieldValue<DateTimeOffset>(column);

        public override T Value<T>(int column) => reader.GetFieldValue<T>(column);
    }

    // Past the driver, to SQLite itself: a page of members is some thousand values, and the driver's checks of each cost more than finding the rows. Valid while the reader is.
    private sealed unsafe partial class SqliteRow(SqliteDataReader reader) : ResultRow
    {
        private readonly nint statement = reader.Handle!.DangerousGetHandle();

        public override bool IsNull(int column) => ColumnType(statement, column) is SQLitePCL.raw.SQLITE_NULL;

        // Bytes are counted after the value was asked for, as SQLite wants it.
        public override string Text(int column) => Encoding.UTF8.GetString(ColumnText(statement, column), ColumnBytes(statement, column));

        public override long Integer(int column) => ColumnInteger(statement, column);

        public override bool Flag(int column) => ColumnInteger(statement, column) is not 0;

        public override Guid Id(int column) => new(new ReadOnlySpan<byte>(ColumnBlob(statement, column), ColumnBytes(statement, column)), bigEndian: true);

        public override DateTimeOffset Instant(int column) => DateTimeOffset.FromUnixTimeMilliseconds(ColumnInteger(statement, column));

        public override T Value<T>(int column) => reader.GetFieldValue<T>(column);

        [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_column_type"), SuppressGCTransition]
        private static partial int ColumnType(nint statement, int column);

        [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_column_int64"), SuppressGCTransition]
        private static partial long ColumnInteger(nint statement, int column);

        [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_column_text"), SuppressGCTransition]
        private static partial byte* ColumnText(nint statement, int column);

        [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_column_blob"), SuppressGCTransition]
        private static partial byte* ColumnBlob(nint statement, int column);

        [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_column_bytes"), SuppressGCTransition]
        private static partial int ColumnBytes(nint statement, int column);
    }
}
