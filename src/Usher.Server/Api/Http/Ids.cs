using Usher.Core.Roles;
using Usher.Server.Json;

namespace Usher.Server.Api.Http;

/// <summary>
/// Ids as our own API writes them: a prefix for the type, and the UUID as 22 characters of base64url, such as
/// <c>mem_AZqxW8c1dUeXk0m3v5q7Cw</c>.
/// </summary>
internal sealed class Ids
{
    public static readonly Ids Organization = new("org_");
    public static readonly Ids Member = new("mem_");
    public static readonly Ids Invitation = new("inv_");
    public static readonly Ids Group = new("grp_");
    public static readonly Ids Role = new("rol_");
    public static readonly Ids Resource = new("res_");
    public static readonly Ids ApiKey = new("key_");
    public static readonly Ids Job = new("job_");
    public static readonly Ids User = new("usr_");
    public static readonly Ids Session = new("ses_");
    public static readonly Ids PasswordReset = new("rst_");
    public static readonly Ids AddressChange = new("adc_");

    private Ids(string prefix) => Prefix = prefix;

    public string Prefix { get; }

    public string Of(Guid id) => Prefix + ShortId.Of(id);

    public bool TryParse(string text, out Guid id)
    {
        var parsed = text.StartsWith(Prefix, StringComparison.Ordinal) ? ShortId.Parse(text[Prefix.Length..]) : null;
        id = parsed.GetValueOrDefault();
        return parsed is not null;
    }

    /// <summary>Parses an id that mailed links contain. The plain UUID from the link is accepted too.</summary>
    public bool TryParseLinked(string text, out Guid id) =>
        TryParse(text, out id) || Guid.TryParseExact(text, "D", out id);

    /// <summary>The id; for text that is not an id of this type, an id that nothing has, so it is not found.</summary>
    public Guid Parse(string text) => TryParse(text, out var id) ? id : Guid.AllBitsSet;
}
