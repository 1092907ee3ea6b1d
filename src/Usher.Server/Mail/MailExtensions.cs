using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Usher.Core.Outbox;
using Usher.Server.Workers;

namespace Usher.Server.Mail;

public static class MailExtensions
{
    /// <summary>
    /// Registers everything that sends mails from the outbox. What it also needs is registered elsewhere: the database,
    /// <see cref="OutboxDoorbell"/>, <see cref="OutboxSecrets"/>, <see cref="ServerOptions"/>.
    /// </summary>
    public static IServiceCollection AddUsherMail(this IServiceCollection services)
    {
        services.AddOptions<MailOptions>().BindConfiguration(MailOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<MailOptions>, ValidateMailOptions>();
        services.TryAddSingleton<Links>();
        services.AddSingleton(TransportOf);
        services.AddSingleton<MailRenderer>();
        services.AddScoped<OutboxQueue>();
        services.AddHostedService<OutboxWorker>();
        return services;
    }

    private static IMailTransport TransportOf(IServiceProvider services) =>
        services.GetRequiredService<IOptions<MailOptions>>().Value.Transport switch
        {
            MailTransports.Smtp => ActivatorUtilities.CreateInstance<SmtpTransport>(services),
            MailTransports.Sendmail => ActivatorUtilities.CreateInstance<SendmailTransport>(services),
            _ => ActivatorUtilities.CreateInstance<FolderTransport>(services),
        };
}
