using System.Globalization;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Limits;
using Usher.Core.Members;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Dialects.Wavefront;
using Usher.Server.Json;

namespace Usher.Server.Limits;

/// <summary>One row of <c>docs/limits.md</c>.</summary>
/// <param name="Counted">What is counted.</param>
/// <param name="Per">What each count applies to.</param>
/// <param name="Most">The limit.</param>
/// <param name="Window">The time window; "" where the limit has none.</param>
/// <param name="Answer">What happens beyond the limit.</param>
/// <param name="Setting">The setting that changes the limit; "" where there is none.</param>
internal sealed record LimitRow(
    string Counted, string Per, string Most, string Window, string Answer, string Setting = "");

/// <summary>Lists all limits for the documentation. The numbers are defined where they are enforced.</summary>
internal static class LimitTable
{
    private const string TooMany = "429 `too_many_requests`";

    private static readonly GuessLimitOptions Guesses = new();

    /// <summary>Limits on the size of requests.</summary>
    public static IReadOnlyList<LimitRow> Sizes { get; } =
    [
        new(
            "bytes of a body", "request to a route without authorization: pages, sessions, joining",
            Of(GuestGate.MaxGuestBodyBytes / 1024) + " KiB", "", "413 `too_large`"),
        new(
            "bytes of a body", "request to any other route", Of(UsherBuilder.MaxBodyBytes / 1024 / 1024) + " MiB", "",
            "413 `too_large`"),
        new(
            "bytes of a file to import", "request", Of(ImportReader.MaxBytes / 1024 / 1024) + " MiB", "",
            "413 `too_large`"),
        new("bytes of a row", "file to import", Of(ImportReader.MaxRowBytes / 1024) + " KiB", "", "the row is refused"),
        new("rows", "file to import", Of(ImportReader.MaxRows), "", "422 `too_many_rows`"),
        new("values", "JSON body", Of(JsonBounds.MaxValues), "", "422 `too_many_values`"),
        new("entries", "array in a JSON body", Of(JsonBounds.MaxEntries), "", "422 `too_many_values`"),
        new("members", "object in a JSON body", Of(JsonBounds.MaxMembers), "", "422 `too_many_values`"),
        new("levels of nesting", "JSON body", Of(JsonBounds.MaxDepth), "", "400 `not_json`"),
        new("invitations", "call", Of(InvitationService.MaxRows), "", "422 `too_many_rows`"),
        new("members in one request", "call", Of(MemberService.MaxKeys), "", "422 `too_many_rows`"),
        new("access checks", "call", Of(AccessService.MaxChecks), "", "422 `check_count_invalid`"),
        new("keys", "member", Of(ApiKeyService.MaxPerMember), "", "409 `api_keys_exhausted`"),
        new("reported errors", "answer", Of(FaultList.Max), "", "further errors are left out"),
        new("conditions", "Wavefront search", Of(SearchRequest.MaxTerms), "", "400"),
        new("values of all conditions", "Wavefront search", Of(SearchRequest.MaxTexts), "", "400"),
        new("characters of a value", "Wavefront search", Of(SearchRequest.MaxTextLength), "", "400"),
        new(
            "seconds of database time", "search, page of a list",
            Of((int)new SearchOptions().TimeLimit.TotalSeconds), "", "422 `search_too_slow`",
            "`Usher:Search:TimeLimit`"),
    ];

    /// <summary>Limits on how often something may be tried.</summary>
    public static IReadOnlyList<LimitRow> Rates { get; } =
    [
        new(
            "failed passwords", "client", Of(Guesses.Passwords.PerClient), Of(Guesses.Passwords.Window), TooMany,
            "`Usher:GuestLimits:Passwords:PerClient`, `:Window`"),
        new(
            "failed passwords", "client and address", Of(Guesses.Passwords.PerSubject), Of(Guesses.Passwords.Window),
            TooMany, "`Usher:GuestLimits:Passwords:PerSubject`, `:Window`"),
        new(
            "failed passwords", "address, all clients together", Of(GuessLimits.FailuresBeforeCode),
            Of(GuessLimits.CodeWindow), "401 `sign_in_code_needed`: an unknown device also needs the mailed code"),
        new(
            "failed passwords", "known device", Of(GuessLimits.FailuresOfDevice), Of(KnownDevice.Lifetime),
            "the device counts as unknown"),
        new(
            "mails with a sign-in code", "address", "1", Of(SignInGuard.BetweenCodes),
            "no further mail; the code in the last mail stays valid"),
        new(
            "passwords waiting to be hashed", "client", Of(PasswordService.QueueLimitOfClient), "",
            "429 `passwords_busy`"),
        new(
            "passwords waiting to be hashed", "server process", Of(PasswordService.QueueLimit), "",
            "429 `passwords_busy`, for a client that has the most waiting"),
        new(
            "refused codes of links", "client", Of(Guesses.Codes.PerClient), Of(Guesses.Codes.Window), TooMany,
            "`Usher:GuestLimits:Codes:PerClient`, `:Window`"),
        new(
            "refused codes of links", "client and invitation, address change or password reset",
            Of(Guesses.Codes.PerSubject), Of(Guesses.Codes.Window), TooMany,
            "`Usher:GuestLimits:Codes:PerSubject`, `:Window`"),
        new(
            "mails requested without signing in", "client", Of(Guesses.Mails.PerClient), Of(Guesses.Mails.Window),
            TooMany,
            "`Usher:GuestLimits:Mails:PerClient`, `:Window`"),
        new(
            "mails requested without signing in", "recipient, all clients together", Of(Guesses.Mails.PerSubject),
            Of(Guesses.Mails.Window), "the usual answer, without a mail",
            "`Usher:GuestLimits:Mails:PerSubject`, `:Window`"),
        new(
            "mails requested without signing in", "invitation", "1", Of(GuestService.BetweenMails),
            "the usual answer; the link in the last mail stays valid"),
        new(
            "requested new addresses of an account", "person", Of(UserAddressService.MaxAskedADay),
            Of(TimeSpan.FromDays(1)), "429 `too_many_address_changes`"),
        new(
            "requests to the administrators", "invitation", "1", Of(GuestService.BetweenRequests),
            "the usual answer, without a mail"),
    ];

    /// <summary>Formats rows as a Markdown table.</summary>
    public static string Markdown(IEnumerable<LimitRow> rows) => string.Concat(
        rows.Select(r =>
            $"| {r.Counted} | {r.Per} | {r.Most} | {(r.Window is "" ? "–" : r.Window)} | {r.Answer} | "
            + $"{(r.Setting is "" ? "–" : r.Setting)} |\n")
            .Prepend("|---|---|---|---|---|---|\n")
                .Prepend("| what is counted | per | limit | window | beyond the limit | setting |\n"));

    private static string Of(int number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Of(TimeSpan window) => window switch
    {
        { TotalDays: >= 1 } => Unit(window.TotalDays, "day"),
        { TotalHours: >= 1 } => Unit(window.TotalHours, "hour"),
        { TotalMinutes: >= 1 } => Unit(window.TotalMinutes, "minute"),
        _ => Unit(window.TotalSeconds, "second"),
    };

    private static string Unit(double number, string unit) =>
        string.Create(CultureInfo.InvariantCulture, $"{number:0.#} {unit}{(number is 1 ? "" : "s")}");
}
