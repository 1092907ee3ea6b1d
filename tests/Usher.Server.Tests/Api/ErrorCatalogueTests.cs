using Usher.Server.Api.OpenApi;
using Usher.Server.Errors;
using Usher.Server.Tests.Golden;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Api;

/// <summary>The catalogue of error codes.</summary>
public sealed class ErrorCatalogueTests
{
    [FactIn(Runs.Once)]
    public Task The_committed_list_is_the_one_in_the_code()
    {
        var rows =
            from entry in ErrorCatalogue.All
            from variant in entry.Variants
            select $"| `{entry.Code}` | {variant.Error.StatusCode} | {Cell(variant.Error.Message)} | "
                + $"{(variant.At is { Length: > 0 } at ? $"`{at}`" : "")} |\n";
        return Written.AssertAsync("docs/errors.md", $"""
            # Error codes

            Usher's own API answers errors as problem details (RFC 9457). Programs compare the `code`, which is
            permanent; the messages may change. Braces stand for parts that differ from case to case. *Points at* is
            the `pointer` into the body or, with a `?`, the `parameter` of the query.

            This file is generated from the code by a test. The server shows the same list at `/docs/errors`.

            | code | status | message | points at |
            |---|---|---|---|
            {string.Concat(rows)}
            """);
    }

    private static string Cell(string text) =>
        text.Replace("<", "&lt;", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal);

    [FactIn(Runs.Once)]
    public void Codes_are_written_alike_and_speak_for_themselves() => Assert.All(ErrorCatalogue.All, entry =>
    {
        Assert.Matches("^[a-z]+(_[a-z0-9]+)*$", entry.Code);
        Assert.All(entry.Variants, variant => Assert.NotEmpty(variant.Error.Message));
    });

    [FactIn(Runs.Once)]
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
