using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Usher.Core.Idempotency;

namespace Usher.Server.Api.Http;

/// <summary>Captures answers before they are sent, for idempotency keys and dry runs.</summary>
internal static class KeptAnswers
{
    private static readonly string[] Kept = ["Content-Type", "Location", "ETag", "Cache-Control"];

    /// <summary>Makes an answer and captures it instead of sending it.</summary>
    public static async Task<KeptAnswer> TakeAsync(HttpContext http, Func<IResult> answer)
    {
        var response = http.Response;
        using var body = new MemoryStream();
        var sent = http.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        http.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        try
        {
            // Clears what an earlier attempt that lost a race has set.
            response.StatusCode = StatusCodes.Status200OK;
            foreach (var name in Kept.Where(n => n is not "Cache-Control")) response.Headers.Remove(name);
            http.Features.Set<SecretOf>(null);
            await answer().ExecuteAsync(http);
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
    /// Marks the answer as containing a member's secret, so that a repeated request gets it only if its caller may
    /// still have the secret.
    /// </summary>
    public static void ContainsSecretOf(this HttpContext http, Guid member, string permission) =>
        http.Features.Set(new SecretOf(member, permission));

    /// <summary>Hashes what identifies a repeated request: method, path, query, media type and body.</summary>
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
    /// Buffers the body of a request with an idempotency key before anything reads it: in memory when it is short,
    /// otherwise in a file; see <see cref="SpilledBodies"/>.
    /// </summary>
    public static void UseRepeatableBodies(this WebApplication app) => app.Use((http, next) =>
    {
        if (http.Request.Headers.ContainsKey("Idempotency-Key")
                && http.GetEndpoint()?.Metadata.GetMetadata<ApiRoutes.Repeatable>() is not null)
            SpilledBodies.Buffer(http);
        return next(http);
    });
}
