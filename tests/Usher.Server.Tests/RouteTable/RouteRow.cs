using System.Net;

namespace Usher.Server.Tests.RouteTable;

/// <summary>What the tests need to know of a route.</summary>
/// <param name="Entry">The callers that the route admits.</param>
/// <param name="Body">For a route that writes: a body that would be accepted, JSON or a form.</param>
/// <param name="ChangesNothing">A POST that only reads, such as a search.</param>
/// <param name="ListsOwn">Whether it answers with the caller's own keys, which differ from call to call.</param>
/// <param name="Guest">For a route without keys: the status and the code for a caller who knows no secret.</param>
public sealed record RouteRow(
    Entry Entry, string Body = "{}", bool ChangesNothing = false, bool ListsOwn = false, string? Guest = null)
{
    public string MediaType => Body is ['{' or '[', ..] ? "application/json" : "application/x-www-form-urlencoded";
}

/// <summary>Why a caller is refused.</summary>
public enum Refusal
{
    KeyMissing,
    KeyRefused,
    KeyReadOnly,
    NotAllowed,
}

/// <summary>A request that was made, and its answer.</summary>
/// <param name="Template">The path before its ids were filled in.</param>
/// <param name="Status">Of the answer.</param>
/// <param name="Body">Of the answer.</param>
/// <param name="Sent">What was filled in, by the names in the template and the body.</param>
/// <param name="Challenge">The header <c>WWW-Authenticate</c>.</param>
public sealed record RouteCall(
    string Template, HttpStatusCode Status, string Body, IReadOnlyDictionary<string, string> Sent, string Challenge);
