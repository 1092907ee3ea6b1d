using System.Globalization;
using Microsoft.AspNetCore.Components;
using Usher.Core.Outbox;
using Usher.Server.Pages;

namespace Usher.Server.Mail;

/// <summary>
/// What a mail tells, ready to be shown: names are harmless (<see cref="MailName"/>), instants are words.
/// </summary>
public sealed class MailFacts(OpenedMessage opened, Links links)
{
    private const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
    private readonly Dictionary<string, string> parameters = opened.Message.Parameters;

    public string Organization =>
        Name(OutboxParameters.Organization) is { Length: > 0 } name ? name : "an organization";

    /// <summary>At the end of a sentence, which "Acme Inc." has already.</summary>
    public string OrganizationStop => Organization.EndsWith('.') ? Organization : $"{Organization}.";

    /// <summary>Empty when it was the installation itself.</summary>
    public string Sponsor => Name(OutboxParameters.Sponsor);

    public string Greeting => Name(OutboxParameters.FirstName) is { Length: > 0 } name ? $"Hello {name}," : "Hello,";

    /// <summary>
    /// The invited person, in mails to others: the name where one is known, and the address, canonical and as it
    /// stands, for copying.
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

    /// <summary>Such as "Friday, 28 November 2026, 14:05 UTC"; null when there is no end to tell.</summary>
    public string? Until =>
        DateTimeOffset.TryParse(
            parameters.GetValueOrDefault(OutboxParameters.Expires), CultureInfo.InvariantCulture, Utc, out var expires)
        ? expires.ToString("dddd, d MMMM yyyy, HH:mm 'UTC'", CultureInfo.InvariantCulture)
        : null;

    /// <summary>How many things the mail is about.</summary>
    public int Count =>
        int.TryParse(
            parameters.GetValueOrDefault(OutboxParameters.Count), NumberStyles.None, CultureInfo.InvariantCulture,
            out var count)
            ? count
            : 0;

    /// <summary>What the mail lists: the cells of each line, as they were stored.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Lines =>
        [
            .. parameters.GetValueOrDefault(OutboxParameters.Lines, "")
                .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'))];

    /// <summary>In mails about a change of address, the new one: canonical and as it stands.</summary>
    public string Email => parameters.GetValueOrDefault(OutboxParameters.Email, "");

    /// <summary>The secret: what the page's form takes where scripts are off.</summary>
    public string Code => opened.Secret ?? "";

    /// <summary>With the secret.</summary>
    public string JoinLink =>
        links.Join(
            parameters.GetValueOrDefault(OutboxParameters.OrganizationSlug, ""),
            opened.Message.InvitationId.GetValueOrDefault(), Code);

    /// <summary>With the secret.</summary>
    public string ConfirmLink =>
        links.Confirm(
            parameters.GetValueOrDefault(OutboxParameters.OrganizationSlug, ""),
            parameters.GetValueOrDefault(OutboxParameters.AddressChange, ""), Code);

    /// <summary>With the secret, and the path to lead back to.</summary>
    public string ResetLink => links.Reset(
        parameters.GetValueOrDefault(OutboxParameters.Reset, ""), Code,
        LocalPath.OrNull(parameters.GetValueOrDefault(OutboxParameters.ReturnTo)));

    /// <summary>With the secret: where the new address of an account is confirmed.</summary>
    public string ConfirmOwnLink =>
        links.ConfirmOwn(parameters.GetValueOrDefault(OutboxParameters.AddressChange, ""), Code);

    /// <summary>Whether an organization's administrator reads it, about one of its members.</summary>
    public bool IsForAdministrator => parameters.ContainsKey(OutboxParameters.Organization);

    public string ForgotLink => links.Forgot;

    public string MeLink => links.Me;

    private string Name(string key) => MailName.Of(parameters.GetValueOrDefault(key));
}

/// <summary>One mail: its component is the HTML part, these are the rest of it, side by side in one file.</summary>
internal interface IMailTemplate : IComponent
{
    static abstract string Subject(MailFacts facts);

    /// <summary>The plain part. Names stand inside lines, links on lines of their own.</summary>
    static abstract string Text(MailFacts facts);
}
