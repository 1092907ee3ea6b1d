namespace Usher.Server;

/// <summary>What belongs to the server as a whole.</summary>
public sealed class ServerOptions
{
    public const string Section = "Usher";

    /// <summary>
    /// Where people reach this server: scheme and host, with a port and a path where there are any. All links are built
    /// from this alone, never from a request.
    /// </summary>
    public string PublicUrl { get; set; } = "http://localhost:8080";

    /// <summary>Where everything is kept that is not in the database. Relative to the working directory.</summary>
    public string DataDirectory { get; set; } = "data";

    public OperatorOptions Operator { get; } = new();

    /// <summary>The key that wraps all others; by default <c>master.key</c> in the data directory.</summary>
    public string? MasterKeyFile { get; set; }
}

/// <summary>Whoever runs the installation.</summary>
public sealed class OperatorOptions
{
    /// <summary>
    /// His key for Usher's own API, 32 to 128 characters of A-Z a-z 0-9 _ -. It opens every organization. Another one
    /// here ends the one before at the next start; none leaves him none.
    /// </summary>
    public string? ApiKey { get; set; }
}
