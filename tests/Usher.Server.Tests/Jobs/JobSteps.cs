using System.Text;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Jobs;

/// <summary>What the stories about jobs are told in.</summary>
internal static class JobSteps
{
    public static readonly ImportIds NoIds = new(_ => null, _ => null, _ => null);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static MemoryStream Csv(string header, IEnumerable<string> rows) =>
        new(Encoding.UTF8.GetBytes($"{header}\n{string.Concat(rows.Select(r => r + "\n"))}"));

    extension(UsherApp app)
    {
        public Task<Job?> ClaimAsync() => app.WithAsync<JobRunner, Job?>(r => r.ClaimAsync(Ct));

        public Task<bool> RunAsync(Job claimed) => app.WithAsync<JobRunner, bool>(r => r.RunAsync(claimed, Ct));

        /// <summary>Does batches until none is left, as a node's worker does.</summary>
        public async Task DrainAsync(int atMost = int.MaxValue)
        {
            for (var i = 0; i < atMost && await app.ClaimAsync() is { } job; i++) await app.RunAsync(job);
        }
    }

    extension(TestOrganization org)
    {
        public Task<Result<Job>> TryImportAsync(
            Stream file, Actor? by = null, ImportOptions? options = null, ImportFormat format = ImportFormat.Csv) =>
            org.App.WithAsync<JobService, Result<Job>>(s =>
                s.ImportAsync(by ?? org.Owner, file, format, NoIds, options ?? new(), Ct));

        public async Task<Job> ImportAsync(
            string header, IEnumerable<string> rows, Actor? by = null, bool dryRun = false, bool sendMail = true) =>
            (await org.TryImportAsync(Csv(header, rows), by, new(dryRun, sendMail))).Value;

        public Task<Result<Job>> TryStartAsync(
            JobKind kind, InvitationFilter filter, Actor? by = null, bool dryRun = false) =>
            org.App.WithAsync<JobService, Result<Job>>(
            s => kind switch
            {
                JobKind.Resend => s.ResendAllAsync(by ?? org.Owner, filter, dryRun, Ct),
                JobKind.Revoke => s.RevokeAllAsync(by ?? org.Owner, filter, dryRun, Ct),
                _ => s.EndorseAllAsync(by ?? org.Owner, filter, dryRun, Ct),
            });

        public async Task<Job> JobAsync(Job job) =>
            (await org.App.WithAsync<JobService, Result<Job>>(s => s.GetAsync(org.System, job.Id, Ct))).Value;

        public async Task<IReadOnlyList<JobRow>> RowsAsync(
            Job job, RowOutcome? outcome = null, int after = 0, int limit = 1_000) =>
            (await org.App.WithAsync<JobService, Result<IReadOnlyList<JobRow>>>(s =>
                s.RowsAsync(org.System, job.Id, outcome, after, limit, Ct))).Value;

        /// <summary>Does the whole of a job, and gives its rows.</summary>
        public async Task<IReadOnlyList<JobRow>> DoneAsync(Job job)
        {
            await org.App.DrainAsync();
            Assert.Equal(JobStatus.Completed, (await org.JobAsync(job)).Status);
            return await org.RowsAsync(job);
        }

        public Task<Result<Job>> CancelAsync(Job job, Actor? by = null) =>
            org.App.WithAsync<JobService, Result<Job>>(s => s.CancelAsync(by ?? org.Owner, job.Id, Ct));
    }

    /// <summary>A body that is made while it is read.</summary>
    internal sealed class Endless(string head, string row, long length) : Stream
    {
        private readonly byte[] first = Encoding.UTF8.GetBytes(head);
        private readonly byte[] filler = Encoding.UTF8.GetBytes(row);

        /// <summary>How much of it was asked for.</summary>
        public long Given { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position { get; set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Given >= length) return ValueTask.FromResult(0);
            for (var i = 0; i < buffer.Length; i++, Given++)
                buffer.Span[i] = Given < first.Length ? first[Given] : filler[(Given - first.Length) % filler.Length];
            return ValueTask.FromResult(buffer.Length);
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
