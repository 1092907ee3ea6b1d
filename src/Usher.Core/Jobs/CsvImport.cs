using System.Globalization;
using System.Text;
using CsvHelper;
using CsvHelper.Configuration;
using Usher.Core.Roles;

namespace Usher.Core.Jobs;

/// <summary>
/// Reads import rows from CSV (RFC 4180). Semicolons separate list items within a cell. Empty cells are ignored.
/// </summary>
internal static class CsvImport
{
    private const string MetadataPrefix = "metadata.";

    private static readonly Dictionary<string, Action<ImportDraft, string>> Setters = new()
    {
        ["email"] = (row, text) => row.Email = text,
        ["firstname"] = (row, text) => row.FirstName = text,
        ["lastname"] = (row, text) => row.LastName = text,
        ["role"] = (row, text) => row.Role(text.Trim()),
        ["permissions"] = (row, text) => row.Permissions = List(text),
        ["groups"] = (row, text) => row.Groups(List(text)),
        ["roles"] = (row, text) => row.Roles(List(text)),
        ["levels"] = (row, text) => row.Levels(List(text)),
        ["allresources"] = AllResources,
        ["locale"] = (row, text) => row.Locale = text.Trim(),
        ["timezone"] = (row, text) => row.TimeZone = text.Trim(),
    };

    /// <returns>Why the file is refused, or null.</returns>
    /// <exception cref="DecoderFallbackException">The file is not valid UTF-8.</exception>
    public static async Task<Error?> ReadAsync(Stream body, ImportIds ids, ImportRows rows)
    {
        using var text = new StreamReader(
            body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true),
            detectEncodingFromByteOrderMarks: false);
        var bad = false;
        using var parser = new CsvParser(
            text, new CsvConfiguration(CultureInfo.InvariantCulture) { BadDataFound = _ => bad = true });
        Action<ImportDraft, string>[]? columns = null;
        while (await parser.ReadAsync())
        {
            var raw = parser.RawRecord;
            var tooLong = columns is not null && Encoding.UTF8.GetByteCount(raw) > ImportReader.MaxRowBytes;
            string[] cells = tooLong ? [] : parser.Record ?? [];

            // The parser reads the rest of the file as one cell if a quote is not closed. In valid CSV the number of
            // quotes is even.
            if (bad || raw.AsSpan().Count('"') % 2 is not 0)
                return JobErrors.Malformed(
                    rows.Total + (columns is null ? 0 : 1),
                    $"a quote that does not belong there, or is not closed, in line {parser.RawRow}.");
            if (columns is null)
            {
                if (!Header(cells).TryGet(out columns, out var refused)) return refused;
                continue;
            }

            var row = new ImportDraft(ids);
            if (tooLong) row.Fault(JobErrors.RowTooLong);
            if (cells.Length > columns.Length) row.Fault(JobErrors.TooManyCells);
            for (var i = 0; i < Math.Min(cells.Length, columns.Length); i++)
                if (!string.IsNullOrWhiteSpace(cells[i])) columns[i](row, cells[i]);
            if (rows.Add(row.ToRow()) is { } refusal) return refusal;
        }

        return null;
    }

    private static Result<Action<ImportDraft, string>[]> Header(string[] names)
    {
        HashSet<string> seen = [];
        string[] trimmed = [.. names.Select(n => n.Trim())];
        if (!trimmed.Any(n => ImportReader.Key(n) is "email")) return JobErrors.HeaderMissing;
        foreach (var name in trimmed)
        {
            var key = MetadataKey(name);
            if (key is null ? !Setters.ContainsKey(ImportReader.Key(name)) : key is "")
                return JobErrors.ColumnUnknown(name);
            if (!seen.Add(key is null ? ImportReader.Key(name) : MetadataPrefix + key))
                return JobErrors.ColumnDoubled(name);
        }

        return trimmed.Select(name =>
            MetadataKey(name) is { } key ? (row, text) =>
                (row.Metadata ??= [])[key] = text : Setters[ImportReader.Key(name)]).ToArray();
    }

    private static string? MetadataKey(string name) =>
        name.StartsWith(MetadataPrefix, StringComparison.OrdinalIgnoreCase) ? name[MetadataPrefix.Length..] : null;

    private static string[] List(string cell) =>
        cell.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static void AllResources(ImportDraft row, string text)
    {
        if (bool.TryParse(text.Trim(), out var all)) row.AllResources = all;
        else row.Fault(JobErrors.TypeWrong("all_resources", "true or false"));
    }
}
