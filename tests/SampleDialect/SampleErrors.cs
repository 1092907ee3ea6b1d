using Microsoft.AspNetCore.Http;
using Usher.Core;
using Usher.Server.Errors;

namespace Sample;

/// <summary>The dialect's error format, and the error that only the dialect has.</summary>
internal sealed class SampleErrors : IErrorFormat
{
    public static readonly Error MailMissing = new(ErrorKind.Invalid, "mail_missing", "\"mail\" is required.", "mail");

    public IResult Write(IReadOnlyList<Error> errors) => TypedResults.Json(
        new ProblemDocument(errors[0].Code, errors[0].Message, At(errors[0])), SampleJson.Default.ProblemDocument,
        statusCode: errors[0].StatusCode);

    // The core's names of fields in the dialect's words.
    private static string? At(Error error) => error.Field?.Text switch
    {
        "email" or "mail" => "mail",
        "first_name" => "first",
        "last_name" => "last",
        _ => null,
    };
}
