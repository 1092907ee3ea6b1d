using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Usher.Core.Members;
using Usher.Server.Json;

namespace Sample;

/// <summary>A person in an answer.</summary>
internal sealed record PersonDocument(string Id, string Mail, string Name, bool Waiting)
{
    public static PersonDocument From(Member member) =>
        new(ShortId.Of(member.Id), member.Identifier, member.DisplayName, member.Status is MemberStatus.Invited);
}

/// <summary>An error in an answer.</summary>
/// <param name="Problem">The error's code.</param>
/// <param name="Text">What is wrong, for people.</param>
/// <param name="At">The property of the request, if the error is about one.</param>
internal sealed record ProblemDocument(string Problem, string Text, string? At);

/// <summary>The dialect's JSON: snake_case, null is left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PersonDocument))]
[JsonSerializable(typeof(ProblemDocument))]
internal sealed partial class SampleJson : JsonSerializerContext
{
    public static IResult Answer(PersonDocument person) => TypedResults.Json(person, Default.PersonDocument);
}
