using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Usher.Server.Mail;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Mail;

public sealed class FolderTransportTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("usher-test-");

    [FactIn(Runs.Once)]
    public async Task A_mail_becomes_a_file_that_any_mail_program_reads()
    {
        var mail = Samples.Mail();
        await Transport().SendAsync(mail, TestContext.Current.CancellationToken);

        var file = Assert.Single(folder.GetFiles());
        Assert.Equal($"{mail.Id:D}.eml", file.Name);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, file.UnixFileMode);
        var parsed = await Peers.ParseMailAsync(await File.ReadAllBytesAsync(
            file.FullName, TestContext.Current.CancellationToken));
        Assert.Equal("no-reply@usher.test", parsed.GetProperty("from").GetProperty("address").GetString());
        Assert.Equal("Üsher", parsed.GetProperty("from").GetProperty("name").GetString());
        Assert.Equal(
            mail.To, Assert.Single(parsed.GetProperty("to").EnumerateArray()).GetProperty("address").GetString());
        Assert.Equal(mail.Subject, parsed.GetProperty("subject").GetString());
        Assert.Equal(mail.MessageId, parsed.GetProperty("messageId").GetString());
        Assert.True(DateTimeOffset.TryParse(parsed.GetProperty("date").GetString(), out _));
        Assert.Equal("auto-generated", parsed.Header("auto-submitted"));
        Assert.StartsWith("multipart/alternative", parsed.Header("content-type"), StringComparison.Ordinal);
        Assert.Null(parsed.Header("x-sender"));
        Assert.Null(parsed.Header("x-receiver"));
        Assert.Equal(mail.Text, parsed.GetProperty("text").GetString()!.ReplaceLineEndings("\n").TrimEnd('\n'));
        Assert.Equal(mail.Html, parsed.GetProperty("html").GetString()!.TrimEnd('\n'));
    }

    [FactIn(Runs.Once)]
    public async Task A_link_stands_in_the_file_in_one_piece()
    {
        var link = $"http://localhost:8080/join/acme/{Guid.NewGuid():D}#{Samples.Secret}";
        await Transport().SendAsync(Samples.Mail(text: $"Hello,\n\n{link}\n"), TestContext.Current.CancellationToken);

        Assert.Contains(
            link,
            await File.ReadAllLinesAsync(
                Assert.Single(folder.GetFiles()).FullName, TestContext.Current.CancellationToken));
    }

    [FactIn(Runs.Once)]
    public async Task A_repeat_replaces_the_file()
    {
        var mail = Samples.Mail();
        await Transport().SendAsync(mail, TestContext.Current.CancellationToken);
        await Transport().SendAsync(mail with { Text = "Again" }, TestContext.Current.CancellationToken);

        Assert.Contains(
            "Again",
            await File.ReadAllTextAsync(
                Assert.Single(folder.GetFiles()).FullName, TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [FactIn(Runs.Once)]
    public async Task An_address_outside_ascii_is_written_as_it_is()
    {
        await Transport().SendAsync(Samples.Mail("zoë@example.test"), TestContext.Current.CancellationToken);

        var parsed = await Peers.ParseMailAsync(await File.ReadAllBytesAsync(
            Assert.Single(folder.GetFiles()).FullName, TestContext.Current.CancellationToken));
        Assert.Equal(
            "zoë@example.test",
            Assert.Single(parsed.GetProperty("to").EnumerateArray()).GetProperty("address").GetString());
    }

    [TheoryIn(Runs.Once)]
    [InlineData("ada@example.test, eve@evil.example")]
    [InlineData("Ada <ada@example.test>")]
    [InlineData("ada@example.test\r\nBcc: eve@evil.example")]
    [InlineData("")]
    public async Task What_is_not_one_plain_address_gets_no_mail(string to)
    {
        var refusal = await Assert.ThrowsAsync<MailException>(() =>
            Transport().SendAsync(Samples.Mail(to), TestContext.Current.CancellationToken));
        Assert.True(refusal.Permanent);
        Assert.Empty(folder.GetFiles());
    }

    [FactIn(Runs.Once)]
    public async Task A_folder_that_has_gone_is_a_temporary_failure()
    {
        var transport = Transport();
        folder.Delete(recursive: true);

        var failure = await Assert.ThrowsAsync<MailException>(() =>
            transport.SendAsync(Samples.Mail(), TestContext.Current.CancellationToken));
        Assert.False(failure.Permanent);
        folder.Create();
    }

    public void Dispose() => folder.Delete(recursive: true);

    private FolderTransport Transport() =>
        new(
            Options.Create(new MailOptions { Folder = folder.FullName }), Options.Create(new ServerOptions()),
            NullLogger<FolderTransport>.Instance);
}
