using System.Net.Mail;
using Microsoft.Extensions.Options;

namespace Usher.Server.Mail;

/// <summary>How mail leaves.</summary>
public sealed class MailOptions
{
    public const string Section = "Usher:Mail";

    /// <summary>One of <see cref="MailTransports"/>.</summary>
    public string Transport { get; set; } = MailTransports.Folder;

    /// <summary>One address, with or without a name.</summary>
    public string From { get; set; } = "Usher <no-reply@localhost.localdomain>";

    /// <summary>
    /// Where <c>folder</c> puts one .eml file per mail. By default <c>mail</c> in the data directory; relative to the
    /// working directory. The files hold live links.
    /// </summary>
    public string? Folder { get; set; }

    public SmtpOptions Smtp { get; set; } = new();

    /// <summary>
    /// The program that <c>sendmail</c> pipes each mail to: Sendmail itself, or what Postfix, Exim, msmtp and others
    /// install in its place.
    /// </summary>
    public string Sendmail { get; set; } = "/usr/sbin/sendmail";
}

public static class MailTransports
{
    public const string Folder = "folder";
    public const string Smtp = "smtp";
    public const string Sendmail = "sendmail";
}

/// <summary>The mail server that <c>smtp</c> hands each mail to.</summary>
public sealed class SmtpOptions
{
    public string Host { get; set; } = "";

    /// <summary>
    /// 587 is for submission with STARTTLS, 25 is a relay's. 465, where TLS comes first, is not spoken.
    /// </summary>
    public int Port { get; set; } = 587;

    /// <summary>Absent: no login.</summary>
    public string? UserName { get; set; }

    /// <summary>Secret.</summary>
    public string? Password { get; set; }

    /// <summary>
    /// Whether to demand STARTTLS and a certificate that this machine trusts (its own store, and what the environment
    /// variable SSL_CERT_FILE names); a server without it gets no mail. Off only for a server on this machine or on a
    /// network of its own.
    /// </summary>
    public bool StartTls { get; set; } = true;
}

internal sealed class ValidateMailOptions : IValidateOptions<MailOptions>
{
    public ValidateOptionsResult Validate(string? name, MailOptions options) =>
        Problem(options) is { } problem
            ? ValidateOptionsResult.Fail($"{MailOptions.Section}:{problem}")
            : ValidateOptionsResult.Success;

    private static string? Problem(MailOptions options)
    {
        if (options.From.Any(char.IsControl) || !MailAddress.TryCreate(options.From, out _))
            return "From must be one address, such as \"Usher <no-reply@example.org>\".";
        return options.Transport switch
        {
            MailTransports.Folder => null,
            MailTransports.Smtp => Problem(options.Smtp) is { } problem ? $"Smtp:{problem}" : null,
            MailTransports.Sendmail =>
                File.Exists(options.Sendmail)
                    ? null
                    : "Sendmail must name a program that exists when Usher:Mail:Transport is sendmail.",
            _ => "Transport must be folder, smtp or sendmail.",
        };
    }

    private static string? Problem(SmtpOptions smtp) => smtp switch
    {
        { Host: "" } => "Host must be given when Usher:Mail:Transport is smtp.",
        { Port: < 1 or > 65535 } => "Port must be 1 to 65535.",
        { UserName.Length: > 0, Password: null or "" } => "Password must be given when Usher:Mail:Smtp:UserName is.",
        { UserName: null or "", Password.Length: > 0 } => "UserName must be given when Usher:Mail:Smtp:Password is.",
        _ => null,
    };
}
