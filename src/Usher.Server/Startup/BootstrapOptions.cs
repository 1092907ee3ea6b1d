namespace Usher.Server.Startup;

/// <summary>
/// Bound from <c>Usher:Bootstrap</c>: the first organization, made when there is none and never touched again.
/// </summary>
public sealed class BootstrapOptions
{
    public const string Section = "Usher:Bootstrap";

    public BootstrapOrganization Organization { get; } = new();

    public BootstrapOwner Owner { get; } = new();

    /// <summary>Whether to print a line of curl for each of the three invite calls. Default: false.</summary>
    public bool PrintExamples { get; set; }
}

public sealed class BootstrapOrganization
{
    /// <summary>Null: nothing is made.</summary>
    public string? Name { get; set; }

    /// <summary>1 to 63 characters of a-z, 0-9 and inner hyphens.</summary>
    public string? Slug { get; set; }

    /// <summary>TZ database name. Default: Etc/UTC.</summary>
    public string TimeZone { get; set; } = "Etc/UTC";

    /// <summary>
    /// What the identity provider that signs its people in is called; null: none, and people join by invitation only.
    /// </summary>
    public string? ExternalIdentityProvider { get; set; }

    /// <summary>Names of resources it begins with. Default: none.</summary>
    public IList<string> Resources { get; } = [];
}

public sealed class BootstrapOwner
{
    public string? Email { get; set; }

    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>Null: a link to set one is printed, once.</summary>
    public string? Password { get; set; }

    /// <summary>32 to 128 characters of A-Z a-z 0-9 _ -; null: one is made and printed, once.</summary>
    public string? ApiKey { get; set; }
}
