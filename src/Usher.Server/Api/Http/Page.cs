using System.Buffers.Text;
using System.Text;
using Usher.Server.Json;

namespace Usher.Server.Api.Http;

/// <summary>One page of a list.</summary>
/// <param name="Data">The items of this page, at most `limit`.</param>
/// <param name="Next">The value to send as <c>after</c> for the next page; null on the last page.</param>
internal sealed record Page<T>(IReadOnlyList<T> Data, string? Next);

/// <summary>
/// A position in a list: the sort order, the sort key of the last item shown, and its id. Opaque to clients.
/// </summary>
internal sealed record Cursor(string Order, string? Key, Guid Id)
{
    public override string ToString() =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{Order}\n{ShortId.Of(Id)}\n{Key}"));

    public static Cursor? Parse(string text)
    {
        if (text.Length > 2_000 || !Base64Url.IsValid(text)) return null;
        var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split('\n', 3);
        return parts is [var order, var id, var key] && ShortId.Parse(id) is { } parsed
            && Core.Text.IsWellFormed(key)
            ? new(order, key is "" ? null : key, parsed)
            : null;
    }

    /// <summary>Makes a page from up to <c>limit + 1</c> items; the extra one tells whether a page follows.</summary>
    public static Page<TOut> Page<T, TOut>(
        IReadOnlyList<T> read, int limit, Func<T, TOut> shown, Func<T, Cursor> place) =>
        read.Count > limit
            ? new([.. read.Take(limit).Select(shown)], place(read[limit - 1]).ToString())
            : new([.. read.Select(shown)], null);
}
