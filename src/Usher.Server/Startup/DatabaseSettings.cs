using Microsoft.Data.Sqlite;

namespace Usher.Server.Startup;

/// <summary>
/// The database and its files. Read before the service container exists, because its registrations depend on it.
/// </summary>
public sealed record DatabaseSettings(
    bool IsSqlite, string ConnectionString, string DataDirectory, string MasterKeyFile)
{
    /// <summary>
    /// Creates the data directory if it is missing, accessible only to its owner because it holds personal data.
    /// </summary>
    public void MakeDataDirectory() => PrivateFiles.MakeFolder(DataDirectory);

    /// <summary>The file of an SQLite database; null where the connection string names none.</summary>
    public string? File =>
        IsSqlite && new SqliteConnectionStringBuilder(ConnectionString).DataSource is { Length: > 0 } file
        && !file.StartsWith(':') && !file.StartsWith("file:", StringComparison.OrdinalIgnoreCase)
            ? Path.GetFullPath(file)
            : null;

    // Only the start-up creates the file. If the file disappears later, that is an outage: SQLite must not create an
    // empty database in its place.
    private static string WithoutCreating(string connectionString)
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
                    WithoutCreating(
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
                    "Usher:MasterKeyFile must be given when Usher:Database:Provider is postgresql: all nodes need the "
                    + "same key.");
            case "postgresql":
                return new(false, connection, directory, Path.GetFullPath(masterKey));
            default:
                throw new StartupException("Usher:Database:Provider must be sqlite or postgresql.");
        }
    }
}

/// <summary>The server cannot start. The message is one line for the operator.</summary>
public sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
