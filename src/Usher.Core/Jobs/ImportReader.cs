using System.Text;
using System.Text.Json;

namespace Usher.Core.Jobs;

public enum ImportFormat
{
    /// <summary>RFC 4180 in UTF-8. The first line contains the column names.</summary>
    Csv,

    /// <summary>A JSON array of objects, or an object whose only property <c>rows</c> is such an array.</summary>
    Json,
}

/// <summary>A file after reading: its rows in batches, as they will be stored.</summary>
public sealed record ImportFile(int Total, IReadOnlyList<ImportBatch> Batches);

/// <summary>A batch of rows as JSON.</summary>
/// <param name="FirstRow">The number of the batch's first row. The first row of the file is 1.</param>
public sealed record ImportBatch(int FirstRow, int Count, string Rows)
{
    public IReadOnlyList<ImportRow> Read() => JobJson.Read<List<ImportRow>>(Rows);
}

/// <summary>
/// Reads a file of people to invite as a stream. Memory holds only the current row and the stored form of earlier rows.
/// Some faults refuse the whole file; an invalid row is only marked as such.
/// </summary>
public static class ImportReader
{
    public const int MaxRows = 50_000;
    public const int MaxBytes = 32 * 1024 * 1024;
    public const int MaxRowBytes = 64 * 1024;

    /// <summary>The number of rows in one batch.</summary>
    public const int BatchSize = 500;

    /// <summary>
    /// The supported columns besides <c>metadata.&lt;key&gt;</c>. Letter case and underscores are ignored.
    /// </summary>
    public static IReadOnlyList<string> Columns { get; } =
        [
            "email", "firstName", "lastName", "role", "permissions", "groups", "roles", "levels", "allResources",
            "locale", "timeZone",
        ];

    /// <summary>Reads all rows of a file. Stops at the first fault that refuses the file.</summary>
    /// <param name="body">Read once, from its current position.</param>
    /// <param name="format">The format of the file.</param>
    /// <param name="ids">Parses ids in the file.</param>
    /// <param name="ct">Cancels the read.</param>
    /// <returns>The rows, or the error that refuses the file.</returns>
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

        if (limited.Exceeded) return JobErrors.TooLarge; // checked first: a truncated file causes other faults
        if (refusal is not null) return refusal;
        return rows.Total is 0 ? JobErrors.Empty : rows.ToFile();
    }

    /// <summary>The lookup key of a column or JSON property: lower case, without underscores.</summary>
    internal static string Key(string name) => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();

    // Ends at the limit and records whether there was more.
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

/// <summary>Collects the rows of a file, numbered from 1.</summary>
internal sealed class ImportRows
{
    private readonly Dictionary<string, int> firsts = [];
    private readonly List<ImportRow> open = new(ImportReader.BatchSize);
    private readonly List<ImportBatch> batches = [];

    public int Total { get; private set; }

    /// <summary>Adds the next row. A second row for the same address is marked as faulty.</summary>
    /// <returns>Why reading must stop, or null.</returns>
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
