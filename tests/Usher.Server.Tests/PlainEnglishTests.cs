using System.Text.RegularExpressions;
using Usher.Server.Api.OpenApi;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests;

/// <summary>Code, documents and messages are in plain English, and the lines of the source fit the screen.</summary>
public sealed partial class PlainEnglishTests
{
    private const int MaxColumns = 120;

    // Files and folders in plain English.
    private static readonly string[] Checked =
        ["src", "docs", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"];

    // Folders whose lines fit the screen.
    private static readonly string[] Source = ["src", "tests"];

    private static readonly string[] Excluded =
    [
        "/node_modules/", "src/Usher.Server/wwwroot/lib", "/bin/", "/obj/", "/Migrations/", "/CompiledModel/",
    ];

    // Texts of other products' APIs that contain one of the words and must stay as they are. So far there are none.
    private static readonly string[] Quotations = [];

    /// <summary>Every error message, by its code.</summary>
    public static TheoryData<string, string> Messages { get; } =
    [
        .. from entry in ErrorCatalogue.All
           from message in entry.Variants.Select(v => v.Error.Message).Distinct()
           select (entry.Code, message),
    ];

    [TheoryIn(Runs.Once)]
    [MemberData(nameof(Messages))]
    public void Error_messages_name_people_by_their_role(string code, string message) =>
        Assert.False(IsObscure(message), $"{code}: {message}");

    [FactIn(Runs.Once)]
    public void Source_and_documents_name_people_by_their_role() => Assert.Empty(
        Lines(Checked, ".cs", ".razor", ".md").Where(line => IsObscure(line.Text)).Select(line => line.ToString()));

    [FactIn(Runs.Once)]
    public void Lines_of_the_source_have_at_most_120_columns() => Assert.Empty(
        Lines(Source, ".cs", ".razor", ".css", ".js").Where(line => line.Text.Length > MaxColumns)
            .Select(line => $"{line.File}:{line.Number}: {line.Text.Length} columns"));

    [FactIn(Runs.Once)]
    public void The_files_are_found()
    {
        var files = Lines([.. Checked, .. Source], ".cs", ".razor", ".css", ".js", ".md").Select(line => line.File)
            .ToHashSet();
        string[] some = [
            "src/Usher.Server/Program.cs", "src/Usher.Server/Pages/Me/MePage.razor", "docs/errors.md", "README.md",
            "src/Usher.Server/wwwroot/usher.css", "src/Usher.Server/wwwroot/join.js",
            "src/Usher.Core/Members/MemberErrors.cs", "tests/Usher.Core.Tests/SecretTests.cs",
            "tests/Usher.Server.Tests/PlainEnglishTests.cs",
        ];
        Assert.Empty(some.Except(files));
    }

    private static bool IsObscure(string text) =>
        Words().IsMatch(Quotations.Aggregate(text, (rest, quotation) =>
            rest.Replace(quotation, "", StringComparison.Ordinal)));

    private static IEnumerable<Line> Lines(string[] folders, params string[] extensions) =>
        from file in Files(folders)
        where extensions.Contains(Path.GetExtension(file))
        let name = Path.GetRelativePath(Repository.Root, file).Replace('\\', '/')
        where !Excluded.Any(part => $"/{name}".Contains(part, StringComparison.Ordinal))
        from line in File.ReadLines(file).Select((text, index) => new Line(name, index + 1, text))
        select line;

    private static IEnumerable<string> Files(string[] folders) =>
        folders.Select(Repository.Path)
            .SelectMany(path => File.Exists(path)
                ? [path]
                : Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories));

    [GeneratedRegex(
        @"\b(he|him|his|whom|whoever|nobody)\b", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Words();

    private sealed record Line(string File, int Number, string Text)
    {
        public override string ToString() => $"{File}:{Number}: {Text.Trim()}";
    }
}
