using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Usher.Core.Data;

public static class UsherDbOptions
{
    public const string SqliteMigrations = "Usher.Migrations.Sqlite";
    public const string PostgresMigrations = "Usher.Migrations.Postgres";

    extension(DbContextOptionsBuilder options)
    {
        /// <summary>SQLite with what "acknowledged" means here: WAL, and synchronous=FULL on every connection.</summary>
        public DbContextOptionsBuilder UseUsherSqlite(string connectionString)
        {
            var settings = new SqliteConnectionStringBuilder(connectionString) { ForeignKeys = true };
            return options.UseSqlite(settings.ToString(), o => o.MigrationsAssembly(SqliteMigrations)).AddInterceptors(FullSync.Instance);
        }

        public DbContextOptionsBuilder UseUsherPostgres(string connectionString) =>
            options.UseNpgsql(connectionString, o => o.MigrationsAssembly(PostgresMigrations));
    }

    private sealed class FullSync : DbConnectionInterceptor
    {
        public static readonly FullSync Instance = new();

        public override void ConnectionOpened(System.Data.Common.DbConnection connection, ConnectionEndEventData eventData) => Set(connection);

        public override Task ConnectionOpenedAsync(System.Data.Common.DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            Set(connection);
            return Task.CompletedTask;
        }

        // Neither touches the disk: a connection's own setting, and the driver's patience with another process (a backup, say).
        private static void Set(System.Data.Common.DbConnection connection)
        {
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000;";
            command.ExecuteNonQuery();
        }
    }
}
