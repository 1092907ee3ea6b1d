using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Usher.Core.Data;

namespace Usher.Server.Startup;

internal static class DatabaseExtensions
{
    /// <summary>Registers the database, the keys that are kept in it, and its preparation at the start.</summary>
    public static void AddUsherDatabase(this IServiceCollection services, DatabaseSettings database)
    {
        services.AddSingleton(database);
        services.AddSingleton<UsherStartup>();
        // On SQLite every pooled context keeps a connection open, so the pool is only as large as concurrency needs.
        services.AddDbContextPool<UsherDb>(
            o =>
                _ = database.IsSqlite
                    ? o.UseUsherSqlite(database.ConnectionString)
                    : o.UseUsherPostgres(database.ConnectionString),
            poolSize: 128);
        services.AddSingleton(_ =>
        {
            if (database.IsSqlite) database.MakeDataDirectory();
            return MasterKey.Open(database.MasterKeyFile, mayCreate: database.IsSqlite);
        });
        // All nodes share the keys.
        services.AddDataProtection().SetApplicationName("Usher").PersistKeysToDbContext<UsherDb>();
        services.AddOptions<KeyManagementOptions>().Configure<MasterKey>((keys, master) =>
            keys.XmlEncryptor = new MasterKeyEncryptor(master));
    }
}
