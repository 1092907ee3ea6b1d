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

    // Must run before the first connection is opened. Disables SQLite's memory statistics, whose lock is shared by all
    // threads, and the lock of each connection, which only one thread uses at a time.
    static UsherDbOptions()
    {
        SQLitePCL.Batteries_V2.Init();
        SQLitePCL.raw.sqlite3_config(SQLitePCL.raw.SQLITE_CONFIG_MEMSTATUS, 0);
        SQLitePCL.raw.sqlite3_config(SQLitePCL.raw.SQLITE_CONFIG_MULTITHREAD);
    }

    extension(DbContextOptionsBuilder options)
    {
        /// <summary>Configures SQLite for durable commits: WAL, and synchronous=FULL on every connection.</summary>
        public DbContextOptionsBuilder UseUsherSqlite(string connectionString)
        {
            var settings = new SqliteConnectionStringBuilder(connectionString) { ForeignKeys = true };
            return options.UseSqlite(settings.ToString(), o => o.MigrationsAssembly(SqliteMigrations))
                .UseCompiledModel(SqliteMigrations).AddInterceptors(OpenForRequest.Interceptor);
        }

        /// <summary>
        /// Configures PostgreSQL. Unless the connection string specifies otherwise, statements that a connection runs
        /// repeatedly are kept prepared.
        /// </summary>
        public DbContextOptionsBuilder UseUsherPostgres(string connectionString) =>
            options.UseNpgsql(WithPlans(connectionString), o => o.MigrationsAssembly(PostgresMigrations))
                .UseCompiledModel(PostgresMigrations);

        // Uses the model compiled beforehand (eng/compile-model); building it takes a fifth of the startup time. dotnet
        // ef needs the original model, and there may be no compiled one.
        private DbContextOptionsBuilder UseCompiledModel(string assembly) =>
            EF.IsDesignTime ? options : options.UseModel(CompiledModel(assembly));
    }

    // The compiled model is in the migrations assembly, because each database has its own. EF itself only searches the
    // context's assembly.
    private static IModel CompiledModel(string assembly) =>
        (IModel)Assembly.Load(assembly)
            .GetCustomAttribute<DbContextModelAttribute>()!.ModelType.GetProperty("Instance")!.GetValue(null)!;

    // Every statement has one index-based plan, regardless of the tables' content. A plan that suits a million rows is
    // also fast for ten; a plan for ten rows is far too slow for a million. JIT compilation would take a second for
    // statements that run for a millisecond.
    private const string OnePlan =
        "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off "
            + "-c jit=off";

    // PostgreSQL needs several times longer to plan the access graph's statement than to run it. Connections are not
    // reset when they return to the pool, because a reset discards prepared statements. Usher changes no session
    // settings.
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

    // These settings do not touch the disk: a connection setting, and the time to wait for locks of other processes
    // such as a backup.
    internal static void Prepare(SqliteConnection connection)
    {
        // At most ten seconds; less if the connection string specifies less.
        var patience = connection.DefaultTimeout is > 0 and < 10 and var seconds ? seconds * 1000 : 10_000;
        using var command = connection.CreateCommand();
        command.CommandText = string.Create(
            CultureInfo.InvariantCulture, $"PRAGMA synchronous=FULL; PRAGMA busy_timeout={patience};");
        command.ExecuteNonQuery();

        // Makes plans independent of parameter values. Otherwise a new value, such as of a LIMIT, would cause a
        // prepared statement to be prepared again.
        SQLitePCL.raw.sqlite3_db_config(connection.Handle!, SQLitePCL.raw.SQLITE_DBCONFIG_ENABLE_QPSG, 1, out _);
    }
}
