using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Mail;

[assembly: AssemblyFixture(typeof(ApiContract))]

namespace Usher.Server.Tests.Infrastructure;

/// <summary>
/// Holds every answer of Usher's own API, to whichever test it is given, against the document the server itself serves;
/// and the request of every answer that is no refusal. One program of others judges for the whole assembly, started
/// with the first answer.
/// </summary>
public sealed class ApiContract : IAsyncDisposable
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    private static Lazy<Task<Judge>>? judge;

    /// <summary>What a client's requests go through.</summary>
    public static HttpMessageHandler Through(HttpMessageHandler inner, string url) =>
        new Watched(url) { InnerHandler = inner };

    public async ValueTask DisposeAsync()
    {
        if (judge is { IsValueCreated: true }) await (await judge.Value).DisposeAsync();
    }

    private static Task<Judge> JudgeAsync(string url) =>
        (
            Volatile.Read(ref judge) ?? Interlocked.CompareExchange(ref judge, new(() => Judge.StartAsync(url)), null)
                ?? judge).Value;

    private sealed record Exchange(
        long Id, string Method, string Path, IReadOnlyList<string> Query, int Status, string? MediaType, string Body,
        string? RequestMediaType, string? RequestBody, bool HasETag);

    private sealed record Judgement(long Id, IReadOnlyList<string> Faults);

    private sealed class Watched(string url) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.RequestUri?.AbsolutePath.StartsWith(
                    "/usher/v1/", StringComparison.OrdinalIgnoreCase) is not true)
                return await base.SendAsync(request, cancellationToken);
            // What is sent in pieces stays so: only what lies ready is read beforehand.
            var sent = request.Content is ByteArrayContent content
                ? await content.ReadAsStringAsync(cancellationToken)
                : null;
            var answer = await base.SendAsync(request, cancellationToken);
            await answer.Content.LoadIntoBufferAsync(cancellationToken);
            var query = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(request.RequestUri.Query).Keys;
            var faults = await (await JudgeAsync(url)).FaultsAsync(new(
                0, request.Method.Method, request.RequestUri.AbsolutePath, [.. query], (int)answer.StatusCode,
                answer.Content.Headers.ContentType?.MediaType,
                await answer.Content.ReadAsStringAsync(cancellationToken),
                request.Content?.Headers.ContentType?.MediaType, sent, answer.Headers.ETag is not null));
            Assert.True(
                faults is [],
                $"Not as the OpenAPI document has it: {request.Method} {request.RequestUri.PathAndQuery}: "
                + $"{(int)answer.StatusCode}\n  "
                + $"{string.Join("\n  ", faults)}\n{await answer.Content.ReadAsStringAsync(cancellationToken)}");
            return answer;
        }
    }

    private sealed class Judge : IAsyncDisposable
    {
        private readonly ConcurrentDictionary<long, TaskCompletionSource<IReadOnlyList<string>>> open = [];
        private readonly SemaphoreSlim writing = new(1);
        private readonly Process process = Peers.Start("openapi-validator.mjs");
        private long last;

        public static async Task<Judge> StartAsync(string url)
        {
            using var client = new HttpClient();
            var document = await client.GetStringAsync(new Uri(new(url), "/openapi/v1.json"));
            var judge = new Judge();
            await judge.process.StandardInput.WriteLineAsync(document.ReplaceLineEndings(""));
            _ = judge.ReadAsync();
            return judge;
        }

        public async Task<IReadOnlyList<string>> FaultsAsync(Exchange exchange)
        {
            var id = Interlocked.Increment(ref last);
            var answer = open[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
            await writing.WaitAsync();
            try
            {
                await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(exchange with { Id = id }, Web));
                await process.StandardInput.FlushAsync();
            }
            finally
            {
                writing.Release();
            }

            return await answer.Task.WaitAsync(TimeSpan.FromSeconds(60));
        }

        public async ValueTask DisposeAsync()
        {
            process.StandardInput.Close();
            await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token);
            process.Dispose();
            writing.Dispose();
        }

        private async Task ReadAsync()
        {
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                var judgement = JsonSerializer.Deserialize<Judgement>(line, Web)!;
                if (open.TryRemove(judgement.Id, out var answer)) answer.SetResult(judgement.Faults);
            }

            foreach (var answer in open.Values)
                answer.TrySetException(new InvalidOperationException("openapi-validator.mjs has ended."));
        }
    }
}
