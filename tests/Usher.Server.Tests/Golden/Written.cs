using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Golden;

/// <summary>Files of the documentation that are made from the code.</summary>
internal static class Written
{
    /// <summary>Fails where a file is not what it should be; with USHER_UPDATE_GOLDEN=1 writes it.</summary>
    /// <param name="path">Within the repository.</param>
    /// <param name="expected">The whole of it.</param>
    public static async Task AssertAsync(string path, string expected)
    {
        var file = Repository.Path(path);
        var written = File.Exists(file) ? await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken) : "";
        if (written == expected) return;
        if (Story.Rewrites)
        {
            await File.WriteAllTextAsync(file, expected, TestContext.Current.CancellationToken);
            return;
        }

        var (old, made) = (written.Split('\n'), expected.Split('\n'));
        var line = Enumerable.Range(0, made.Length + 1)
            .First(i => old.ElementAtOrDefault(i) != made.ElementAtOrDefault(i));
        Assert.Fail($"""
            {path} is not what the code makes of it. When the code is right, run again with USHER_UPDATE_GOLDEN=1
            and review the difference, first in line {line + 1}:
              written: {old.ElementAtOrDefault(line) ?? "(nothing)"}
              made:    {made.ElementAtOrDefault(line) ?? "(nothing)"}
            """);
    }
}
