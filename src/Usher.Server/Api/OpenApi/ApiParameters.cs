using Microsoft.OpenApi;

namespace Usher.Server.Api.OpenApi;

/// <summary>The parameters of operations in the path and in headers.</summary>
internal static class ApiParameters
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

    public static OpenApiParameter IdempotencyKey => Header(
        "Idempotency-Key",
        "A unique value of your choice, such as a UUID. The request is carried out once; a repetition gets the same "
            + "answer. The same key with another request is refused.",
        new() { Type = JsonSchemaType.String, MinLength = 16, MaxLength = 255 },
        "9f1c7d52-3a4b-4c8e-8d11-0b6f2a7e5c90");

    public static OpenApiParameter IfMatch => Header(
        "If-Match", "The `ETag` of the version you know. If the item has changed since, the request is refused.",
        new() { Type = JsonSchemaType.String }, "\"4\"");

    public static OpenApiParameter IfNoneMatch => Header(
        "If-None-Match", "The `ETag` of the version you have. If it is still current, the answer is 304.",
        new() { Type = JsonSchemaType.String }, "\"4\"");

    public static OpenApiParameter InPath(string name)
    {
        var (description, example) = PathParameters.GetValueOrDefault(name, ($"The {name}'s id.", Example));
        return new()
        {
            Name = name, In = ParameterLocation.Path, Required = true, Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String }, Example = example,
        };
    }

    private static OpenApiParameter Header(string name, string description, OpenApiSchema schema, string example) =>
        new()
        {
            Name = name, In = ParameterLocation.Header, Description = description, Schema = schema,
            Example = example,
        };
}
