namespace Usher.Server.Pages.Me;

/// <summary>Makes a short name for a browser from its User-Agent header.</summary>
internal static class DeviceName
{
    private const int MaxLength = 60;

    // The order matters: some browsers also name those they are based on.
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

    /// <summary>Such as "Firefox on Linux"; for an unknown browser the beginning of the header.</summary>
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
