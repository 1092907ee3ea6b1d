using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Usher.Core.Idempotency;

namespace Usher.Server.Api;

/// <summary>Answers that are known before they are sent.</summary>
internal static class KeptAnswers
{
    private static readonly string[] Kept = ["Content-Type", "Location", "ETag", "Cache-Control"];

    /// <summary>Carries a request out and holds its answer back.</summary>
    public static async Task<KeptAnswer> TakeAsync(HttpContext http, Func<ValueTask<object?>> handler)
    {
        var response = http.Response;
        using var body = new MemoryStream();
        var sent = http.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        http.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        try
        {
            // Of a run that lost a race nothing may be left.
            response.StatusCode = StatusCodes.Status200OK;
            foreach (var name in Kept.Where(n => n is not "Cache-Control")) response.Headers.Remove(name);
            http.Features.Set<SecretOf>(null);
            if (await handler() is IResult result) await result.ExecuteAsync(http);
            await response.BodyWriter.FlushAsync(http.RequestAborted);
        }
        finally
        {
            http.Features.Set(sent);
        }

        return new(
            response.StatusCode,
            Kept.Where(response.Headers.ContainsKey).ToDictionary(n => n, n => response.Headers[n].ToString()),
            body.ToArray())
        {
            Secret = http.Features.Get<SecretOf>(),
        };
    }

    /// <summary>
    /// Says that the answer bears a member's secret, so that a repeat gives it only to a caller who may still have it.
    /// </summary>
    public static void Bears(this HttpContext http, Guid member, string permission) =>
        http.Features.Set(new SecretOf(member, permission));

    /// <summary>What makes a request the same as another: method, path, query, media type and body.</summary>
    public static async Task<byte[]> HashAsync(HttpRequest request)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(
            Encoding.UTF8.GetBytes($"{request.Method}\n{request.Path}{request.QueryString}\n{request.ContentType}\n"));
        request.Body.Position = 0;
        var buffer = new byte[16 * 1024];
        for (int read; (read = await request.Body.ReadAsync(buffer, request.HttpContext.RequestAborted)) > 0;)
            hash.AppendData(buffer, 0, read);
        request.Body.Position = 0;
        return hash.GetHashAndReset();
    }

    /// <summary>
    /// Keeps the body of a request that may come again, before anything reads it: in memory when it is short, else in a
    /// file; see <see cref="SpilledBodies"/>.
    /// </summary>
    public static void UseRepeatableBodies(this WebApplication app) => app.Use((http, next) =>
    {
        if (http.Request.Headers.ContainsKey("Idempotency-Key")
                && http.GetEndpoint()?.Metadata.GetMetadata<ApiRoutes.Repeatable>() is not null)
            SpilledBodies.Buffer(http);
        return next(http);
    });
}
