using System.Reflection;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Usher.Core;
using Usher.Server.Api.Http;

namespace Usher.Server.Api.OpenApi;

/// <summary>
/// Completes the OpenAPI document of the framework. Everything comes from where the server itself has it: parameters,
/// bodies and what a route does from its metadata (<see cref="RouteDocs"/>), schemas from the serializer, descriptions
/// from the XML docs of the source, and errors from <see cref="ErrorCatalogue"/>. No route is named here.
/// </summary>
internal sealed class ApiDocument : IOpenApiDocumentTransformer
{
    public Task TransformAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        var docs = XmlDocs.Read(typeof(Error).Assembly, typeof(ApiDocument).Assembly);
        // Replaces the framework's schemas, which do not follow our serializer's rules.
        (document.Components, document.Workspace) = (new(), new());
        document.Info = Info();
        document.Servers = [new() { Url = "/" }];
        document.Components.SecuritySchemes = SecuritySchemes();
        var writer = new ApiOperations(document, docs);
        Dictionary<string, MethodInfo> tags = [];
        foreach (var route in context.DescriptionGroups.SelectMany(g => g.Items).Where(OpenApiEndpoints.IsOurs))
        {
            writer.Write(route);
            var metadata = route.ActionDescriptor.EndpointMetadata;
            tags.TryAdd(metadata.OfType<ITagsMetadata>().Last().Tags[0], metadata.OfType<MethodInfo>().First());
        }

        document.Tags = Tags(tags, docs);
        WriteErrorCodes(document);
        return Task.CompletedTask;
    }

    private static OpenApiInfo Info() => new()
    {
        Title = "Usher", Version = "1",
        License = new() { Name = "Apache-2.0", Url = new("https://www.apache.org/licenses/LICENSE-2.0") },
        Description = """
            Invite people into an organization, let them join, and know who may do what.

            **Keys.** Every call except those of invited people themselves needs an API key, in one of three
            forms. A key belongs to a member and has that member's permissions; an operator's key has access to
            every organization.

            **Ids** begin with their type: `mem_…`, `inv_…`. An organization is named by its slug or its id.
            An id of another organization is answered as not found.

            **Lists** come in pages: send `next` as `after` for the next page; it is null on the last page.

            **Versions.** What can be edited has an `ETag`. Send it as `If-Match`, and the change is refused
            with 412 if someone else has changed the item since.

            **Repeating.** With an `Idempotency-Key`, a request is carried out once however often it is sent,
            and gets the same answer for 24 hours.

            **Errors** are problem details (RFC 9457). Programs compare their `code`, which is permanent; all
            codes are listed at [/docs/errors](/docs/errors). Unknown properties and parameters are refused, so
            that typing errors are noticed.
            """,
    };

    private static Dictionary<string, IOpenApiSecurityScheme> SecuritySchemes() => new()
    {
        ["bearer"] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http, Scheme = "bearer",
            Description = "An API key: `Authorization: Bearer usk_…`",
        },
        ["header"] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.ApiKey, In = ParameterLocation.Header, Name = "X-AUTH-TOKEN",
            Description = "The same key in a header of its own.",
        },
        ["basic"] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http, Scheme = "basic",
            Description = "The key as password; the member's e-mail address, or `sa::name`, as user name.",
        },
        ["session"] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http, Scheme = "bearer",
            Description = "A person's session, as sign-in returns it: `Authorization: Bearer uss_…`",
        },
    };

    // A tag is one class of endpoints, described by the summary of the class. Where the summary refers to another such
    // class, the reference becomes the name of its tag.
    private static HashSet<OpenApiTag> Tags(Dictionary<string, MethodInfo> tags, XmlDocs docs) =>
    [
        .. tags.Select(tag => new OpenApiTag
        {
            Name = tag.Key,
            Description = tags.Aggregate(
                docs.Of(FileOf(tag.Value)),
                (text, other) =>
                    text?.Replace($"`{FileOf(other.Value).Name}`", $"“{other.Key}”", StringComparison.Ordinal)),
        }),
    ];

    private static Type FileOf(MethodInfo handler)
    {
        var type = handler.DeclaringType!;
        while (type.DeclaringType is { } outer) type = outer;
        return type;
    }

    private static void WriteErrorCodes(OpenApiDocument document)
    {
        document.AddComponent("ErrorCode", new OpenApiSchema
        {
            Type = JsonSchemaType.String,
            Description =
                "The error code, for programs to compare. Codes are permanent; new ones may be added, so treat an "
                    + "unknown code by its status. Each is explained at /docs/errors.",
            Enum = [.. ErrorCatalogue.All.Select(e => (JsonNode)e.Code)],
        });
        foreach (var name in new[] { nameof(Problem), nameof(Fault) })
            document.Components!.Schemas![name].Properties!["code"] = new OpenApiSchemaReference(
                "ErrorCode", document);
    }
}
