namespace Usher.Server.Startup;

/// <summary>
/// The first organization, bound from <c>Usher:Bootstrap</c>. It is created when no organization exists; later changes
/// of the settings have no effect.
/// </summary>
public sealed class BootstrapOptions
{
    public const string Section = "Usher:Bootstrap";

    public BootstrapOrganization Organization { get; } = new();

    public BootstrapOwner Owner { get; } = new();

    /// <summary>
    /// Gets or sets whether to print a curl command for each of the three invite calls. The default is false.
    /// </summary>
    public bool PrintExamples { get; set; }
}

public sealed class BootstrapOrganization
{
    /// <summary>Gets or sets the organization's name. The default is null: no organization is created.</summary>
    public string? Name { get; set; }

    /// <summary>Gets or sets the slug: 1 to 63 characters of a-z, 0-9 and inner hyphens.</summary>
    public string? Slug { get; set; }

    /// <summary>Gets or sets the TZ database name. The default is Etc/UTC.</summary>
    public string TimeZone { get; set; } = "Etc/UTC";

    /// <summary>
    /// Gets or sets the name of the external identity provider that signs the organization's people in. The default is
    /// null: people join only by invitation.
    /// </summary>
    public string? ExternalIdentityProvider { get; set; }

    /// <summary>Gets the names of the first resources. The default is none.</summary>
    public IList<string> Resources { get; } = [];
}

public sealed class BootstrapOwner
{
    public string? Email { get; set; }

    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>Gets or sets the password. The default is null: a link to set one is printed once.</summary>
    public string? Password { get; set; }

    /// <summary>
    /// Gets or sets the API key, 32 to 128 characters of A-Z a-z 0-9 _ -. The default is null: a new key is printed
    /// once.
    /// </summary>
    public string? ApiKey { get; set; }
}
