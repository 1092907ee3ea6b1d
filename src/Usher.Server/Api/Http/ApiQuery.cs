using System.Globalization;
using Usher.Core;
using Usher.Core.Data;
using Usher.Server.Errors;

namespace Usher.Server.Api.Http;

/// <summary>Reads a query string. Unknown and mistyped parameters are collected and reported together.</summary>
internal sealed class ApiQuery
{
    public const int DefaultLimit = 50;
    public const int MaxLimit = 1_000;

    private readonly HttpRequest request;
    private readonly FaultList faults = [];

    private ApiQuery(HttpRequest request)
    {
        this.request = request;
        if (!request.QueryString.HasValue) return;
        string[] known = [
            .. request.HttpContext.GetEndpoint()!.Metadata.GetOrderedMetadata<QueryParameter>().Select(p => p.Name)];
        foreach (var name in request.Query.Keys.Except(known, StringComparer.Ordinal))
            faults.Add(ShapeErrors.ParameterUnknown(name, known));
        foreach (var (name, values) in request.Query)
            if (values.Any(v => v is null || !Core.Text.IsWellFormed(v)))
                faults.Add(ShapeErrors.ParameterInvalid(name, "text without control characters"));
    }

    public static ValueTask<ApiQuery?> BindAsync(HttpContext context) => new(new ApiQuery(context.Request));

    public IResult? Refusal => Error.Of(faults) is { } error ? new ErrorResult(error) : null;

    public int Limit => Text("limit") is not { } text ? DefaultLimit
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= MaxLimit
            ? limit
        : Invalid("limit", "a whole number from 1 to 1,000", DefaultLimit);

    public bool Has(string name) => request.Query.ContainsKey(name);

    public bool Flag(string name) =>
        Text(name) switch { null or "false" => false, "true" => true, _ => Invalid(name, "true or false", false) };

    public string? Text(string name) =>
        request.Query[name] is [{ Length: > 0 } one]
            ? one
            : request.Query[name] is [_, _, ..]
            ? Invalid<string?>(name, "one value", null)
            : null;

    public DateTimeOffset? Instant(string name) =>
        Text(name) is not { } text
            ? null
            : Instants.TryParse(text, out var instant)
            ? instant
            : Invalid<DateTimeOffset?>(name, "a date and time such as 2026-11-22T08:00:00Z", null);

    public Guid? Id(string name, Ids kind) =>
        Text(name) is not { } text
            ? null
            : kind.TryParse(text, out var id)
            ? id
            : Invalid<Guid?>(name, $"an id that begins with {kind.Prefix}", null);

    public T? Enum<T>(string name)
        where T : struct, Enum => Text(name) is not { } text ? null : Parse<T>(name, text);

    public IReadOnlyList<T> Enums<T>(string name)
        where T : struct, Enum =>
            [
                .. request.Query[name].SelectMany(v => (v ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
                    .Select(v => Parse<T>(name, v)).OfType<T>().Distinct()];

    /// <summary>The sort order: one of the words, descending when it is prefixed with a minus.</summary>
    public (string By, bool Descending) Sort(params IReadOnlyList<string> words)
    {
        var text = Text("sort") ?? words[0];
        var by = text.TrimStart('-');
        return words.Contains(by) && text.Length - by.Length <= 1
            ? (by, by.Length < text.Length)
            : Invalid("sort", $"one of {string.Join(", ", words)}, optionally prefixed with -", (words[0], false));
    }

    /// <summary>Where the page starts. A cursor is valid only for the sort order it was made for.</summary>
    public Cursor? After(string order)
    {
        if (Text("after") is not { } text) return null;
        return Cursor.Parse(text) is { } cursor && cursor.Order == order
            ? cursor
            : Invalid<Cursor?>("after", "the `next` value of an earlier page with the same sort order", null);
    }

    private T Invalid<T>(string name, string expected, T instead)
    {
        faults.Add(ShapeErrors.ParameterInvalid(name, expected));
        return instead;
    }

    private T? Parse<T>(string name, string text)
        where T : struct, Enum
    {
        foreach (var value in System.Enum.GetValues<T>())
            if (SnakeCaseName.Of(value) == text) return value;
        var names = System.Enum.GetNames<T>().Select(SnakeCaseName.Of);
        return Invalid<T?>(name, $"one of {string.Join(", ", names)}", null);
    }
}
