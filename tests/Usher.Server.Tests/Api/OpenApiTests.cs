using System.Diagnostics;
using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Usher.Server.Api;
using Usher.Server.Tests.Golden;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Api;

/// <summary>
/// The description of Usher's own API: complete, right by two linters' rules, and the one that is committed.
/// </summary>
public sealed class OpenApiTests(UsherApp app)
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_committed_document_is_the_served_one()
    {
        var served = (await DocumentAsync()).ToJsonString(Indented) + "\n";
        await Written.AssertAsync("docs/openapi.json", served);
    }

    [Fact]
    public async Task It_is_served_to_everybody_and_again_only_when_it_has_changed()
    {
        using var client = app.CreateClient();
        var answer = await client.GetAsync("/openapi/v1.json", Ct);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        using var again = new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json")
        {
            Headers = { IfNoneMatch = { answer.Headers.ETag! } },
        };
        Assert.Equal(HttpStatusCode.NotModified, (await client.SendAsync(again, Ct)).StatusCode);
    }

    [Fact]
    public async Task Every_route_of_the_api_is_in_it_and_nothing_else()
    {
        var documented = from path in (
            await DocumentAsync())
            [
                "paths"]
                !.AsObject() from operation in path.Value!.AsObject() select $"{operation.Key.ToUpperInvariant()} "
                    + $"{path.Key}";
        var served = from route in ApiRoute.Of(app)
            where route.Pattern.StartsWith(
                UsherApi.Prefix + "/", StringComparison.Ordinal) select $"{route.Method} {route.Pattern}";
        Assert.Equal(served.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    // What linters do not ask for.
    [Fact]
    public async Task Everything_has_a_word_and_an_example()
    {
        var document = await DocumentAsync();
        List<string> missing = [];
        foreach (var (path, item) in document["paths"]!.AsObject())
        foreach (var (method, operation) in item!.AsObject())
        {
            var name = $"{method} {path}";
            foreach (var word in new[] { "operationId", "summary", "description" })
                Ask(operation?[word] is not null, $"{name}: {word}");
            foreach (var parameter in operation!["parameters"]?.AsArray() ?? [])
                Ask(parameter!["description"] is not null, $"{name}: {parameter["name"]} description");
            var bodies = operation["responses"]!.AsObject().Select(r => (Name: r.Key, Body: r.Value!))
                .Where(r => r.Body["$ref"] is null).ToList();
            if (operation["requestBody"] is { } request) bodies.Add(("request", request));
            foreach (var (body, content) in from b in bodies from c in b.Body["content"]?.AsObject()
                    ?? [] select (b.Name, c.Value))
                Ask(content!.AsObject().ContainsKey("example"), $"{name}: {body} example");
        }

        foreach (var (name, response) in document["components"]!["responses"]!.AsObject())
            foreach (var (_, content) in response!["content"]!.AsObject())
                Ask(content!["example"] is not null, $"{name} example");
        foreach (var tag in document["tags"]!.AsArray())
            Ask(tag!["description"] is not null, $"tag {tag["name"]}: description");
        Assert.Empty(missing);

        void Ask(bool there, string what)
        {
            if (!there) missing.Add(what);
        }
    }

    [TheoryIn(Runs.Once)]
    [InlineData("spectral", "lint --fail-severity=hint --format=text --ruleset .spectral.yaml")]
    [InlineData("redocly", "lint --config redocly.yaml --format=github-actions --max-problems=50")]
    public async Task Linters_find_no_fault_in_it(string linter, string arguments)
    {
        var file = Path.Combine(Path.GetTempPath(), $"usher-openapi-{Guid.NewGuid():N}.json");
        await File.WriteAllTextAsync(file, (await DocumentAsync()).ToJsonString(Indented), Ct);
        try
        {
            var start = new ProcessStartInfo(
                Repository.Path($"tests/peers/node_modules/.bin/{linter}"), [.. arguments.Split(' '), file])
            {
                WorkingDirectory = Repository.Path("tests/peers"), UseShellExecute = false,
                RedirectStandardOutput = true, RedirectStandardError = true,
                Environment =
                {
                    ["REDOCLY_TELEMETRY"] = "off", ["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true", ["NO_COLOR"] = "1",
                },
            };
            using var process = Process.Start(start)!;
            var (output, errors) = (
                process.StandardOutput.ReadToEndAsync(Ct), process.StandardError.ReadToEndAsync(Ct));
            await process.WaitForExitAsync(Ct);
            var said = $"{await output}\n{await errors}";
            Assert.True(process.ExitCode is 0 && !said.Contains("warning ", StringComparison.OrdinalIgnoreCase), said);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private async Task<JsonNode> DocumentAsync()
    {
        using var client = app.CreateClient();
        return JsonNode.Parse(await client.GetStringAsync("/openapi/v1.json", Ct))!;
    }
}
