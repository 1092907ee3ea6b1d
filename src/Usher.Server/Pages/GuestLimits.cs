using Usher.Core;
using Usher.Core.Limits;
using Usher.Server.Json;
using Usher.Server.Limits;

namespace Usher.Server.Pages;

/// <summary>The limits on requests without authorization, for handlers. See <see cref="GuessLimits"/>.</summary>
internal sealed class GuestLimits(GuessLimits limits, HttpRequestClient clients)
{
    /// <summary>
    /// Counts a password attempt outside of sign-in, which does its own counting. An answer below 400 undoes the count.
    /// </summary>
    /// <returns>Null when the attempt is allowed; otherwise how long to wait.</returns>
    public TimeSpan? Password(HttpContext http, string email) => Guess(http, GuessKind.Passwords, email);

    /// <summary>Counts an attempt with a code. An answer below 400 undoes the count.</summary>
    /// <param name="http">The request.</param>
    /// <param name="subject">The id in the path, in any spelling.</param>
    /// <returns>Null when the attempt is allowed; otherwise how long to wait.</returns>
    public TimeSpan? Code(HttpContext http, string subject) => Guess(http, GuessKind.Codes, subject);

    /// <summary>Counts a requested mail.</summary>
    /// <returns>Null when the request is allowed; otherwise how long to wait.</returns>
    public TimeSpan? Mail(HttpContext http) => limits.TakeMail(clients.Of(http));

    /// <summary>Counts a requested mail, and also refuses it when the recipient's limit is reached.</summary>
    public TimeSpan? Mail(HttpContext http, string subject) =>
        Mail(http) ?? (limits.MaySendTo(SubjectOf(subject)) ? null : limits.WaitOfRecipient(SubjectOf(subject)));

    /// <summary>
    /// The canonical form of what is guessed at: an address, or an id in any spelling. "" for anything else.
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
