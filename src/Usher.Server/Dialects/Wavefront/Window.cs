using System.Globalization;
using System.Text.Json;
using Usher.Core;
using Usher.Server.Json;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>The part of a list to return.</summary>
internal sealed record Window(int Offset, int Limit)
{
    private const int DefaultLimit = 100;
    private const int MaxLimit = 1_000;

    /// <summary>Reads <c>offset</c> and <c>limit</c> of a query string.</summary>
    public static Result<Window> From(HttpRequest request)
    {
        if (!TryRead(request.Query["offset"], 0, out var offset))
            return WavefrontErrors.Fault("offset must be a number of at least 0");
        if (!TryRead(request.Query["limit"], DefaultLimit, out var limit))
            return WavefrontErrors.Fault("limit must be a number of 1 to 1000");
        return Checked(offset, limit);
    }

    /// <summary>Reads <c>offset</c> and <c>limit</c> of a search.</summary>
    public static Result<Window> From(JsonElement search)
    {
        if (!TryRead(search.Member("offset"), 0, out var offset))
            return WavefrontErrors.Fault("offset must be a number of at least 0");
        if (!TryRead(search.Member("limit"), DefaultLimit, out var limit))
            return WavefrontErrors.Fault("limit must be a number of 1 to 1000");
        return Checked(offset, limit);
    }

    /// <summary>Makes the page of a whole list.</summary>
    public Page<T> Of<T>(IReadOnlyList<T> all, PageSort sort) =>
        Page([.. all.Skip(Offset).Take(Limit)], all.Count, sort);

    /// <summary>Makes the page from its items, which are part of a list of <paramref name="total"/> items.</summary>
    public Page<T> Page<T>(IReadOnlyList<T> shown, int total, PageSort sort) =>
        new(shown, Offset, Limit, total, Offset + shown.Count < total && shown.Count > 0, sort);

    private static Result<Window> Checked(int offset, int limit)
    {
        if (offset < 0) return WavefrontErrors.Fault("offset must be a number of at least 0");
        return limit is < 1 or > MaxLimit
            ? WavefrontErrors.Fault("limit must be a number of 1 to 1000")
            : new Window(offset, limit);
    }

    private static bool TryRead(string? text, int absent, out int value)
    {
        value = absent;
        return text is null
            || int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
    }

    private static bool TryRead(JsonElement? member, int absent, out int value)
    {
        value = absent;
        return member is not { } number || (number.ValueKind is JsonValueKind.Number && number.TryGetInt32(out value));
    }
}
