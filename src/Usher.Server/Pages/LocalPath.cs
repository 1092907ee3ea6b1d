namespace Usher.Server.Pages;

/// <summary>Paths of this site that a query or a form may name as the next page.</summary>
public static class LocalPath
{
    private const int MaxLength = 4000;

    /// <summary>The path if it stays on this site and fits into a Location header; otherwise null.</summary>
    public static string? OrNull(string? path) =>
        path is ['/', ..] and not ['/', '/' or '\\', ..] && path.Length <= MaxLength
            && path.All(c => c is > ' ' and < '\x7f')
            ? path
            : null;

    /// <summary>The sign-in page, returning to a path afterwards.</summary>
    public static string SignIn(string? returnTo) => With("/sign-in", returnTo);

    /// <summary>The page for a forgotten password, returning to a path afterwards.</summary>
    public static string Reset(string? returnTo) => With("/reset", returnTo);

    /// <summary>The page that asks for the password again, returning to a path afterwards.</summary>
    public static string ConfirmSession(string? returnTo) => With("/me/confirm", returnTo);

    private static string With(string page, string? returnTo) =>
        OrNull(returnTo) is { } path ? $"{page}?return={Uri.EscapeDataString(path)}" : page;
}
