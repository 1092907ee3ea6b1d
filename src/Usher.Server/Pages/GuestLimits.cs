using Usher.Core;
using Usher.Core.Limits;
using Usher.Server.Json;
using Usher.Server.Limits;

namespace Usher.Server.Pages;

/// <summary>The limits on guests, for handlers. What is counted and how: <see cref="GuessLimits"/>.</summary>
internal sealed class GuestLimits(GuessLimits limits, HttpRequestClient clients)
{
    /// <summary>
    /// Counts a password that is tried elsewhere than at a sign-in, which counts itself. An answer below 400 takes the
    /// count back.
    /// </summary>
    /// <returns>Null when it may be tried now, or how long to wait.</returns>
    public TimeSpan? Password(HttpContext http, string email) => Guess(http, GuessKind.Passwords, email);

    /// <summary>Counts a code, or an answer given with one. An answer below 400 takes the count back.</summary>
    /// <param name="http">The request.</param>
    /// <param name="subject">The id in the path, in any spelling.</param>
    /// <returns>Null when it may be tried now, or how long to wait.</returns>
    public TimeSpan? Code(HttpContext http, string subject) => Guess(http, GuessKind.Codes, subject);

    /// <summary>Counts a mail that a client asks for.</summary>
    /// <returns>Null when the client may ask, or how long to wait.</returns>
    public TimeSpan? Mail(HttpContext http) => limits.TakeMail(clients.Of(http));

    /// <summary>The same, and refuses also when the recipient has had enough.</summary>
    public TimeSpan? Mail(HttpContext http, string subject) =>
        Mail(http) ?? (limits.MaySendTo(SubjectOf(subject)) ? null : limits.WaitOfRecipient(SubjectOf(subject)));

    /// <summary>
    /// The one form of what is guessed at: a canonical address, or an id whatever its spelling. "" for everything that
    /// is neither.
    /// </summary>
    internal static string SubjectOf(string text)
    {
        if (EmailAddress.TryCanonical(text, out var canonical)) return canonical;
        if (Guid.TryParse(text, out var id)) return id.ToString("D");
        return text.LastIndexOf('_') is var end and >= 0 && text.Length - end <= 23
            && ShortId.Parse(text[^Math.Min(text.Length, 22)..]) is { } shortId
            ? shortId.ToString("D") : "";
    }

    private TimeSpan? Guess(HttpContext http, GuessKind kind, string subject)
    {
        if (!limits.Begin(kind, clients.Of(http), SubjectOf(subject)).TryGet(out var guess, out var refused))
            return refused.RetryAfter;
        http.Response.OnStarting(() =>
        {
            if (http.Response.StatusCode < StatusCodes.Status400BadRequest) guess.Succeeded();
            return Task.CompletedTask;
        });
        return null;
    }
}
