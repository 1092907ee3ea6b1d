using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>
/// Says at little cost whether anything may have been written to a database since this was asked last. On SQLite that
/// is a commit of any other connection. On PostgreSQL it is a statement that writes to any table; triggers count these.
/// </summary>
public sealed class WriteSignal : IAsyncDisposable
{
    private const string CountWrites = """
        CREATE SEQUENCE IF NOT EXISTS test_writes;
        CREATE OR REPLACE FUNCTION test_count_write() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM nextval('test_writes'); RETURN NULL; END $$;
        DO $$ DECLARE name text; BEGIN
            FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public' LOOP
                EXECUTE format('CREATE OR REPLACE TRIGGER test_writes AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE '
                    'ON %s FOR EACH STATEMENT EXECUTE FUNCTION test_count_write()', name);
            END LOOP;
        END $$;
        """;

    private readonly DbConnection connection;
    private readonly DbCommand question;
    private long last = -1;

    private WriteSignal(DbConnection connection, string question)
    {
        this.connection = connection;
        this.question = connection.CreateCommand();
        this.question.CommandText = question;
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<WriteSignal> CreateAsync(UsherApp app)
    {
        var text = await app.QueryAsync(db => Task.FromResult(db.Database.GetConnectionString()));
        var signal = TestDatabase.IsPostgres
            ? new WriteSignal(new NpgsqlConnection(text), "SELECT last_value FROM test_writes")
            : new WriteSignal(
                new SqliteConnection(new SqliteConnectionStringBuilder(text) 
                {
                    Mode = SqliteOpenMode.ReadOnly, Pooling = false,
                }.ToString()),
                "PRAGMA data_version");
        await signal.connection.OpenAsync(Ct);
        if (!TestDatabase.IsPostgres) return signal;
        await using var triggers = signal.connection.CreateCommand();
        triggers.CommandText = CountWrites;
        await triggers.ExecuteNonQueryAsync(Ct);
        return signal;
    }

    public async Task<bool> MayHaveChangedAsync()
    {
        var before = last;
        last = (long)(await question.ExecuteScalarAsync(Ct))!;
        return last != before;
    }

    public async ValueTask DisposeAsync()
    {
        await question.DisposeAsync();
        await connection.DisposeAsync();
    }
}
