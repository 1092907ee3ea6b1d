using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;

namespace Usher.Server.Api.OpenApi;

/// <summary>Serves the OpenAPI document of our own API, which is generated once.</summary>
internal static class OpenApiEndpoints
{
    public const string Path = "/openapi/v1.json";
    private const string Name = "v1";

    public static void AddUsherOpenApi(this IServiceCollection services)
    {
        services.AddOpenApi(Name, options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.ShouldInclude = IsOurs;
            options.AddDocumentTransformer<ApiDocument>();
        });
        services.AddSingleton<OpenApiFile>();
    }

    /// <summary>Puts the routes of a group into the document.</summary>
    public static RouteGroupBuilder InDocument(this RouteGroupBuilder api) => api.WithGroupName(Name);

    /// <summary>Whether a route belongs into the document: our own API does, dialects do not.</summary>
    public static bool IsOurs(ApiDescription route) => route.GroupName == Name;

    public static void MapUsherOpenApi(this IEndpointRouteBuilder app) =>
        app.MapGet(Path, ShowAsync).ExcludeFromDescription();

    private static async Task<IResult> ShowAsync(OpenApiFile file)
    {
        var (content, tag) = await file.ReadAsync();
        return TypedResults.Bytes(content, "application/json; charset=utf-8", entityTag: tag);
    }

    internal sealed class OpenApiFile(IServiceScopeFactory scopes)
    {
        private readonly Lazy<Task<(byte[], EntityTagHeaderValue)>> file = new(() => MakeAsync(scopes));

        public Task<(byte[] Content, EntityTagHeaderValue Tag)> ReadAsync() => file.Value;

        private static async Task<(byte[], EntityTagHeaderValue)> MakeAsync(IServiceScopeFactory scopes)
        {
            await using var scope = scopes.CreateAsyncScope();
            var document = await scope.ServiceProvider.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name)
                .GetOpenApiDocumentAsync();
            var content = Encoding.UTF8.GetBytes(await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1));
            return (content, new($"\"{Base64Url.EncodeToString(SHA256.HashData(content))}\""));
        }
    }
}
