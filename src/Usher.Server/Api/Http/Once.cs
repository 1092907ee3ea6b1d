using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Idempotency;
using Usher.Server.Errors;

namespace Usher.Server.Api.Http;

/// <summary>
/// Answers a request that may be repeated: with an <c>Idempotency-Key</c>, the operation is carried out once, and every
/// repetition gets the answer of the first time. A parameter of each handler of such a route.
/// </summary>
internal sealed class Once(HttpContext http)
{
    public static ValueTask<Once?> BindAsync(HttpContext http) => new(new Once(http));

    /// <summary>Carries an operation out and answers with its result.</summary>
    /// <param name="operation">The operation. It returns what its unit of work returned.</param>
    /// <param name="answer">The answer of a result that is no refusal.</param>
    public async Task<IResult> AnswerAsync<T>(Func<Task<Result<T>>> operation, Func<T, IResult> answer)
    {
        if (http.Features.Get<RepeatableRequest>() is not { } request) return (await operation()).ToHttp(answer);
        var actor = http.Features.Get<Caller>()?.Actor;
        var kept = await http.RequestServices.GetRequiredService<IdempotencyService>().OnceAsync(
            actor, request, operation, result => KeptAnswers.TakeAsync(http, () => result.ToHttp(answer)),
            http.RequestAborted);
        return ToResult(kept);
    }

    /// <summary>The answer of a repeatable request as a result.</summary>
    public static IResult ToResult(Result<KeptAnswer> kept) =>
        kept.Match<IResult>(found => new KeptResult(found), error => error.ToHttp());

    private sealed class KeptResult(KeptAnswer answer) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = answer.Status;
            foreach (var (name, value) in answer.Headers) response.Headers[name] = value;
            if (answer.Body.Length > 0) await response.Body.WriteAsync(answer.Body, httpContext.RequestAborted);
        }
    }
}
