using System.Diagnostics;
using System.Text.RegularExpressions;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests;

/// <summary>
/// docs/quickstart.md, block by block as it stands, in one shell, in a directory that was empty. Only the port is
/// another, because many tests run at once, and the place of the clone.
/// </summary>
public sealed partial class QuickstartTests
{
    [FactIn(Runs.Once)]
    public async Task The_walk_leads_from_an_empty_directory_to_an_explained_decision()
    {
        List<string> commands = [
            .. Block()
                .Matches(await File.ReadAllTextAsync(
                    Repository.Path("docs/quickstart.md"), TestContext.Current.CancellationToken))
                .Select(m => m.Groups["command"].Value.Trim())];
        Assert.InRange(commands.Count, 2, 9);
        Assert.All(commands, command => Assert.DoesNotContain('\n', command));

        var place = Directory.CreateTempSubdirectory("usher-quickstart-");
        try
        {
            var port = $"{ServerProcess.FreePort()}";
            var script = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\nset -e\n"
                + string.Join("\necho\n", commands).Replace("8080", port, StringComparison.Ordinal)
                      .Replace("../usher", Repository.Root, StringComparison.Ordinal);
            var (code, lines, errors) = await RunAsync(script, place.FullName);
            Assert.True(code is 0, $"{string.Join('\n', lines)}\n{errors}");

            var answer = System.Text.Json.JsonElement.Parse(lines[^1]);
            Assert.True(answer.GetProperty("allowed").GetBoolean());
            var step = answer.GetProperty("grants")[0][0];
            Assert.Equal(
                ("level", "Production", "read_only", "owner@acme.test"),
                (Text("kind"), Text("name"), Text("level"), Text("grantedBy")));
            Assert.NotNull(Text("grantedAt"));

            string? Text(string name) => step.GetProperty(name).GetString();
        }
        finally
        {
            place.Delete(recursive: true);
        }
    }

    private static async Task<(int Code, List<string> Lines, string Errors)> RunAsync(string script, string directory)
    {
        var start = new ProcessStartInfo("bash", ["-c", script])
        {
            WorkingDirectory = directory, UseShellExecute = false, RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var shell = Process.Start(start)!;
        var errors = shell.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (shell.ExitCode, [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries)], await errors);
    }

    [GeneratedRegex(
        "^```sh\n(?<command>.*?)^```$",
        RegexOptions.ExplicitCapture | RegexOptions.Multiline | RegexOptions.Singleline, 1000)]
    private static partial Regex Block();
}
