namespace Usher.Server.Pages.Me;

/// <summary>What a browser is called in a list, by its own description (the User-Agent header).</summary>
internal static class DeviceName
{
    private const int MaxLength = 60;

    // In this order: several name those they are made of, too.
    private static readonly (string Mark, string Name)[] Browsers =
    [
        ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"), ("FxiOS/", "Firefox"), ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl"),
    ];

    private static readonly (string Mark, string Name)[] Systems =
    [
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Macintosh", "Mac"),
        ("CrOS", "ChromeOS"), ("Linux", "Linux"),
    ];

    /// <summary>Such as "Firefox on Linux"; of an unknown one its own first words.</summary>
    public static string Of(string? description)
    {
        if (description is null) return "Unknown device";
        var (browser, system) = (Find(Browsers, description), Find(Systems, description));
        return (browser, system) switch
        {
            ({ } b, { } s) => $"{b} on {s}",
            ({ } b, null) => b,
            _ => description.Length > MaxLength ? description[..MaxLength] + "…" : description,
        };
    }

    private static string? Find((string Mark, string Name)[] known, string description) =>
        Array.Find(known, one => description.Contains(one.Mark, StringComparison.Ordinal)).Name;
}
