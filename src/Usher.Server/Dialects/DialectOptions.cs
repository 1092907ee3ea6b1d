namespace Usher.Server.Dialects;

/// <summary>Bound from <c>Usher:Dialects</c>: which foreign APIs are spoken.</summary>
public sealed class DialectsOptions
{
    public const string Section = "Usher:Dialects";

    public DialectOptions Conformity { get; } = new();

    public DialectOptions Wavefront { get; } = new();

    public DeployHqOptions DeployHq { get; } = new();
}

/// <summary>One foreign API.</summary>
public class DialectOptions
{
    /// <summary>Default: true.</summary>
    public bool Enabled { get; set; } = true;
}

/// <summary>DeployHQ's has one host per account.</summary>
public sealed class DeployHqOptions : DialectOptions
{
    /// <summary>
    /// The domain below which the first label must be the organization's slug; null: the key alone says the
    /// organization.
    /// </summary>
    public string? Domain { get; set; }
}
