using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Usher.Core.Data;

public static class UsherDbOptions
{
    public const string SqliteMigrations = "Usher.Migrations.Sqlite";
    public const string PostgresMigrations = "Usher.Migrations.Postgres";

    // Before the first connection, as SQLite asks: no count of its memory, for which all threads would wait at one lock, and no lock around each connection, which only one uses at a time.
    static UsherDbOptions()
    {
        SQLitePCL.Batteries_V2.Init();
        SQLitePCL.raw.sqlite3_config(SQLitePCL.raw.SQLITE_CONFIG_MEMSTATUS, 0);
        SQLitePCL.raw.sqlite3_config(SQLitePCL.raw.SQLITE_CONFIG_MULTITHREAD);
    }

    extension(DbContextOptionsBuilder options)
    {
        /// <summary>SQLite with what "acknowledged" means here: WAL, and synchronous=FULL on every connection.</summary>
        public DbContextOptionsBuilder UseUsherSqlite(string connectionString)
        {
            var settings = new SqliteConnectionStringBuilder(connectionString) { ForeignKeys = true };
            return options.UseSqlite(settings.ToString(), o => o.MigrationsAssembly(SqliteMigrations)).AddInterceptors(KeptConnection.Interceptors);
        }

        public DbContextOptionsBuilder UseUsherPostgres(string connectionString) =>
            options.UseNpgsql(connectionString, o => o.MigrationsAssembly(PostgresMigrations));
    }

    // Neither touches the disk: a connection's own setting, and the driver's patience with another process (a backup, say).
    internal static void Prepare(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000;";
        command.ExecuteNonQuery();

        // A plan depends on the statement alone. Otherwise each new LIMIT, say, has a statement that was kept prepared prepared again.
        SQLitePCL.raw.sqlite3_db_config(connection.Handle!, SQLitePCL.raw.SQLITE_DBCONFIG_ENABLE_QPSG, 1, out _);
    }
}
