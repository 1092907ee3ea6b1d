namespace Usher.Server.Api.Http;

/// <summary>A query parameter of a route.</summary>
/// <param name="Name">The name in the query string.</param>
/// <param name="Type">String, integer, boolean, date and time, or an enum.</param>
/// <param name="Description">The text for the OpenAPI document.</param>
/// <param name="Many">Whether it accepts several values, separated by commas or repeated.</param>
internal sealed record QueryParameter(string Name, Type Type, string Description, bool Many = false)
{
    public static readonly QueryParameter Limit = new(
        "limit", typeof(int), "The most items to return: 1 to 1,000. Default: 50.");
    public static readonly QueryParameter After = new(
        "after", typeof(string), "The `next` value of the previous page.");
    public static readonly QueryParameter DryRun = new(
        "dryRun", typeof(bool), "`true`: the request is checked and answered as usual, and nothing is changed.");
    public static readonly QueryParameter Explain = new(
        "explain", typeof(bool),
        "`true`: adds the chain of role, group and grant behind the access, with who granted it and when.");
}
