using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.OpenApi;
using Usher.Server.Api.Http;

namespace Usher.Server.Api.OpenApi;

/// <summary>The query parameters, request bodies and successful answers of operations.</summary>
internal sealed class ApiBodies(ApiSchemas schemas)
{
    public OpenApiParameter Parameter(QueryParameter parameter)
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

    public OpenApiRequestBody Request(IAcceptsMetadata given) => new()
    {
        Required = given.ContentTypes.Any(type =>
            !IsJson(type) || schemas.Read(given.RequestType!).Required is { Count: > 0 }),
        Content = given.ContentTypes.ToDictionary(
            type => type, type => IsJson(type) ? Content(schemas.Read(given.RequestType!), read: true) : Text()),
    };

    public OpenApiResponse Success(IProducesResponseTypeMetadata answer, bool tagged)
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
}
