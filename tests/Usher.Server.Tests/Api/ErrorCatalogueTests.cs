using Usher.Server.Api;
using Usher.Server.Errors;
using Usher.Server.Tests.Golden;

namespace Usher.Server.Tests.Api;

/// <summary>The list of refusals.</summary>
public sealed class ErrorCatalogueTests
{
    [Fact]
    public Task The_committed_list_is_the_one_in_the_code()
    {
        var rows =
            from entry in ErrorCatalogue.All
            from said in entry.Said
            select $"| `{entry.Code}` | {said.Error.StatusCode} | {Cell(said.Error.Message)} | "
                + $"{(said.At is { Length: > 0 } at ? $"`{at}`" : "")} |\n";
        return Written.AssertAsync("docs/errors.md", $"""
            # Error codes

            What Usher's own API refuses, it answers as problem details (RFC 9457). Programs compare the `code`, which is permanent; messages may be reworded.
            Braces stand for what differs from case to case. *Points at* is the `pointer` into the body, or with a `?` the `parameter` of the query.

            This file is written by a test, from the code; the server shows the same at `/docs/errors`.

            | code | status | message | points at |
            |---|---|---|---|
            {string.Concat(rows)}
            """);
    }

    private static string Cell(string text) =>
        text.Replace("<", "&lt;", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal);

    [Fact]
    public void Codes_are_written_alike_and_speak_for_themselves() => Assert.All(ErrorCatalogue.All, entry =>
    {
        Assert.Matches("^[a-z]+(_[a-z0-9]+)*$", entry.Code);
        Assert.All(entry.Said, said => Assert.NotEmpty(said.Error.Message));
    });

    [Fact]
    public void Lists_of_refusals_made_by_methods_and_by_fields_are_found()
    {
        var codes = ErrorCatalogue.All.Select(e => e.Code).ToList();
        string[] some = [
            "email_invalid", "permission_unknown", "invitation_revoked", "password_too_short", "credentials_wrong",
            "version_mismatch", "parameter_unknown", "too_large",
        ];
        Assert.Empty(some.Except(codes));
    }
}
