using System.Globalization;
using Microsoft.AspNetCore.Components;
using Usher.Core.Outbox;
using Usher.Server.Pages;

namespace Usher.Server.Mail;

/// <summary>
/// The contents of a mail, ready to be shown: names are made safe (<see cref="MailName"/>), times are formatted.
/// </summary>
public sealed class MailFacts(OpenedMessage opened, Links links)
{
    private const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
    private readonly Dictionary<string, string> parameters = opened.Message.Parameters;

    public string Organization =>
        Name(OutboxParameters.Organization) is { Length: > 0 } name ? name : "an organization";

    /// <summary>The organization's name with a full stop, unless it ends with one, such as "Acme Inc."</summary>
    public string OrganizationStop => Organization.EndsWith('.') ? Organization : $"{Organization}.";

    /// <summary>The sponsor's name; empty when the installation itself invites.</summary>
    public string Sponsor => Name(OutboxParameters.Sponsor);

    public string Greeting => Name(OutboxParameters.FirstName) is { Length: > 0 } name ? $"Hello {name}," : "Hello,";

    /// <summary>
    /// The member the mail is about, in mails to other people: the name, if it is known, and the canonical address,
    /// unchanged so that it can be copied.
    /// </summary>
    public string Person
    {
        get
        {
            var (name, email) = (
                parameters.GetValueOrDefault(OutboxParameters.Person, ""),
                parameters.GetValueOrDefault(OutboxParameters.Email, ""));
            return name == email || name is "" ? email : $"{MailName.Of(name)} ({email})";
        }
    }

    /// <summary>When the link expires, such as "Friday, 28 November 2026, 14:05 UTC"; null if it does not.</summary>
    public string? Until =>
        DateTimeOffset.TryParse(
            parameters.GetValueOrDefault(OutboxParameters.Expires), CultureInfo.InvariantCulture, Utc, out var expires)
        ? expires.ToString("dddd, d MMMM yyyy, HH:mm 'UTC'", CultureInfo.InvariantCulture)
        : null;

    /// <summary>The number of items the mail is about.</summary>
    public int Count =>
        int.TryParse(
            parameters.GetValueOrDefault(OutboxParameters.Count), NumberStyles.None, CultureInfo.InvariantCulture,
            out var count)
            ? count
            : 0;

    /// <summary>The items that the mail lists, each as its cells.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Lines =>
        [
            .. parameters.GetValueOrDefault(OutboxParameters.Lines, "")
                .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'))];

    /// <summary>In mails about a change of address: the new address in canonical form.</summary>
    public string Email => parameters.GetValueOrDefault(OutboxParameters.Email, "");

    /// <summary>The secret, which the page's form takes where scripts are disabled.</summary>
    public string Code => opened.Secret ?? "";

    /// <summary>The link to join, with the secret.</summary>
    public string JoinLink =>
        links.Join(
            parameters.GetValueOrDefault(OutboxParameters.OrganizationSlug, ""),
            opened.Message.InvitationId.GetValueOrDefault(), Code);

    /// <summary>The link to confirm a member's new address, with the secret.</summary>
    public string ConfirmLink =>
        links.Confirm(
            parameters.GetValueOrDefault(OutboxParameters.OrganizationSlug, ""),
            parameters.GetValueOrDefault(OutboxParameters.AddressChange, ""), Code);

    /// <summary>The link to set a password, with the secret and the path to return to.</summary>
    public string ResetLink => links.Reset(
        parameters.GetValueOrDefault(OutboxParameters.Reset, ""), Code,
        LocalPath.OrNull(parameters.GetValueOrDefault(OutboxParameters.ReturnTo)));

    /// <summary>The link to confirm the new address of an account, with the secret.</summary>
    public string ConfirmOwnLink =>
        links.ConfirmOwn(parameters.GetValueOrDefault(OutboxParameters.AddressChange, ""), Code);

    /// <summary>Whether the mail goes to an organization's administrator, about one of its members.</summary>
    public bool IsForAdministrator => parameters.ContainsKey(OutboxParameters.Organization);

    public string ForgotLink => links.Forgot;

    public string MeLink => links.Me;

    private string Name(string key) => MailName.Of(parameters.GetValueOrDefault(key));
}

/// <summary>A mail template. The component is the HTML part; the file also has the subject and the text part.</summary>
internal interface IMailTemplate : IComponent
{
    static abstract string Subject(MailFacts facts);

    /// <summary>The plain text. Names stand inside lines, links on lines of their own.</summary>
    static abstract string Text(MailFacts facts);
}
