using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Options;
using Usher.Server.Mail;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Mail;

public sealed class SendmailTransportTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("usher-test-");

    // A link, as a file just written cannot be executed while another test is starting a process.
    public SendmailTransportTests() => File.CreateSymbolicLink(
        Path.Combine(folder.FullName, "sendmail"),
        Repository.Path("tests/Usher.Server.Tests/Mail/stand-in-sendmail.sh"));

    [FactIn(Runs.Once)]
    public async Task The_program_gets_the_recipient_behind_the_options_and_the_mail_on_its_input()
    {
        var mail = Samples.Mail("-oQ/tmp@example.test");
        await Transport().SendAsync(mail, TestContext.Current.CancellationToken);

        Assert.Equal(
            ["-i", "-f", "no-reply@usher.test", "--", "-oQ/tmp@example.test"],
            await File.ReadAllLinesAsync(Left("arguments"), TestContext.Current.CancellationToken));
        var bytes = await File.ReadAllBytesAsync(Left("mail"), TestContext.Current.CancellationToken);
        Assert.DoesNotContain((byte)'\r', bytes);
        var parsed = await Peers.ParseMailAsync(bytes);
        Assert.Equal(mail.Subject, parsed.GetProperty("subject").GetString());
        Assert.Equal(mail.MessageId, parsed.GetProperty("messageId").GetString());
        Assert.Equal(mail.Text, parsed.GetProperty("text").GetString()!.TrimEnd('\n'));
        Assert.Equal(mail.Html, parsed.GetProperty("html").GetString()!.TrimEnd('\n'));
    }

    [TheoryIn(Runs.Once)]
    [InlineData("$(touch${IFS}hacked)@example.test")]
    [InlineData("`touch`@example.test")]
    [InlineData("a|b&c@example.test")]
    public async Task No_shell_reads_the_address(string to)
    {
        try
        {
            await Transport().SendAsync(Samples.Mail(to), TestContext.Current.CancellationToken);
        }
        catch (MailException)
        {
            return; // not an address to begin with
        }

        Assert.Equal(to, (await File.ReadAllLinesAsync(Left("arguments"), TestContext.Current.CancellationToken))[^1]);
    }

    [TheoryIn(Runs.Once)]
    [InlineData(65, true)]
    [InlineData(67, true)]
    [InlineData(68, true)]
    [InlineData(69, false)]
    [InlineData(75, false)]
    [InlineData(78, false)]
    [InlineData(1, false)]
    public async Task An_exit_code_other_than_zero_is_a_failure(int code, bool permanent)
    {
        var failure = await Assert.ThrowsAsync<MailException>(() =>
            Transport().SendAsync(Samples.Mail($"exit-{code}@example.test"), TestContext.Current.CancellationToken));

        Assert.Equal((permanent, $"sendmail {code}"), (failure.Permanent, failure.Code));
        Assert.Equal($"The mail program ended with exit code {code}. stand-in: refused as told", failure.Message);
    }

    [FactIn(Runs.Once)]
    public async Task A_program_that_does_not_read_its_input_is_judged_by_its_exit_code()
    {
        var mail = Samples.Mail("early@example.test", text: new string('x', 2_000_000));
        var failure = await Assert.ThrowsAsync<MailException>(() =>
            Transport().SendAsync(mail, TestContext.Current.CancellationToken));

        Assert.Equal((false, "sendmail 75"), (failure.Permanent, failure.Code));
        Assert.Contains("early: cannot read on", failure.Message, StringComparison.Ordinal);
    }

    [FactIn(Runs.Once)]
    public async Task A_program_that_prints_much_is_not_held_up() =>
        await Transport().SendAsync(Samples.Mail("chatty@example.test"), TestContext.Current.CancellationToken);

    [FactIn(Runs.Once)]
    public async Task Cancelling_ends_the_program_and_what_it_started()
    {
        using var patience = new CancellationTokenSource();
        var time = Stopwatch.StartNew();
        var sending = Transport().SendAsync(Samples.Mail("slow@example.test"), patience.Token);
        var pid = "";
        while (!File.Exists(Left("pid"))
                || (pid = await File.ReadAllTextAsync(Left("pid"), TestContext.Current.CancellationToken)) is "")
            await Task.Delay(20, TestContext.Current.CancellationToken);
        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);

        Assert.True(time.Elapsed < TimeSpan.FromSeconds(20), $"{time.Elapsed}");
        await Gone(int.Parse(pid, CultureInfo.InvariantCulture))
            .WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
    }

    [FactIn(Runs.Once)]
    public async Task A_program_that_is_not_there_is_a_temporary_failure()
    {
        var transport = new SendmailTransport(Options.Create(new MailOptions { Sendmail = Left("nothing") }));
        var failure = await Assert.ThrowsAsync<MailException>(() =>
            transport.SendAsync(Samples.Mail(), TestContext.Current.CancellationToken));
        Assert.False(failure.Permanent);
    }

    public void Dispose() => folder.Delete(recursive: true);

    private SendmailTransport Transport() => new(Options.Create(new MailOptions { Sendmail = Left("sendmail") }));

    private string Left(string name) => Path.Combine(folder.FullName, name);

    private static async Task Gone(int pid)
    {
        while (Directory.Exists($"/proc/{pid}")
                && !(await File.ReadAllTextAsync($"/proc/{pid}/stat")).Contains(") Z ", StringComparison.Ordinal))
            await Task.Delay(20);
    }
}
