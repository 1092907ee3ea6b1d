using System.Text;
using System.Text.Json;
using Usher.Core;
using Usher.Server.Errors;

namespace Usher.Server.Json;

/// <summary>
/// Limits how many values a JSON body may have. Bodies are checked before they are parsed, without allocating, so that
/// 4 MB of <c>{},{},…</c> cost no more than reading them.
/// </summary>
public static class JsonBounds
{
    /// <summary>The most entries of one array.</summary>
    public const int MaxEntries = 10_000;

    /// <summary>The most properties of one object.</summary>
    public const int MaxMembers = 1_000;

    /// <summary>The most values in one body: enough for 1,000 invitations with 200 values each.</summary>
    public const int MaxValues = 200_000;

    /// <summary>The deepest nesting.</summary>
    public const int MaxDepth = 64;

    /// <summary>Counts a body's values. Stops at the first list that is too long.</summary>
    /// <returns>Null for a body within the bounds, and for a body that is not JSON, which the parser refuses.</returns>
    public static Error? Check(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        Span<Level> levels = stackalloc Level[MaxDepth + 1];
        var values = 0;
        try
        {
            while (reader.Read())
            {
                var depth = reader.CurrentDepth;
                switch (reader.TokenType)
                {
                    case JsonTokenType.PropertyName:
                        ref var parent = ref levels[depth];
                        (parent.NameStart, parent.NameLength) =
                            ((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);
                        if (++parent.Count > MaxMembers)
                            return HostErrors.TooManyValues(Path(body, levels[..depth]), MaxMembers);
                        continue;
                    case JsonTokenType.EndArray or JsonTokenType.EndObject:
                        continue;
                }

                if (++values > MaxValues) return HostErrors.TooManyValues("", MaxValues);
                if (levels[depth].IsArray && ++levels[depth].Count > MaxEntries)
                    return HostErrors.TooManyValues(Path(body, levels[..depth]), MaxEntries);
                if (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.StartObject)
                    levels[depth + 1] = new() { IsArray = reader.TokenType is JsonTokenType.StartArray };
            }
        }
        catch (JsonException)
        {
            return null;
        }

        return null;
    }

    // The path of the list that is too long, such as rows/3/permissions.
    private static string Path(ReadOnlySpan<byte> body, ReadOnlySpan<Level> levels)
    {
        var path = new StringBuilder();
        foreach (var level in levels.Length > 0 ? levels[1..] : levels)
        {
            if (path.Length > 0) path.Append('/');
            if (level.IsArray) path.Append(level.Count - 1);
            else path.Append(Encoding.UTF8.GetString(body.Slice(level.NameStart, Math.Min(level.NameLength, 64))));
        }

        return path.ToString();
    }

    private struct Level
    {
        public bool IsArray;
        public int Count;
        public int NameStart;
        public int NameLength;
    }
}
