using System.Data.Common;
using System.Globalization;
using System.Reflection;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql;

namespace Usher.Core.Data;

public static class UsherDbOptions
{
    public const string SqliteMigrations = "Usher.Migrations.Sqlite";
    public const string PostgresMigrations = "Usher.Migrations.Postgres";

    // Before the first connection, as SQLite asks: no count of its memory, for which all threads would wait at one
    // lock, and no lock around each connection, which only one uses at a time.
    static UsherDbOptions()
    {
        SQLitePCL.Batteries_V2.Init();
        SQLitePCL.raw.sqlite3_config(SQLitePCL.raw.SQLITE_CONFIG_MEMSTATUS, 0);
        SQLitePCL.raw.sqlite3_config(SQLitePCL.raw.SQLITE_CONFIG_MULTITHREAD);
    }

    extension(DbContextOptionsBuilder options)
    {
        /// <summary>
        /// SQLite with what "acknowledged" means here: WAL, and synchronous=FULL on every connection.
        /// </summary>
        public DbContextOptionsBuilder UseUsherSqlite(string connectionString)
        {
            var settings = new SqliteConnectionStringBuilder(connectionString) { ForeignKeys = true };
            return options.UseSqlite(settings.ToString(), o => o.MigrationsAssembly(SqliteMigrations))
                .UseCompiledModel(SqliteMigrations).AddInterceptors(KeptConnection.Interceptor);
        }

        /// <summary>
        /// PostgreSQL, which keeps the statements prepared that a connection runs again and again, where the connection
        /// string does not say otherwise.
        /// </summary>
        public DbContextOptionsBuilder UseUsherPostgres(string connectionString) =>
            options.UseNpgsql(WithPlans(connectionString), o => o.MigrationsAssembly(PostgresMigrations))
                .UseCompiledModel(PostgresMigrations);

        // Made from the model beforehand (eng/compile-model): to build it is a fifth of a start. dotnet ef asks for the
        // model itself, and may find none compiled.
        private DbContextOptionsBuilder UseCompiledModel(string assembly) =>
            EF.IsDesignTime ? options : options.UseModel(CompiledModel(assembly));
    }

    // Beside the migrations, because each database has its own; EF itself looks for it only in the context's assembly.
    private static IModel CompiledModel(string assembly) =>
        (IModel)Assembly.Load(assembly)
            .GetCustomAttribute<DbContextModelAttribute>()!.ModelType.GetProperty("Instance")!.GetValue(null)!;

    // Each statement has one plan, by index, whatever is in the tables at the moment: what is right for a million rows
    // costs nothing for ten, and a plan that was right for ten is a disaster for a million. The compiler would compile
    // for a second what runs for a millisecond.
    private const string OnePlan =
        "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off "
            + "-c jit=off";

    // Planning the access graph's statement costs PostgreSQL several times what running it does. Connections are not
    // reset when they are given back, because that forgets what is prepared, and nothing here sets anything for a
    // session.
    private static string WithPlans(string connectionString)
    {
        var given = new DbConnectionStringBuilder { ConnectionString = connectionString }.Keys.Cast<string>()
            .Select(key => key.Replace(" ", "", StringComparison.Ordinal))
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        NpgsqlConnectionStringBuilder settings = new(connectionString);
        if (!given.Contains(nameof(settings.MaxAutoPrepare))) settings.MaxAutoPrepare = 100;
        if (!given.Contains(nameof(settings.AutoPrepareMinUsages))) settings.AutoPrepareMinUsages = 3;
        if (!given.Contains(nameof(settings.NoResetOnClose))) settings.NoResetOnClose = true;
        if (!given.Contains(nameof(settings.Options))) settings.Options = OnePlan;
        return settings.ToString();
    }

    // Neither touches the disk: a connection's own setting, and the driver's patience with another process (a backup,
    // say).
    internal static void Prepare(SqliteConnection connection)
    {
        // Ten seconds at most; less where the connection string asks for less.
        var patience = connection.DefaultTimeout is > 0 and < 10 and var seconds ? seconds * 1000 : 10_000;
        using var command = connection.CreateCommand();
        command.CommandText = string.Create(
            CultureInfo.InvariantCulture, $"PRAGMA synchronous=FULL; PRAGMA busy_timeout={patience};");
        command.ExecuteNonQuery();

        // A plan depends on the statement alone. Otherwise each new LIMIT, say, has a statement that was kept prepared
        // prepared again.
        SQLitePCL.raw.sqlite3_db_config(connection.Handle!, SQLitePCL.raw.SQLITE_DBCONFIG_ENABLE_QPSG, 1, out _);
    }
}
