using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Roles;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Bulk jobs: importing people, and resending, endorsing or revoking invitations by a filter.</summary>
internal static class JobEndpoints
{
    private static readonly ImportIds ImportNames = new(
        text => Ids.Group.TryParse(text, out var id) ? id : null,
        text => Ids.Role.TryParse(text, out var id) ? id : null,
        text => Ids.Resource.TryParse(text, out var id) ? id : null);

    private static readonly QueryParameter Outcome = new(
        "outcome", typeof(RowOutcome), "Only rows with this outcome.");
    private static readonly QueryParameter DryRun = QueryParameter.DryRun with
    {
        Description = "`true`: the job reports what it would do, and changes nothing.",
    };

    public static void MapJobs(this RouteGroupBuilder organization)
    {
        var imports = organization.MapGroup("/imports").WithTags("Bulk");
        imports.MapPost("", ImportAsync).WithName("createImport").AnswersETag().CanRepeat()
            .Takes(
                DryRun,
                new QueryParameter(
                    "sendMail", typeof(bool),
                    "`false`: people are invited without mail, and no link exists until you resend. Default: `true`."))
            .WithMetadata(
                new AcceptsMetadata(["application/json", "text/csv"], typeof(ImportRequest)),
                new RequestSizeLimitAttribute(ImportReader.MaxBytes + 1024))
            .WithDocs<JobDocument>("Import people", """
                Invites up to 50,000 people, each with their own role, permissions, groups, access levels and names; at
                most 32 MiB. A file that cannot be read changes nothing. A refused row does not stop the others.
                Importing the same file again changes nothing and sends no mail.
                """, StatusCodes.Status202Accepted);
        Map(imports, JobKind.Import);

        var invitations = organization.MapGroup("/invitations").WithTags("Bulk");
        invitations.MapPost("/resend", ResendAllAsync).WithName("resendInvitations").AnswersETag().CanRepeat()
            .Takes(DryRun)
            .WithDocs<JobDocument>(
                "Resend many invitations",
                "Resends the invitations of a filter that are pending or expired when the job reaches them. "
                + "Invitations made after the start of the job are left alone.",
                StatusCodes.Status202Accepted);
        invitations.MapPost("/revoke", RevokeAllAsync).WithName("revokeInvitations").AnswersETag().CanRepeat()
            .Takes(DryRun)
            .WithDocs<JobDocument>(
                "Revoke many invitations",
                "Revokes the invitations of a filter that are pending or expired when the job reaches them. "
                + "Invitations made after the start of the job are left alone.",
                StatusCodes.Status202Accepted);

        invitations.MapPost("/endorse", EndorseAllAsync).WithName("endorseInvitations").AnswersETag().CanRepeat()
            .Takes(DryRun)
            .WithDocs<JobDocument>("Endorse many invitations", """
            Covers the invitations of a filter that are pending or expired when the job reaches them. You become the
            sponsor of every invitation whose sponsor may no longer grant what it offers, provided you hold it yourself,
            and its link works again. The others get the outcome `unchanged`.
            """, StatusCodes.Status202Accepted);

        Map(organization.MapGroup("/jobs").WithTags("Bulk"), null);
    }

    private static void Map(RouteGroupBuilder jobs, JobKind? kind)
    {
        var (noun, word, words) = kind is null ? ("Job", "a job", "jobs") : ("Import", "an import", "imports");
        jobs.MapGet(
            "",
            (ApiQuery query, Actor actor, JobService service, CancellationToken ct) =>
                ListAsync(kind, query, actor, service, ct)).WithName($"list{noun}s").TakesPages()
            .WithDocs<Page<JobDocument>>($"List {words}", "Newest first. Jobs are kept for 30 days after they end.");
        jobs.MapGet("/{job}", GetAsync).WithName($"get{noun}").AnswersETag()
            .WithDocs<JobDocument>($"Get {word}", "Includes its progress.");
        jobs.MapGet("/{job}/rows", ListRowsAsync).WithName($"list{noun}Rows").TakesPages(Outcome)
            .WithDocs<Page<JobRowDocument>>(
                $"List the rows of {word}", "Lists the rows that are done, in the order of the input.");
        jobs.MapGet("/{job}/rows.csv", DownloadAsync).WithName($"get{noun}RowsCsv").Takes(Outcome)
            .WithDocsCsv(
                $"Download the rows of {word}",
                "The same list as a CSV file. A cell that a spreadsheet would read as a formula is prefixed with an "
                + "apostrophe.");
        jobs.MapPost("/{job}/cancel", CancelAsync).WithName($"cancel{noun}").AnswersETag().CanRepeat()
            .WithDocs<JobDocument>($"Cancel {word}", "Rows that are done stay done.");
    }

    private static async Task<IResult> ImportAsync(
        string organization, ApiQuery query, HttpRequest request, Once once, Actor actor, JobService jobs,
        CancellationToken ct)
    {
        var options = new ImportOptions(query.Flag("dryRun"), query.Text("sendMail") is null || query.Flag("sendMail"));
        if (query.Refusal is { } refusal) return refusal;
        if (Format(request) is not { } format) return HostErrors.WrongMediaType.ToHttp();
        return await once.AnswerAsync(
            () => jobs.ImportAsync(actor, request.Body, format, ImportNames, options, ct),
            job => Started(job, organization, "imports"));
    }

    private static Task<IResult> ResendAllAsync(
        string organization, ApiQuery query, ApiBody<InvitationFilterRequest> body, Once once, Actor actor,
        JobService jobs,
        CancellationToken ct) =>
        StartAsync(organization, query, body, once, (filter, dryRun) => jobs.ResendAllAsync(actor, filter, dryRun, ct));

    private static Task<IResult> RevokeAllAsync(
        string organization, ApiQuery query, ApiBody<InvitationFilterRequest> body, Once once, Actor actor,
        JobService jobs,
        CancellationToken ct) =>
        StartAsync(organization, query, body, once, (filter, dryRun) => jobs.RevokeAllAsync(actor, filter, dryRun, ct));

    private static Task<IResult> EndorseAllAsync(
        string organization, ApiQuery query, ApiBody<InvitationFilterRequest> body, Once once, Actor actor,
        JobService jobs,
        CancellationToken ct) =>
        StartAsync(
            organization, query, body, once, (filter, dryRun) => jobs.EndorseAllAsync(actor, filter, dryRun, ct));

    private static async Task<IResult> StartAsync(
        string organization, ApiQuery query, ApiBody<InvitationFilterRequest> body, Once once,
        Func<InvitationFilter, bool, Task<Result<Job>>> start)
    {
        var dryRun = query.Flag("dryRun");
        if ((query.Refusal ?? body.Refusal()) is { } refusal) return refusal;
        FaultList faults = [];
        var filter = body.Value.ToFilter(faults);
        return Error.Of(faults) is { } fault
            ? fault.ToHttp()
            : await once.AnswerAsync(() => start(filter, dryRun), job => Started(job, organization, "jobs"));
    }

    private static async Task<IResult> ListAsync(
        JobKind? kind, ApiQuery query, Actor actor, JobService jobs, CancellationToken ct)
    {
        var (limit, after) = (query.Limit, query.After("-created"));
        if (query.Refusal is { } refusal) return refusal;
        return (await jobs.PageAsync(actor, after?.Id, limit + 1, kind, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(read, limit, JobDocument.From, j => new Cursor("-created", null, j.Id))));
    }

    private static async Task<IResult> GetAsync(string job, Actor actor, JobService jobs, CancellationToken ct) =>
        (await jobs.GetAsync(actor, Ids.Job.Parse(job), ct))
            .ToHttp(found => Answers.Ok(JobDocument.From(found), Precondition.TagOf(found)));

    private static async Task<IResult> ListRowsAsync(
        string job, ApiQuery query, Actor actor, JobService jobs, CancellationToken ct)
    {
        var (limit, outcome, place) = (query.Limit, query.Enum<RowOutcome>("outcome"), query.After("row"));
        var row = 0;
        if (place is not null && !int.TryParse(place.Key, NumberStyles.None, CultureInfo.InvariantCulture, out row))
            return ShapeErrors.ParameterInvalid("after", "the `next` value of an earlier page").ToHttp();
        if (query.Refusal is { } refusal) return refusal;
        var id = Ids.Job.Parse(job);
        return (await jobs.RowsAsync(actor, id, outcome, row, limit + 1, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(
                read, limit, JobRowDocument.From,
                r => new Cursor("row", r.Row.ToString(CultureInfo.InvariantCulture), id))));
    }

    private static async Task<IResult> DownloadAsync(
        string job, ApiQuery query, Actor actor, JobService jobs, CancellationToken ct)
    {
        var outcome = query.Enum<RowOutcome>("outcome");
        if (query.Refusal is { } refusal) return refusal;
        var id = Ids.Job.Parse(job);
        if ((await jobs.GetAsync(actor, id, ct)).Error is { } unknown) return unknown.ToHttp();
        return TypedResults.Stream(async stream =>
        {
            await using var text = new StreamWriter(stream);
            await using var csv = new CsvWriter(
                text,
                new CsvConfiguration(CultureInfo.InvariantCulture)
                {
                    InjectionOptions = InjectionOptions.Escape, InjectionEscapeCharacter = '\'',
                });
            await WriteAsync(csv, ["row", "email", "outcome", "code", "pointer", "detail", "memberId", "invitationId"]);
            await foreach (var row in jobs.StreamRowsAsync(actor, id, outcome, ct))
            {
                var shown = JobRowDocument.From(row);
                await WriteAsync(
                    csv,
                    [
                        $"{shown.Row}", shown.Email, SnakeCaseName.Of(shown.Outcome), shown.Code, shown.Pointer,
                        shown.Detail, shown.MemberId, shown.InvitationId,
                    ]);
            }
        }, "text/csv; charset=utf-8", $"{job}.csv");
    }

    private static Task WriteAsync(CsvWriter csv, IEnumerable<string?> cells)
    {
        foreach (var cell in cells) csv.WriteField(cell);
        return csv.NextRecordAsync();
    }

    private static Task<IResult> CancelAsync(
        string job, Once once, Actor actor, JobService jobs, CancellationToken ct) =>
        once.AnswerAsync(
            () => jobs.CancelAsync(actor, Ids.Job.Parse(job), ct),
            cancelled => Answers.Ok(JobDocument.From(cancelled), Precondition.TagOf(cancelled)));

    private static IResult Started(Job job, string organization, string path) =>
        Answers.Accepted(
            JobDocument.From(job), $"{UsherApi.Prefix}/organizations/{organization}/{path}/{Ids.Job.Of(job.Id)}",
            Precondition.TagOf(job));

    private static ImportFormat? Format(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)) return null;
        if (type.Charset is { HasValue: true } charset && !charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
                && !charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase))
            return null;
        return type.MediaType.Equals("text/csv", StringComparison.OrdinalIgnoreCase) ? ImportFormat.Csv
            : type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) ? ImportFormat.Json : null;
    }
}
