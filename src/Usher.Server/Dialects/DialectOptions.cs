namespace Usher.Server.Dialects;

/// <summary>The settings that every dialect has. Bound from <c>Usher:Dialects:&lt;name&gt;</c>.</summary>
internal sealed class DialectOptions
{
    /// <summary>Gets or sets whether the API is offered. The default is true.</summary>
    public bool Enabled { get; set; } = true;
}
