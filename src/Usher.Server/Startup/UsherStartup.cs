using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Server.Startup;

/// <summary>
/// What must be so before the host starts: the data directory is ours alone, the schema is this program's, the first organization exists. No hosted service,
/// because the host would log its failure with a stack where one line is wanted, and because Data Protection's own looks for its keys.
/// </summary>
public sealed class UsherStartup(
    DatabaseSettings database, IServiceScopeFactory scopes, IOptions<BootstrapOptions> bootstrap, IOptions<ServerOptions> server, IDataProtectionProvider protection,
    MemberNumbers numbers) : IDisposable
{
    private FileStream? directoryLock;

    /// <summary>Whether all of it is done; <c>/health/ready</c> asks.</summary>
    public bool Done { get; private set; }

    /// <exception cref="StartupException">Something stands in the way; its message is one line for whoever started the server.</exception>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        LockDirectory();
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<UsherDb>();
        await MigrateAsync(db, cancellationToken);

        // Makes or unwraps the key ring now: a wrong master key is a line at start, not a failed mail later.
        try
        {
            _ = protection.CreateProtector("Usher.Startup").Protect([]);
        }
        catch (System.Security.Cryptography.CryptographicException e)
        {
            throw new StartupException("Usher:MasterKeyFile is not the key this database was set up with.", e);
        }

        await BootstrapAsync(db, scope.ServiceProvider.GetRequiredService<OrganizationService>(), cancellationToken);
        await scope.ServiceProvider.GetRequiredService<ApiKeyService>().SetOperatorKeyAsync(server.Value.Operator.ApiKey, cancellationToken);
        if (database.IsSqlite)
        {
            await scope.ServiceProvider.GetRequiredService<OutboxQueue>().TakeBackAsync(cancellationToken);
            await scope.ServiceProvider.GetRequiredService<JobRunner>().TakeBackAsync(cancellationToken);
        }

        await numbers.PrepareAsync(cancellationToken);
        Done = true;
    }

    public void Dispose() => directoryLock?.Dispose();

    // An operating system's lock, which dies with the process. It refuses a second server and guards the migration.
    private void LockDirectory()
    {
        if (!database.IsSqlite) return;
        try
        {
            database.MakeDataDirectory();
            directoryLock = new(Path.Combine(database.DataDirectory, "usher.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"Usher:DataDirectory: {database.DataDirectory} cannot be used, or another server is using it: {e.Message}", e);
        }
    }

    private async Task MigrateAsync(UsherDb db, CancellationToken ct)
    {
        try
        {
            // EF's own lock is a row that outlives a killed process. Under our lock nobody else can be migrating.
            if (database.IsSqlite && (await db.Database.SqlQueryRaw<long>("SELECT count(*) AS Value FROM sqlite_master WHERE name = '__EFMigrationsLock'").SingleAsync(ct)) > 0)
                await db.Database.ExecuteSqlRawAsync("""DELETE FROM "__EFMigrationsLock" """, ct);
            string[] applied = [.. await db.Database.GetAppliedMigrationsAsync(ct)], known = [.. db.Database.GetMigrations()];
            if (applied.Except(known).FirstOrDefault() is { } newest) throw new StartupException($"The database was migrated by a newer version of Usher ({newest}); this one does not serve it.");
            // Migrating nothing would still build the model a second time, to compare it with the last migration's: a tenth of a start. A test compares them.
            if (applied.Length < known.Length) await db.Database.MigrateAsync(ct);
            if (database.IsSqlite) await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode=WAL;", ct);
        }
        catch (Exception e) when (e is NpgsqlException or Microsoft.Data.Sqlite.SqliteException or System.Net.Sockets.SocketException)
        {
            throw new StartupException($"ConnectionStrings:Usher: the database cannot be used: {e.Message}", e);
        }
    }

    private async Task BootstrapAsync(UsherDb db, OrganizationService organizations, CancellationToken ct)
    {
        var given = bootstrap.Value;
        if (given.Organization.Name is not { } name || await db.Organizations.AnyAsync(ct)) return;
        var made = await organizations.CreateAsync(Actor.System(Organization.Installation), new(given.Organization.Slug ?? "", name, given.Owner.Email ?? "")
        {
            TimeZone = given.Organization.TimeZone, ExternalIdentityProvider = given.Organization.ExternalIdentityProvider, OwnerFirstName = given.Owner.FirstName, OwnerLastName = given.Owner.LastName,
            OwnerPassword = given.Owner.Password, OwnerApiKey = given.Owner.ApiKey, Resources = [.. given.Organization.Resources],
        }, ct);
        if (!made.TryGet(out var created, out var refused)) throw new StartupException($"{SettingOf(refused)}: {refused.Message}");

        // Standard output, not the log: these secrets are shown once, to whoever started the server, and kept nowhere.
        var url = server.Value.PublicUrl;
        Console.Out.WriteLine($"\nMade the organization {created.Organization.Name} with {created.Owner.Identifier} as its owner. What follows is shown this once.");
        if (given.Owner.ApiKey is null) Console.Out.WriteLine($"  API key       {created.ApiKey}");
        if (created.OwnerLink is { } link) Console.Out.WriteLine($"  Set password  {url}/join/{link.OrganizationSlug}/{link.InvitationId}#{link.Secret}");
        Console.Out.WriteLine($"  Sign in       {url}/sign-in");
        if (given.PrintExamples) Console.Out.WriteLine(Examples.Of(created, url, given.Owner.ApiKey ?? created.ApiKey));
        Console.Out.Flush();
    }

    private static string SettingOf(Error error) => BootstrapOptions.Section + ":" + error.Field switch
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
