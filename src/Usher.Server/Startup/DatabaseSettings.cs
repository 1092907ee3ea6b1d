using Microsoft.Data.Sqlite;

namespace Usher.Server.Startup;

/// <summary>
/// Which database, and where. Read before the container exists, because the container is built by it.
/// </summary>
public sealed record DatabaseSettings(
    bool IsSqlite, string ConnectionString, string DataDirectory, string MasterKeyFile)
{
    /// <summary>
    /// Makes the data directory where it is missing, for its owner's eyes alone: the database holds people's addresses.
    /// </summary>
    public void MakeDataDirectory() => PrivateFiles.MakeFolder(DataDirectory);

    /// <summary>The file of an SQLite database; null where the connection string names none.</summary>
    public string? File =>
        IsSqlite && new SqliteConnectionStringBuilder(ConnectionString).DataSource is { Length: > 0 } file
        && !file.StartsWith(':') && !file.StartsWith("file:", StringComparison.OrdinalIgnoreCase)
            ? Path.GetFullPath(file)
            : null;

    // The start makes the file. Afterwards a file that has gone is an outage, and nothing is written into an empty one
    // in its place.
    private static string WithoutMaking(string connectionString)
    {
        var settings = new SqliteConnectionStringBuilder(connectionString);
        if (settings.Mode is SqliteOpenMode.ReadWriteCreate) settings.Mode = SqliteOpenMode.ReadWrite;
        return settings.ToString();
    }

    public static DatabaseSettings From(IConfiguration configuration)
    {
        var directory = Path.GetFullPath(
            configuration["Usher:DataDirectory"] is { Length: > 0 } given ? given : new ServerOptions().DataDirectory);
        var connection = configuration.GetConnectionString("Usher");
        var masterKey = configuration["Usher:MasterKeyFile"];
        switch (configuration["Usher:Database:Provider"]?.ToLowerInvariant() ?? "sqlite")
        {
            case "sqlite":
                return new(
                    true,
                    WithoutMaking(
                        connection
                            ?? new SqliteConnectionStringBuilder { DataSource = Path.Combine(directory, "usher.db") }
                                   .ToString()),
                    directory,
                    Path.GetFullPath(masterKey ?? Path.Combine(directory, "master.key")));
            case "postgresql" when string.IsNullOrEmpty(connection):
                throw new StartupException(
                    "ConnectionStrings:Usher must be given when Usher:Database:Provider is postgresql.");
            case "postgresql" when string.IsNullOrEmpty(masterKey):
                throw new StartupException(
                    "Usher:MasterKeyFile must be given when Usher:Database:Provider is postgresql: every node needs "
                    + "the same key.");
            case "postgresql":
                return new(false, connection, directory, Path.GetFullPath(masterKey));
            default:
                throw new StartupException("Usher:Database:Provider is sqlite or postgresql.");
        }
    }
}

/// <summary>Why the server does not start, in one line for whoever started it.</summary>
public sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
