using System.Net.Mail;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Usher.Core.Outbox;
using Usher.Server.Mail;

namespace Usher.Server.Tests.Mail;

internal static class Samples
{
    public const string Secret = "usi_0123456789-abcdefghijklmnopqrstuvwxyz_ABCDEF0123456";

    public static OutgoingMail Mail(
        string to = "ada@example.test",
        string text = "Hello Ada,\n\nhttp://localhost:8080/join/acme/1#usi_1\n.\n..\nBye") =>
        new(
            Guid.NewGuid(), new MailAddress("no-reply@usher.test", "Üsher"), to,
            "Zoë invites you to join Müller & Söhne", text, "<p>Hello <b>Zoë</b></p>", "<1@usher.test>");

    public static OpenedMessage Invitation(params (string Key, string Value)[] parameters) =>
        Opened(OutboxKind.Invitation, Secret, parameters);

    public static OpenedMessage Opened(
        OutboxKind kind, string? secret, params (string Key, string Value)[] parameters) =>
        new(
        new OutboxMessage
        {
            OrganizationId = Guid.NewGuid(), Id = Guid.NewGuid(), Kind = kind, Recipient = "ada@example.test",
            Language = "en", InvitationId = Guid.NewGuid(),
            Parameters = parameters.ToDictionary(p => p.Key, p => p.Value), NextAttemptAt = DateTimeOffset.UnixEpoch,
            CreatedAt = DateTimeOffset.UnixEpoch,
        },
        secret);

    public static MailRenderer Renderer(string publicUrl = "https://usher.example:8443/team/") => new(
        new ServiceCollection().BuildServiceProvider().GetRequiredService<IServiceScopeFactory>(),
        NullLoggerFactory.Instance,
        new Links(Options.Create(new ServerOptions { PublicUrl = publicUrl })),
        Options.Create(new MailOptions { From = "Usher <no-reply@usher.test>" }));
}
