using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;

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

        /// <summary>PostgreSQL; what is asked often is prepared once per connection, unless the connection string says otherwise.</summary>
        public DbContextOptionsBuilder UseUsherPostgres(string connectionString)
        {
            var settings = new NpgsqlConnectionStringBuilder(connectionString);
            if (!settings.ContainsKey("Max Auto Prepare")) (settings.MaxAutoPrepare, settings.AutoPrepareMinUsages) = (100, 3);
            // Nothing here sets anything on a connection that the next to use it could trip over, and taking all of it back costs the server as much as a read.
            if (!settings.ContainsKey("No Reset On Close")) settings.NoResetOnClose = true;
            return options.UseNpgsql(settings.ToString(), o => o.MigrationsAssembly(PostgresMigrations));
        }
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
