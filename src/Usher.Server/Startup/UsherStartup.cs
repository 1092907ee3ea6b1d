using System.Data.Common;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;
using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Server.Api.Http;

namespace Usher.Server.Startup;

/// <summary>
/// Prepares everything before the host starts: locks the data directory, migrates the schema, checks the keys and
/// creates the first organization. It is not a hosted service, because the host would log a failure with a stack trace
/// instead of one line, and because Data Protection's own hosted service needs its keys before.
/// </summary>
public sealed class UsherStartup(
    DatabaseSettings database, IServiceScopeFactory scopes, IOptions<BootstrapOptions> bootstrap,
    IOptions<ServerOptions> server, MemberNumbers numbers, ILogger<UsherStartup> logger) : IDisposable
{
    private FileStream? directoryLock;

    /// <summary>Whether the preparation is complete; read by <c>/health/ready</c>.</summary>
    public bool Done { get; private set; }

    /// <exception cref="StartupException">The server cannot start. The message is one line.</exception>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        LockDirectory();
        SpilledBodies.DeleteAll(server.Value);
        await using var scope = scopes.CreateAsyncScope();
        var services = scope.ServiceProvider;
        await SetUpAsync(services, cancellationToken);
        if (database.IsSqlite)
        {
            await services.GetRequiredService<OutboxQueue>().TakeBackAsync(cancellationToken);
            await services.GetRequiredService<JobRunner>().TakeBackAsync(cancellationToken);
        }

        await numbers.PrepareAsync(cancellationToken);
        Done = true;
    }

    public void Dispose() => directoryLock?.Dispose();

    // Nodes that start at the same time do this one after another. On SQLite the lock of the directory ensures it.
    private async Task SetUpAsync(IServiceProvider services, CancellationToken ct)
    {
        var db = services.GetRequiredService<UsherDb>();
        DatabaseLock? mine = null;
        try
        {
            if (!database.IsSqlite)
                mine = await DatabaseLock.TakeAsync(
                    database.ConnectionString, db.GetService<IRelationalDatabaseCreator>(), ct);
            await MigrateAsync(db, ct);
            await OpenKeysAsync(services, db, ct);
            await BootstrapAsync(db, services.GetRequiredService<OrganizationService>(), ct);
            await services.GetRequiredService<ApiKeyService>().SetOperatorKeyAsync(server.Value.Operator.ApiKey, ct);
        }
        catch (Exception e) when (e is DbException || Outage.Find(e) is not null)
        {
            throw new StartupException(
                $"ConnectionStrings:Usher: the database cannot be used: "
                    + $"{(Outage.Find(e) ?? e).Message.ReplaceLineEndings(" ")}",
                e);
        }
        finally
        {
            if (mine is not null) await mine.DisposeAsync();
        }
    }

    // A lock of the operating system, which is released when the process ends. It refuses a second server on the same
    // directory and guards the migration.
    private void LockDirectory()
    {
        if (!database.IsSqlite)
        {
            PrivateFiles.WarnAboutFile(database.MasterKeyFile, logger);
            return;
        }

        try
        {
            database.MakeDataDirectory();
            var file = Path.Combine(database.DataDirectory, "usher.lock");
            directoryLock = new(
                file, PrivateFiles.Opening(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            MakeFilesPrivate(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(
                $"Usher:DataDirectory: cannot use {database.DataDirectory}, or another server is using it: "
                    + $"{e.Message}",
                e);
        }
    }

    // SQLite gives the files beside a database the same mode as the database.
    private void MakeFilesPrivate(string lockFile)
    {
        PrivateFiles.WarnAboutFolder(database.DataDirectory, logger);
        PrivateFiles.Restrict(lockFile);
        if (Path.GetDirectoryName(database.MasterKeyFile) == database.DataDirectory)
            PrivateFiles.Restrict(database.MasterKeyFile);
        else PrivateFiles.WarnAboutFile(database.MasterKeyFile, logger);
        if (database.File is not { } file) return;
        new FileStream(file, PrivateFiles.Opening(FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite))
            .Dispose();
        foreach (var suffix in new[] { "", "-wal", "-shm" }) PrivateFiles.Restrict(file + suffix);
    }

    private async Task MigrateAsync(UsherDb db, CancellationToken ct)
    {
        // EF Core's migration lock is a row that outlives a killed process. Our own lock rules out other migrations.
        const string locks = "SELECT count(*) AS Value FROM sqlite_master WHERE name = '__EFMigrationsLock'";
        if (database.IsSqlite && await db.Database.SqlQueryRaw<long>(locks).SingleAsync(ct) > 0)
            await db.Database.ExecuteSqlRawAsync("""DELETE FROM "__EFMigrationsLock" """, ct);
        string[] applied = [.. await db.Database.GetAppliedMigrationsAsync(ct)];
        string[] known = [.. db.Database.GetMigrations()];
        if (applied.Except(known).FirstOrDefault() is { } newest)
            throw new StartupException(
                $"A newer version of Usher has migrated the database ({newest}). Use that version or a later one.");
        // MigrateAsync builds the model a second time even if there is nothing to migrate, which takes a tenth of the
        // start-up. A test compares the model with the migrations.
        if (applied.Length < known.Length) await db.Database.MigrateAsync(ct);
        if (database.IsSqlite) await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode=WAL;", ct);
    }

    // Data Protection skips a key that it cannot decrypt, and creates a new one. Everything that other nodes encrypted
    // with the old key would then be unreadable on this node.
    private async Task OpenKeysAsync(IServiceProvider services, UsherDb db, CancellationToken ct)
    {
        var stored = await db.DataProtectionKeys.AsNoTracking().Select(k => k.Xml!).ToListAsync(ct);
        if (stored.Count > 0 && !File.Exists(database.MasterKeyFile))
            throw new StartupException(
                $"Usher:MasterKeyFile: {database.MasterKeyFile} is missing, and the keys in this database need it. "
                + $"Restore the file.");
        var master = services.GetRequiredService<MasterKey>();
        if (!stored.TrueForAll(master.Opens))
            throw new StartupException(
                $"Usher:MasterKeyFile: {database.MasterKeyFile} does not decrypt the keys in this database. Use the "
                + $"same file as the other nodes, or as before.");

        // Creates the first key now, so that a problem with it stops the start and does not fail a mail later.
        _ = services.GetRequiredService<IDataProtectionProvider>().CreateProtector("Usher.Startup").Protect([]);
    }

    private async Task BootstrapAsync(UsherDb db, OrganizationService organizations, CancellationToken ct)
    {
        var given = bootstrap.Value;
        if (given.Organization.Name is not { } name || await db.Organizations.AnyAsync(ct)) return;
        var first = new NewOrganization(given.Organization.Slug ?? "", name, given.Owner.Email ?? "")
        {
            TimeZone = given.Organization.TimeZone,
            ExternalIdentityProvider = given.Organization.ExternalIdentityProvider,
            OwnerFirstName = given.Owner.FirstName, OwnerLastName = given.Owner.LastName,
            OwnerPassword = given.Owner.Password, OwnerApiKey = given.Owner.ApiKey,
            Resources = [.. given.Organization.Resources],
        };
        var made = await organizations.CreateAsync(Actor.System(Organization.Installation), first, ct);
        if (!made.TryGet(out var created, out var refused))
            throw new StartupException($"{SettingOf(refused)}: {refused.Message}");

        // Written to standard output and not to the log, because these secrets are shown once and stored nowhere.
        var url = server.Value.PublicUrl;
        Console.Out.WriteLine(
            $"\nCreated the organization {created.Organization.Name} with the owner {created.Owner.Identifier}. The "
            + $"following is shown only once.");
        if (given.Owner.ApiKey is null) Console.Out.WriteLine($"  API key       {created.ApiKey}");
        if (created.OwnerLink is { } link)
            Console.Out.WriteLine(
                $"  Set password  {url}/join/{link.OrganizationSlug}/{link.InvitationId}#{link.Secret}");
        Console.Out.WriteLine($"  Sign in       {url}/sign-in");
        if (given.PrintExamples) Console.Out.WriteLine(Examples.Of(created, url, given.Owner.ApiKey ?? created.ApiKey));
        Console.Out.Flush();
    }

    private static string SettingOf(Error error) => BootstrapOptions.Section + ":" + error.Field?.Text switch
    {
        "slug" => "Organization:Slug",
        "name" => "Organization:Name",
        "external_identity_provider" => "Organization:ExternalIdentityProvider",
        "time_zone" => "Organization:TimeZone",
        "owner/email" => "Owner:Email",
        "owner/first_name" => "Owner:FirstName",
        "owner/last_name" => "Owner:LastName",
        "password" => "Owner:Password",
        "owner/api_key" => "Owner:ApiKey",
        _ => "Organization",
    };
}
