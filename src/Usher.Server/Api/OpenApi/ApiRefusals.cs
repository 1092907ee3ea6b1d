using System.Text.Json;
using Microsoft.OpenApi;
using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Api.Http;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api.OpenApi;

/// <summary>The refusals of operations: one component for each kind of error.</summary>
internal sealed class ApiRefusals(OpenApiDocument document, ApiSchemas schemas, XmlDocs docs)
{
    // One error of each kind.
    private static readonly Error[] TypicalErrors =
    [
        HostErrors.NotJson, KeyErrors.Refused, CommonErrors.NotAllowed, OrganizationErrors.NotFound,
        MemberErrors.LastAdmin, InvitationErrors.Ended(OfferState.Revoked), CommonErrors.Outdated, HostErrors.TooLarge,
        HostErrors.WrongMediaType,
        InvitationErrors.EmailInvalid with
        {
            Also = [InvitationErrors.FirstNameInvalid, CommonErrors.PermissionUnknown("flying", "permissions/1")],
        },
        HostErrors.TooMany, HostErrors.Internal, HostErrors.Unavailable,
    ];

    /// <summary>The kinds of errors that a route can answer, each by a typical error.</summary>
    public static IEnumerable<Error> Of(RouteFacts route)
    {
        var (takesBody, takesCaller) = (route.Body is not null, route.NeedsKey || route.Session is not null);
        return
            from possible in new (ErrorKind Kind, bool CanOccur)[]
            {
                (ErrorKind.Malformed, takesBody || route.CanRepeat),
                (ErrorKind.Unauthenticated, takesCaller),
                (ErrorKind.Forbidden, takesCaller),
                (ErrorKind.NotFound, route.Is(RouteTrait.CanBeNotFound)),
                (ErrorKind.Conflict, !route.Reads),
                (ErrorKind.Gone, route.Is(RouteTrait.CanBeGone)),
                (ErrorKind.Outdated, route.Is(RouteTrait.TakesIfMatch)),
                (ErrorKind.TooLarge, takesBody),
                (ErrorKind.WrongMediaType, takesBody),
                (ErrorKind.Invalid, takesBody || route.Query is not [] || route.CanRepeat),
                (ErrorKind.TooMany, !route.NeedsKey), // calls without a key are limited for each client
                (ErrorKind.Unavailable, true),
                (ErrorKind.Internal, true),
            }
            let error = Array.Find(TypicalErrors, e => e.Kind == possible.Kind)!
            where possible.CanOccur || route.Answers.Any(a => a.StatusCode == error.StatusCode)
            select error;
    }

    /// <summary>The component for the kind of an error, added when the first operation uses it.</summary>
    public OpenApiResponseReference Of(Error error)
    {
        var name = $"{error.Kind}";
        if (document.Components!.Responses?.ContainsKey(name) is not true)
        {
            var codes = ErrorCatalogue.All.Where(e => e.Variants.Any(s => s.Error.Kind == error.Kind))
                .Select(e => $"`{e.Code}`");
            document.AddComponent(name, new OpenApiResponse
            {
                Description = $"{docs.Of(typeof(ErrorKind).GetField(name)!)} Codes: {string.Join(", ", codes)}.",
                Headers = error.Kind is ErrorKind.TooMany or ErrorKind.Unavailable
                    ? new Dictionary<string, IOpenApiHeader>
                    {
                        ["Retry-After"] = new OpenApiHeader
                        {
                            Description = "Seconds to wait.",
                            Schema = new OpenApiSchema { Type = JsonSchemaType.Integer }, Example = 60,
                        },
                    }
                    : null,
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [ProblemErrors.MediaType] = new()
                    {
                        Schema = schemas.Written(typeof(Problem)),
                        Example = JsonSerializer.SerializeToNode(
                            Problem.Of([error], "https://usher.example.com"), ApiJson.Default.Problem),
                    },
                },
            });
        }

        return new(name, document);
    }
}
