namespace Usher.Server.Dialects;

/// <summary>The foreign APIs that the server offers. Bound from <c>Usher:Dialects</c>.</summary>
public sealed class DialectsOptions
{
    public const string Section = "Usher:Dialects";

    public DialectOptions Conformity { get; } = new();

    public DialectOptions Wavefront { get; } = new();

    public DeployHqOptions DeployHq { get; } = new();
}

/// <summary>The settings of one foreign API.</summary>
public class DialectOptions
{
    /// <summary>Gets or sets whether the API is offered. The default is true.</summary>
    public bool Enabled { get; set; } = true;
}

/// <summary>The settings of DeployHQ's API, which has one host per account.</summary>
public sealed class DeployHqOptions : DialectOptions
{
    /// <summary>
    /// Gets or sets the domain below which the first label of the host must be the organization's slug. The default is
    /// null: only the key determines the organization.
    /// </summary>
    public string? Domain { get; set; }
}
