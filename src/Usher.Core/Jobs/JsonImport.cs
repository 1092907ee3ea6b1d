using System.Text.Json;
using System.Text.Unicode;
using Usher.Core.Roles;

namespace Usher.Core.Jobs;

/// <summary>Reads import rows from JSON one object at a time. Only the current object is buffered completely.</summary>
internal sealed class JsonImport(ImportIds ids, ImportRows rows)
{
    private const int FirstBuffer = 64 * 1024;

    private byte[] buffer = new byte[FirstBuffer];
    private int filled;
    private Stage stage = Stage.Start;
    private bool wrapped;

    private enum Stage
    {
        Start,

        /// <summary>Inside the outer object, before its only property.</summary>
        Wrapper,

        /// <summary>After the name of that property.</summary>
        Array,
        Rows,

        /// <summary>After the array of rows.</summary>
        End,
    }

    /// <returns>Why the file is refused, or null.</returns>
    public async Task<Error?> ReadAsync(Stream body)
    {
        JsonReaderState state = default;
        for (var (first, ended) = (true, false); !ended;)
        {
            if (filled == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
            var got = await body.ReadAtLeastAsync(buffer.AsMemory(filled), 1, throwOnEndOfStream: false);
            ended = got is 0;
            filled += got;
            if (first && filled < 3 && !ended) continue;
            if (first)
            {
                if (filled is 0) return null; // no rows
                if (buffer.AsSpan(0, filled) is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..]) return JobErrors.NotUtf8;
                if (buffer.AsSpan(0, filled).StartsWith("\uFEFF"u8)) Drop(3);
                first = false;
            }

            try
            {
                if (Take(ended, ref state) is { } refusal) return refusal;
            }
            catch (JsonException)
            {
                return Utf8.IsValid(buffer.AsSpan(0, filled)) || !ended
                    ? JobErrors.Malformed(rows.Total + 1, "this is not JSON.")
                    : JobErrors.NotUtf8;
            }
        }

        return null;
    }

    // Processes the complete tokens in the buffer and keeps the rest.
    private Error? Take(bool ended, ref JsonReaderState state)
    {
        var reader = new Utf8JsonReader(buffer.AsSpan(0, filled), ended, state);
        while (true)
        {
            var before = reader;
            if (!reader.Read()) break;
            if (stage is Stage.Rows && reader.TokenType is not JsonTokenType.EndArray)
            {
                var start = (int)reader.TokenStartIndex;
                if (!reader.TrySkip())
                {
                    reader = before;
                    break;
                }

                var bytes = buffer.AsMemory(start, (int)reader.BytesConsumed - start);
                if (!Utf8.IsValid(bytes.Span)) return JobErrors.NotUtf8;
                if (rows.Add(Row(bytes)) is { } refusal) return refusal;
                continue;
            }

            switch (stage, reader.TokenType)
            {
                case (Stage.Start, JsonTokenType.StartObject): (stage, wrapped) = (Stage.Wrapper, true); break;
                case (Stage.Start or Stage.Array, JsonTokenType.StartArray): stage = Stage.Rows; break;
                case (Stage.Wrapper, JsonTokenType.PropertyName) when reader.ValueTextEquals("rows"):
                    stage = Stage.Array;
                    break;
                case (Stage.Rows, _): stage = Stage.End; break;
                case (Stage.End, JsonTokenType.EndObject) when wrapped: break;
                default:
                    return JobErrors.Malformed(
                        rows.Total + 1, "it must be an array of objects, or an object with the one member rows.");
            }
        }

        state = reader.CurrentState;
        Drop((int)reader.BytesConsumed);
        return null;
    }

    private void Drop(int bytes)
    {
        buffer.AsSpan(bytes, filled - bytes).CopyTo(buffer);
        filled -= bytes;
    }

    private ImportRow Row(ReadOnlyMemory<byte> bytes)
    {
        var row = new ImportDraft(ids);
        if (bytes.Length > ImportReader.MaxRowBytes)
        {
            row.Fault(JobErrors.RowTooLong);
            return row.ToRow();
        }

        using var document = JsonDocument.Parse(bytes);
        try
        {
            if (document.RootElement.ValueKind is not JsonValueKind.Object) row.Fault(JobErrors.NotAnObject);
            else
                foreach (var member in document.RootElement.EnumerateObject())
                    if (member.Value.ValueKind is not JsonValueKind.Null) Set(row, member.Name, member.Value);
        }
        catch (InvalidOperationException)
        {
            row.Fault(JobErrors.NotUnicode); // an unpaired surrogate, written as an escape
        }

        return row.ToRow();
    }

    private static void Set(ImportDraft row, string name, JsonElement value)
    {
        switch (ImportReader.Key(name))
        {
            case "email": row.Email = Text(row, "email", value) ?? ""; break;
            case "firstname": row.FirstName = Text(row, "first_name", value); break;
            case "lastname": row.LastName = Text(row, "last_name", value); break;
            case "role": if (Text(row, "role", value) is { } role) row.Role(role); break;
            case "permissions": row.Permissions = Texts(row, "permissions", value); break;
            case "groups": if (Texts(row, "groups", value) is { } groups) row.Groups(groups); break;
            case "roles": if (Texts(row, "roles", value) is { } roles) row.Roles(roles); break;
            case "levels": Levels(row, value); break;
            case "allresources" when value.ValueKind is JsonValueKind.True or JsonValueKind.False:
                row.AllResources = value.GetBoolean();
                break;
            case "allresources": row.Fault(JobErrors.TypeWrong("all_resources", "true or false")); break;
            case "locale": row.Locale = Text(row, "locale", value); break;
            case "timezone": row.TimeZone = Text(row, "time_zone", value); break;
            case "metadata" when value.ValueKind is JsonValueKind.Object:
                foreach (var entry in value.EnumerateObject())
                    if (Text(row, $"metadata/{entry.Name}", entry.Value) is { } text)
                        (row.Metadata ??= [])[entry.Name] = text;
                break;
            case "metadata": row.Fault(JobErrors.TypeWrong("metadata", "an object of texts")); break;
            default: row.Fault(JobErrors.FieldUnknown(name)); break;
        }
    }

    // Each element is { "resource": …, "level": …, "capabilities": […] }.
    private static void Levels(ImportDraft row, JsonElement value)
    {
        if (value.ValueKind is not JsonValueKind.Array)
        {
            row.Fault(JobErrors.TypeWrong("levels", "an array of objects"));
            return;
        }

        row.NoLevels();
        var index = 0;
        foreach (var one in value.EnumerateArray())
        {
            var field = $"levels/{index}";
            if (one.ValueKind is not JsonValueKind.Object) row.Fault(JobErrors.TypeWrong(field, "an object"));
            else if (one.EnumerateObject().Select(m => m.Name).FirstOrDefault(IsUnknown) is { } unknown)
                row.Fault(JobErrors.FieldUnknown(unknown) with { Field = field });
            else if (!one.TryGetProperty("resource", out var named)) row.Fault(JobErrors.TypeWrong(
                $"{field}/resource", "a text"));
            else
            {
                var resource = Text(row, $"{field}/resource", named);
                var level = one.TryGetProperty("level", out var said) ? Text(row, $"{field}/level", said) : "none";
                var capabilities = one.TryGetProperty("capabilities", out var listed)
                    ? Texts(row, $"{field}/capabilities", listed)
                    : [];
                if (resource is not null && level is not null && capabilities is not null)
                    row.Level(index, resource, [level, .. capabilities], level);
            }

            index++;
        }

        static bool IsUnknown(string name) => name is not ("resource" or "level" or "capabilities");
    }

    private static string? Text(ImportDraft row, string field, JsonElement value)
    {
        if (value.ValueKind is JsonValueKind.String) return value.GetString();
        row.Fault(JobErrors.TypeWrong(field, "a text"));
        return null;
    }

    private static List<string>? Texts(ImportDraft row, string field, JsonElement value)
    {
        if (value.ValueKind is not JsonValueKind.Array)
        {
            row.Fault(JobErrors.TypeWrong(field, "an array of texts"));
            return null;
        }

        List<string> texts = [];
        foreach (var (i, one) in value.EnumerateArray().Index())
            if (Text(row, $"{field}/{i}", one) is { } text) texts.Add(text);
        return texts;
    }
}
