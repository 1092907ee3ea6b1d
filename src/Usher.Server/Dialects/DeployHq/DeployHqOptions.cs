namespace Usher.Server.Dialects.DeployHq;

/// <summary>
/// The settings of DeployHQ's API, which has one host per account. Bound from <c>Usher:Dialects:DeployHq</c>.
/// </summary>
internal sealed class DeployHqOptions
{
    /// <summary>
    /// Gets or sets the domain below which the first label of the host must be the organization's slug. The default is
    /// null: only the key determines the organization.
    /// </summary>
    public string? Domain { get; set; }
}
