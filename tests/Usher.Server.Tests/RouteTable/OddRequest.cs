using System.Text;

namespace Usher.Server.Tests.RouteTable;

/// <summary>What arrives at a route that expects something else, or nothing.</summary>
/// <param name="Body">Sent as it stands.</param>
/// <param name="MediaType">Of the body.</param>
/// <param name="Chunked">Whether it is sent in pieces, without a length.</param>
internal sealed record OddRequest(string Body, string MediaType, bool Chunked = false)
{
    private const string Json = "application/json";
    private const string Form = "application/x-www-form-urlencoded";

    public static readonly IReadOnlyList<OddRequest> Bodies =
    [
        new("", Json), new("", Json, Chunked: true), new("null", Json, Chunked: true), new("null", "text/plain"),
        new("{}", Json, Chunked: true), new("[]", Json), new("[null]", Json), new("[[]]", Json), new("[{}]", Json),
        new("7", Json), new("\"text\"", Json), new("{\"user\":", Json),
        new("{\"user\":[],\"team\":7,\"data\":{\"attributes\":[]},\"account\":\"x\"}", Json),
        new(
            "{\"user\":{},\"team\":{},\"project\":{},\"account\":{},\"api_key\":{},\"data\":{\"attributes\":{}}}",
            "application/vnd.api+json"),
        new("[\"\\u0000\",\"a\\ud800\",\"\\n\"]", Json),
        new("{\"name\":\"a\\u0000b\",\"description\":\"\\ud800\"}", Json),
        new("{\"name\":{},\"permissions\":{},\"groups\":7,\"query\":7,\"sort\":[],\"limit\":\"x\"}", Json),
        new("a=b", Form), new("group=", Form), new("<user/>", "application/xml"),
    ];

    public static readonly IReadOnlyList<string> Ids =
    [
        "0", "-1", "9223372036854775808", "null", "undefined", "%20", "%2B", "%40", "%3A%3A", "sa::", "sa%3A%3A",
        "a%2Fb", "..%2F..", "%F0%9F%98%80", "00000000-0000-0000-0000-000000000000",
        "{00000000-0000-4000-8000-000000000000}", "a@b", "%25", "'--", "a;b", "~", "%E2%80%AE", "xn--", "1e3", "0x10",
        new('x', 300),
    ];

    /// <summary>Where it is sent: a path with names of ids.</summary>
    public string Path { get; init; } = "";

    public HttpContent Content()
    {
        HttpContent content = Chunked
            ? new StreamContent(new Unsized(Encoding.UTF8.GetBytes(Body)))
            : new StringContent(Body, Encoding.UTF8);
        content.Headers.ContentType = new(MediaType);
        return content;
    }

    public override string ToString() => $"{Path} with {Body} as {MediaType}{(Chunked ? ", chunked" : "")}";

    // A body of unknown length, which is therefore sent in chunks.
    private sealed class Unsized(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
