using System.Text.RegularExpressions;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests;

/// <summary>What docs/security.md promises is proven by the tests that it names.</summary>
public sealed partial class SecurityDocumentTests
{
    [FactIn(Runs.Once)]
    public void Every_row_names_tests_that_exist()
    {
        var sources = Directory.EnumerateFiles(Repository.Path("tests"), "*Tests.cs", SearchOption.AllDirectories)
            .ToLookup(file => Path.GetFileNameWithoutExtension(file), File.ReadAllText);
        var rows = File.ReadLines(Repository.Path("docs/security.md")).Where(line => Row().IsMatch(line)).ToList();
        Assert.True(rows.Count > 40, $"Only {rows.Count} rows.");
        Assert.All(rows, row => Assert.Matches(Named(), row));
        Assert.Empty(rows.SelectMany(row => Named().Matches(row))
            .Where(named => !sources[named.Groups["class"].Value].Any(s => IsTest(s, named.Groups["method"].Value)))
            .Select(named => named.Value));
    }

    private static bool IsTest(string source, string method) => Regex.IsMatch(
        source, $@"\bpublic (async )?(Task|void) {method}\(", RegexOptions.None, TimeSpan.FromSeconds(1));

    [GeneratedRegex(@"^\| (?!Attack or failure )", RegexOptions.None, 1000)]
    private static partial Regex Row();

    [GeneratedRegex(@"`(?<class>\w+Tests)\.(?<method>\w+)`", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Named();
}
