using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.Options;
using System.Net.Mail;
using Usher.Core.Outbox;

namespace Usher.Server.Mail;

/// <summary>Renders outbox messages as mails. All mails are in English.</summary>
public sealed class MailRenderer(
    IServiceScopeFactory scopes, ILoggerFactory logs, Links links, IOptions<MailOptions> options)
{
    public Task<OutgoingMail> RenderAsync(OpenedMessage opened) => opened.Message.Kind switch
    {
        OutboxKind.Invitation => RenderAsync<InvitationMail>(opened),
        OutboxKind.InvitationsBlocked => RenderAsync<InvitationsBlockedMail>(opened),
        OutboxKind.InvitationRequested => RenderAsync<InvitationRequestedMail>(opened),
        OutboxKind.AddressChange => RenderAsync<AddressChangeMail>(opened),
        OutboxKind.AddressChanged => RenderAsync<AddressChangedMail>(opened),
        OutboxKind.PasswordReset => RenderAsync<PasswordResetMail>(opened),
        OutboxKind.PasswordChanged => RenderAsync<PasswordChangedMail>(opened),
        OutboxKind.ResetLinkHandedOver => RenderAsync<ResetLinkHandedOverMail>(opened),
        OutboxKind.UserAddressChange => RenderAsync<UserAddressChangeMail>(opened),
        OutboxKind.UserAddressChanged => RenderAsync<UserAddressChangedMail>(opened),
        OutboxKind.SignInCode => RenderAsync<SignInCodeMail>(opened),
        OutboxKind.AccountTakenOver => RenderAsync<AccountTakenOverMail>(opened),
        var kind => throw new InvalidOperationException($"There is no mail template for {kind}."),
    };

    private async Task<OutgoingMail> RenderAsync<T>(OpenedMessage opened)
        where T : IMailTemplate
    {
        var facts = new MailFacts(opened, links);
        var parameters = ParameterView.FromDictionary(new Dictionary<string, object?> { ["Facts"] = facts });
        await using var scope = scopes.CreateAsyncScope(); // the framework's renderer needs scoped services
        // A renderer keeps everything it has rendered, so each mail gets its own.
        await using var renderer = new HtmlRenderer(scope.ServiceProvider, logs);
        var html = await renderer.Dispatcher.InvokeAsync(async () =>
            (await renderer.RenderComponentAsync<T>(parameters)).ToHtmlString());
        var message = opened.Message;
        return new(
            message.Id, new MailAddress(options.Value.From), message.Recipient, T.Subject(facts), T.Text(facts), html,
            $"<{message.Id:D}@{links.Host}>");
    }
}
