using System.Net.Mail;
using Microsoft.Extensions.Options;

namespace Usher.Server.Mail;

/// <summary>How mail is sent.</summary>
public sealed class MailOptions
{
    public const string Section = "Usher:Mail";

    /// <summary>
    /// Gets or sets the transport, one of <see cref="MailTransports"/>. The default is <c>folder</c>.
    /// </summary>
    public string Transport { get; set; } = MailTransports.Folder;

    /// <summary>Gets or sets the sender: one address, with or without a display name.</summary>
    public string From { get; set; } = "Usher <no-reply@localhost.localdomain>";

    /// <summary>
    /// Gets or sets the folder to which <c>folder</c> writes one .eml file per mail, relative to the working directory.
    /// The default is <c>mail</c> in the data directory. The files contain valid links.
    /// </summary>
    public string? Folder { get; set; }

    public SmtpOptions Smtp { get; set; } = new();

    /// <summary>
    /// Gets or sets the program to which <c>sendmail</c> pipes each mail: Sendmail itself, or the replacement that
    /// Postfix, Exim, msmtp and others install.
    /// </summary>
    public string Sendmail { get; set; } = "/usr/sbin/sendmail";
}

public static class MailTransports
{
    public const string Folder = "folder";
    public const string Smtp = "smtp";
    public const string Sendmail = "sendmail";
}

/// <summary>The mail server that <c>smtp</c> sends each mail to.</summary>
public sealed class SmtpOptions
{
    public string Host { get; set; } = "";

    /// <summary>
    /// Gets or sets the port: 587 for submission with STARTTLS, 25 for a relay. Implicit TLS (465) is not supported.
    /// </summary>
    public int Port { get; set; } = 587;

    /// <summary>Gets or sets the user name. Without it, no login takes place.</summary>
    public string? UserName { get; set; }

    /// <summary>Gets or sets the password. It is secret.</summary>
    public string? Password { get; set; }

    /// <summary>
    /// Gets or sets whether STARTTLS with a trusted certificate is required; a server without it gets no mail. Trusted
    /// are the machine's own store and the file in the environment variable SSL_CERT_FILE. Disable it only for a server
    /// on this machine or on a network of its own.
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
