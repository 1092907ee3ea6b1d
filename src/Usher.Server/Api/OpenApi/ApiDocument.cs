using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api.OpenApi;

/// <summary>
/// Completes the OpenAPI document of the framework. Everything comes from where the server itself has it: parameters,
/// bodies and a route's features from its metadata, schemas from the serializer, descriptions from the XML docs of the
/// source, and errors from <see cref="ErrorCatalogue"/>. No route is named here.
/// </summary>
internal sealed class ApiDocument : IOpenApiDocumentTransformer
{
    private const string Example = "AZqxW8c1dUeXk0m3v5q7Cw";

    // Path parameters; one that is missing here is described as an id.
    private static readonly Dictionary<string, (string Description, string Example)> PathParameters = new()
    {
        ["organization"] = ("The organization's slug, or its id: `org_…`", "acme"),
        ["member"] = ("The member's id: `mem_…`", $"mem_{Example}"),
        ["account"] = ("The service account's id: `mem_…`", $"mem_{Example}"),
        ["holder"] = ("The id of a member, `mem_…`, or of a group, `grp_…`", $"grp_{Example}"),
        ["invitation"] = ("The invitation's id: `inv_…`", $"inv_{Example}"),
        ["group"] = ("The group's id: `grp_…`", $"grp_{Example}"),
        ["role"] = ("The role's id: `rol_…`", $"rol_{Example}"),
        ["resource"] = ("The resource's id, `res_…`, or slug.", $"res_{Example}"),
        ["key"] = ("The key's id: `key_…`", $"key_{Example}"),
        ["job"] = ("The job's id: `job_…`", $"job_{Example}"),
        ["user"] = ("The user's id: `usr_…`", $"usr_{Example}"),
        ["session"] = ("The session's id: `ses_…`", $"ses_{Example}"),
        ["reset"] = ("The reset's id: `rst_…`, or the UUID in its link.", $"rst_{Example}"),
        ["change"] = ("The change's id: `adc_…`, or the UUID in its link.", $"adc_{Example}"),
    };

    private static readonly Error[] TypicalErrors =
    [
        HostErrors.NotJson, KeyErrors.Refused, CommonErrors.NotAllowed, OrganizationErrors.NotFound,
        MemberErrors.LastAdmin, InvitationErrors.Ended(OfferState.Revoked), CommonErrors.Outdated, HostErrors.TooLarge,
        HostErrors.WrongMediaType,
        InvitationErrors.EmailInvalid with
        {
            Also = [InvitationErrors.FirstNameInvalid, CommonErrors.PermissionUnknown("flying", "permissions/1")],
        },
        HostErrors.TooMany, HostErrors.Internal,
        HostErrors.Unavailable,
    ];

    public Task TransformAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        var docs = XmlDocs.Read(typeof(Error).Assembly, typeof(ApiDocument).Assembly);
        // Replaces the framework's schemas, which do not follow our serializer's rules.
        (document.Components, document.Workspace) = (new(), new());
        new Writer(document, docs)
            .Write(context.DescriptionGroups.SelectMany(g => g.Items).Where(OpenApiEndpoints.IsOurs).ToList());
        return Task.CompletedTask;
    }

    // Writes one document.
    private sealed class Writer(OpenApiDocument document, XmlDocs docs)
    {
        private readonly ApiSchemas schemas = new(document, docs);

        public void Write(IReadOnlyList<ApiDescription> operations)
        {
            document.Info = new()
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
            document.Servers = [new() { Url = "/" }];
            document.Components!.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
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

            Dictionary<string, MethodInfo> tags = [];
            foreach (var description in operations)
            {
                var path = "/" + description.RelativePath!.TrimEnd('/');
                var operation = document.Paths[path].Operations![new(description.HttpMethod!)];
                Write(operation, description, path[UsherApi.Prefix.Length..]);
                var metadata = description.ActionDescriptor.EndpointMetadata;
                tags.TryAdd(metadata.OfType<ITagsMetadata>().Last().Tags[0], metadata.OfType<MethodInfo>().First());
            }

            // A tag is one class of endpoints, described by the summary of the class. Where the summary refers to
            // another such class, the reference becomes the name of its tag.
            document.Tags = new HashSet<OpenApiTag>(tags.Select(tag => new OpenApiTag
            {
                Name = tag.Key,
                Description = tags.Aggregate(
                    docs.Of(FileOf(tag.Value)),
                    (text, other) =>
                        text?.Replace($"`{FileOf(other.Value).Name}`", $"“{other.Key}”", StringComparison.Ordinal)),
            }));
            WriteErrorCodes();
        }

        private static Type FileOf(MethodInfo handler)
        {
            var type = handler.DeclaringType!;
            while (type.DeclaringType is { } outer) type = outer;
            return type;
        }

        private void Write(OpenApiOperation operation, ApiDescription description, string path)
        {
            var metadata = description.ActionDescriptor.EndpointMetadata;
            var (method, session) = (description.HttpMethod!, metadata.OfType<ApiRoutes.Session>().LastOrDefault());
            var locked = metadata.OfType<IAuthorizeData>().Any() && !metadata.OfType<IAllowAnonymous>().Any()
                && session is null;
            var given = metadata.OfType<IAcceptsMetadata>().LastOrDefault();
            var query = metadata.OfType<QueryParameter>().ToList();
            var repeatable = metadata.OfType<ApiRoutes.Repeatable>().Any();
            var answers = metadata.OfType<IProducesResponseTypeMetadata>().ToList();
            var answer = answers.Find(a => a.StatusCode is >= 200 and < 300)
                ?? throw new InvalidOperationException($"{method} {path} declares no success status (Produces).");
            var pages = answer.Type is { IsGenericType: true } type
                && type.GetGenericTypeDefinition() == typeof(Page<>);
            var reads = method is "GET" or "HEAD";

            operation.OperationId = metadata.OfType<IEndpointNameMetadata>().LastOrDefault()?.EndpointName
                ?? OperationNames.Of(
                       method, path, pages,
                       answer.StatusCode is StatusCodes.Status201Created or StatusCodes.Status202Accepted);
            operation.Description = operation.Description?.Trim() ?? operation.Summary + ".";
            operation.Security = locked
                ? [Needs("bearer"), Needs("header"), Needs("basic")]
                : session is null
                ? [[]]
                : session.Needed
                ? [Needs("session")]
                : [[], Needs("session")];

            operation.Parameters =
            [
                .. path.Split('/').Where(part => part.StartsWith('{')).Select(part => InPath(part.Trim('{', '}'))),
                .. query.Select(InQuery),
            ];
            if (repeatable)
                operation.Parameters.Add(Header(
                    "Idempotency-Key",
                    "A unique value of your choice, such as a UUID. The request is carried out once; a repetition gets "
                        + "the same answer. The same key with another request is refused.",
                    new() { Type = JsonSchemaType.String, MinLength = 16, MaxLength = 255 },
                    "9f1c7d52-3a4b-4c8e-8d11-0b6f2a7e5c90"));
            // A handler that takes the HttpRequest of a change reads If-Match, except where it only starts a job.
            var edits = locked && !reads && answer.StatusCode is not StatusCodes.Status202Accepted
                && metadata.OfType<MethodInfo>().First().GetParameters()
                       .Any(p => p.ParameterType == typeof(HttpRequest));
            if (edits)
                operation.Parameters.Add(Header(
                    "If-Match",
                    "The `ETag` of the version you know. If the item has changed since, the request is refused.",
                    new() { Type = JsonSchemaType.String }, "\"4\""));
            var cached = locked && reads && !pages;
            if (cached)
                operation.Parameters.Add(Header(
                    "If-None-Match", "The `ETag` of the version you have. If it is still current, the answer is 304.",
                    new() { Type = JsonSchemaType.String }, "\"4\""));

            operation.RequestBody = given is null ? null : Body(given);
            operation.Responses = [];
            foreach (var success in answers.Where(a => a.StatusCode is >= 200 and < 300))
                operation.Responses[$"{success.StatusCode}"] = Success(success, tagged: locked && !pages);
            if (cached) operation.Responses["304"] = new OpenApiResponse { Description = "Not changed." };

            var (takes, ends) = (given is not null, !reads && path.Contains("invitation", StringComparison.Ordinal));
            foreach (var (kind, fits) in new[]
            {
                (ErrorKind.Malformed, takes || repeatable), (ErrorKind.Unauthenticated, locked || session is not null),
                (ErrorKind.Forbidden, locked || session is not null),
                (ErrorKind.NotFound, path.Contains('{', StringComparison.Ordinal)),
                (ErrorKind.Conflict, !reads && (locked || takes || session is { Needed: true })),
                (ErrorKind.Gone, ends), (ErrorKind.Outdated, edits), (ErrorKind.TooLarge, takes),
                (ErrorKind.WrongMediaType, takes), (ErrorKind.Invalid, takes || query is not [] || repeatable),
                (ErrorKind.TooMany, !locked), (ErrorKind.Unavailable, true), (ErrorKind.Internal, true),
            })
            {
                var error = Array.Find(TypicalErrors, e => e.Kind == kind)!;
                if (fits || answers.Exists(a => a.StatusCode == error.StatusCode))
                    operation.Responses[$"{error.StatusCode}"] = Refusal(error);
            }
        }

        private OpenApiSecurityRequirement Needs(string scheme) => new() { [new(scheme, document)] = [] };

        private static OpenApiParameter InPath(string name)
        {
            var (description, example) = PathParameters.GetValueOrDefault(name, ($"The {name}'s id.", Example));
            return new()
            {
                Name = name, In = ParameterLocation.Path, Required = true, Description = description,
                Schema = new OpenApiSchema { Type = JsonSchemaType.String }, Example = example,
            };
        }

        private OpenApiParameter InQuery(QueryParameter parameter)
        {
            var schema = schemas.Parameter(parameter.Type, parameter.Many);
            if (parameter == QueryParameter.Limit && schema is OpenApiSchema limit)
                (limit.Minimum, limit.Maximum, limit.Default) = ("1", $"{ApiQuery.MaxLimit}", ApiQuery.DefaultLimit);
            return new()
            {
                Name = parameter.Name, In = ParameterLocation.Query, Description = parameter.Description,
                Schema = schema,
            };
        }

        private static OpenApiParameter Header(string name, string description, OpenApiSchema schema, string example) =>
            new()
            {
                Name = name, In = ParameterLocation.Header, Description = description, Schema = schema,
                Example = example,
            };

        private OpenApiResponse Success(IProducesResponseTypeMetadata answer, bool tagged)
        {
            if (answer.ContentTypes.FirstOrDefault() is null) return new() { Description = "Success, without a body." };
            var headers = new Dictionary<string, IOpenApiHeader>();
            if (tagged)
                headers["ETag"] = new OpenApiHeader
                {
                    Description = "The version, where the item can be edited: for `If-Match` and `If-None-Match`.",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String }, Example = "\"4\"",
                };
            if (answer.StatusCode is StatusCodes.Status201Created or StatusCodes.Status202Accepted)
                headers["Location"] = new OpenApiHeader
                {
                    Description = "The URL of the new item.",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uri-reference" },
                };
            return new()
            {
                Description = answer.StatusCode switch
                {
                    StatusCodes.Status201Created => "Created.", StatusCodes.Status202Accepted => "Accepted.",
                    _ => "Success.",
                },
                Headers = headers is { Count: > 0 } ? headers : null,
                Content = answer.ContentTypes.ToDictionary(
                    type => type,
                    type => IsJson(type) ? Content(schemas.Written(answer.Type!), read: false) : Text()),
            };
        }

        private OpenApiRequestBody Body(IAcceptsMetadata given) => new()
        {
            Required = given.ContentTypes.Any(type =>
                !IsJson(type) || schemas.Read(given.RequestType!).Required is { Count: > 0 }),
            Content = given.ContentTypes.ToDictionary(
                type => type, type => IsJson(type) ? Content(schemas.Read(given.RequestType!), read: true) : Text()),
        };

        private static OpenApiMediaType Content(IOpenApiSchema schema, bool read) => new()
        {
            Schema = schema,
            Example = ApiExamples.Of(
                schema, read,
                within: schema is OpenApiSchemaReference { Reference.Id: { } id }
                    ? JsonNamingPolicy.CamelCase.ConvertName(id.Replace("Page", "", StringComparison.Ordinal))
                    : ""),
        };

        // The only bodies that are not JSON are CSV files.
        private static OpenApiMediaType Text() =>
            new()
            {
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                Example = "email,firstName,lastName\nada@example.com,Ada,Lovelace\n",
            };

        private static bool IsJson(string mediaType) => mediaType.EndsWith("json", StringComparison.Ordinal);

        // One component for each kind of error, added when the first operation uses it.
        private OpenApiResponseReference Refusal(Error error)
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

        private void WriteErrorCodes()
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
}
