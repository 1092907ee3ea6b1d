namespace Usher.Server;

/// <summary>Settings of the server as a whole.</summary>
public sealed class ServerOptions
{
    public const string Section = "Usher";

    /// <summary>
    /// Gets or sets the URL under which people reach this server: scheme, host and port. All links are built from it.
    /// </summary>
    public string PublicUrl { get; set; } = "http://localhost:8080";

    /// <summary>
    /// Gets or sets the folder for everything that is not in the database. Relative to the working directory.
    /// </summary>
    public string DataDirectory { get; set; } = "data";

    public OperatorOptions Operator { get; } = new();

    /// <summary>
    /// Gets or sets the file with the master key, which encrypts all other keys. The default is <c>master.key</c> in
    /// the data directory.
    /// </summary>
    public string? MasterKeyFile { get; set; }
}

/// <summary>The operator: the team that runs the installation.</summary>
public sealed class OperatorOptions
{
    /// <summary>
    /// Gets or sets the operator's key for Usher's own API, 32 to 128 characters of A-Z a-z 0-9 _ -. It has access to
    /// every organization. Changing it revokes the previous key at the next start; removing it revokes the key.
    /// </summary>
    public string? ApiKey { get; set; }
}
