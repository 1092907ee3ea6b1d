using System.Text;
using System.Text.Json;

namespace Usher.Core.Jobs;

public enum ImportFormat
{
    /// <summary>RFC 4180 in UTF-8, the first line naming the columns.</summary>
    Csv,

    /// <summary>An array of objects, bare or as <c>rows</c> of an object.</summary>
    Json,
}

/// <summary>A file that was read: its rows in batches, as they are stored.</summary>
public sealed record ImportFile(int Total, IReadOnlyList<ImportBatch> Batches);

/// <summary>Some rows of a file, as JSON.</summary>
/// <param name="FirstRow">The number of the first; 1 for the first of all.</param>
public sealed record ImportBatch(int FirstRow, int Count, string Rows)
{
    public IReadOnlyList<ImportRow> Read() => JobJson.Read<List<ImportRow>>(Rows);
}

/// <summary>
/// Reads a file of people to invite, as it comes in: at no time is more of it in memory than the row at hand and what
/// was read before, as it will be stored. A file is refused as a whole, or else a bad row only refuses itself.
/// </summary>
public static class ImportReader
{
    public const int MaxRows = 50_000;
    public const int MaxBytes = 32 * 1024 * 1024;
    public const int MaxRowBytes = 64 * 1024;

    /// <summary>How many rows are carried out as one.</summary>
    public const int BatchSize = 500;

    /// <summary>
    /// What a row can say, apart from <c>metadata.&lt;key&gt;</c>. Letter case and underscores aside.
    /// </summary>
    public static IReadOnlyList<string> Columns { get; } =
        [
            "email", "firstName", "lastName", "role", "permissions", "groups", "roles", "levels", "allResources",
            "locale", "timeZone",
        ];

    /// <summary>All rows of a file. Stops reading at whatever refuses it.</summary>
    /// <param name="body">Read once, from where it stands.</param>
    /// <param name="format">What it is.</param>
    /// <param name="ids">How ids are written in it.</param>
    /// <param name="ct">Cancels.</param>
    public static async Task<Result<ImportFile>> ReadAsync(
        Stream body, ImportFormat format, ImportIds ids, CancellationToken ct)
    {
        await using var limited = new LimitedStream(body, MaxBytes, ct);
        var rows = new ImportRows();
        Error? refusal;
        try
        {
            refusal = format switch
            {
                ImportFormat.Csv => await CsvImport.ReadAsync(limited, ids, rows),
                ImportFormat.Json => await new JsonImport(ids, rows).ReadAsync(limited),
            };
        }
        catch (DecoderFallbackException)
        {
            refusal = JobErrors.NotUtf8;
        }

        if (limited.Exceeded) return JobErrors.TooLarge; // what was cut off there may look like any other fault
        if (refusal is not null) return refusal;
        return rows.Total is 0 ? JobErrors.Empty : rows.ToFile();
    }

    /// <summary>How a column or a JSON member is found: letter case and underscores aside.</summary>
    internal static string Key(string name) => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();

    // Ends where the limit is, and remembers that there was more.
    private sealed class LimitedStream(Stream inner, long limit, CancellationToken ct) : Stream
    {
        private long read;

        public bool Exceeded => read > limit;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => read;
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Exceeded) return 0;
            var got = await inner.ReadAsync(buffer, ct);
            read += got;
            return Exceeded ? 0 : got;
        }

        public override Task<int> ReadAsync(
            byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) =>
            throw new NotSupportedException("Bodies are read asynchronously.");

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

/// <summary>The rows of a file so far, numbered from 1.</summary>
internal sealed class ImportRows
{
    private readonly Dictionary<string, int> firsts = [];
    private readonly List<ImportRow> open = new(ImportReader.BatchSize);
    private readonly List<ImportBatch> batches = [];

    public int Total { get; private set; }

    /// <summary>Takes the next row; a second one for an address refuses itself.</summary>
    /// <returns>Why the file has ended here, or null.</returns>
    public Error? Add(ImportRow row)
    {
        if (Total == ImportReader.MaxRows) return JobErrors.TooManyRows;
        Total++;
        if (EmailAddress.TryCanonical(row.Email, out var address) && !firsts.TryAdd(address, Total))
            row = row with { Faults = [.. row.Faults ?? [], RowFault.Of(JobErrors.DuplicateRow(firsts[address]))] };
        open.Add(row);
        if (open.Count == ImportReader.BatchSize) Close();
        return null;
    }

    public ImportFile ToFile()
    {
        if (open.Count > 0) Close();
        return new(Total, batches);
    }

    private void Close()
    {
        batches.Add(new(Total - open.Count + 1, open.Count, JsonSerializer.Serialize(open, JobJson.Options)));
        open.Clear();
    }
}
