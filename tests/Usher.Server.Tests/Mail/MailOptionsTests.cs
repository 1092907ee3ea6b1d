using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Usher.Server.Mail;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Mail;

public sealed class MailOptionsTests
{
    [TheoryIn(Runs.Once)]
    [InlineData("Usher:Mail:Transport must be folder, smtp or sendmail.", "Transport=pigeon")]
    [InlineData("Usher:Mail:From must be one address, such as \"Usher <no-reply@example.org>\".", "From=nobody")]
    [InlineData(
        "Usher:Mail:From must be one address, such as \"Usher <no-reply@example.org>\".",
        "From=a@example.test\r\nBcc: b@example.test")]
    [InlineData("Usher:Mail:Smtp:Host must be given when Usher:Mail:Transport is smtp.", "Transport=smtp")]
    [InlineData("Usher:Mail:Smtp:Port must be 1 to 65535.", "Transport=smtp", "Smtp:Host=localhost", "Smtp:Port=65536")]
    [InlineData(
        "Usher:Mail:Smtp:Password must be given when Usher:Mail:Smtp:UserName is.", "Transport=smtp",
        "Smtp:Host=localhost", "Smtp:UserName=usher")]
    [InlineData(
        "Usher:Mail:Smtp:UserName must be given when Usher:Mail:Smtp:Password is.", "Transport=smtp",
        "Smtp:Host=localhost", "Smtp:Password=x")]
    [InlineData(
        "Usher:Mail:Sendmail must name a program that exists when Usher:Mail:Transport is sendmail.",
        "Transport=sendmail", "Sendmail=/nowhere/sendmail")]
    public void A_wrong_setting_stops_the_start_with_one_line_that_names_it(string line, params string[] settings)
    {
        var refusal = Assert.Throws<OptionsValidationException>(() =>
            Services(settings).GetRequiredService<IStartupValidator>().Validate());
        Assert.Equal(line, refusal.Message);
    }

    [FactIn(Runs.Once)]
    public void A_folder_that_cannot_be_made_stops_the_start_with_one_line_that_names_it()
    {
        var refusal = Assert.Throws<OptionsValidationException>(() =>
            Services("Folder=/dev/null/mail").GetRequiredService<IMailTransport>());
        Assert.StartsWith("Usher:Mail:Folder: cannot use the folder: ", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [FactIn(Runs.Once)]
    public void The_transport_is_the_one_that_is_named()
    {
        Assert.IsType<SmtpTransport>(
            Services("Transport=smtp", "Smtp:Host=localhost").GetRequiredService<IMailTransport>());
        Assert.IsType<SendmailTransport>(
            Services("Transport=sendmail", "Sendmail=/bin/sh").GetRequiredService<IMailTransport>());
    }

    [FactIn(Runs.Once)]
    public void Mail_goes_to_a_folder_of_its_own_in_the_data_directory_where_nothing_is_said()
    {
        var data = Directory.CreateTempSubdirectory("usher-test-");
        Assert.IsType<FolderTransport>(
            Services($"..:DataDirectory={data.FullName}").GetRequiredService<IMailTransport>());
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            new DirectoryInfo(Path.Combine(data.FullName, "mail")).UnixFileMode);
        data.Delete(recursive: true);
    }

    private static ServiceProvider Services(params string[] settings)
    {
        var values = settings.Select(s => s.Split('=', 2)).ToDictionary(
            s => s[0].StartsWith("..:", StringComparison.Ordinal) ? $"Usher:{s[0][3..]}" : $"Usher:Mail:{s[0]}",
            s => (string?)s[1]);
        var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(values).Build());
        services.AddOptions<ServerOptions>().BindConfiguration(ServerOptions.Section);
        return services.AddLogging().AddSingleton(TimeProvider.System).AddUsherMail().BuildServiceProvider();
    }
}
