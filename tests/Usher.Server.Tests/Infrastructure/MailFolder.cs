using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Usher.Core.Guests;
using Usher.Server.Tests.Mail;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>Mail that arrived, as a mail program reads it.</summary>
public sealed record ArrivedMail(string To, string Subject, string Text, string Html, string MessageId, string File)
{
    public InvitationLink Link => Secrets.Link().Match(Text) is { Success: true } found
        ? new(found.Groups["slug"].Value, Guid.Parse(found.Groups["id"].Value), found.Groups["secret"].Value)
        : throw new InvalidOperationException("No link in: " + Text);
}

/// <summary>The folder transport's folder.</summary>
public sealed class MailFolder(string path)
{
    // The header of each file, which never changes: a folder of a whole run has thousands, and is read often.
    private readonly ConcurrentDictionary<string, string> headers = [];

    /// <summary>All mail to an address, oldest first.</summary>
    public async Task<List<ArrivedMail>> ToAsync(string address)
    {
        List<ArrivedMail> mails = [];
        if (!Directory.Exists(path)) return mails;
        foreach (var file in Directory.EnumerateFiles(path, "*.eml").Order(StringComparer.Ordinal))
        {
            if (!headers.TryGetValue(file, out var header))
            {
                var raw = await ReadAsync(file);
                header = raw.Split("\r\n\r\n", 2)[0];
                if (header is not "") headers[file] = header;
            }

            if (header.Contains(address, StringComparison.OrdinalIgnoreCase))
                mails.Add(await ParseAsync(await ReadAsync(file), file));
        }

        return mails.FindAll(m => m.To.Equals(address, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>
    /// Waits for that many mails to an address, of one organization where the address is not one test's alone.
    /// </summary>
    public async Task<List<ArrivedMail>> WaitAsync(
        string address, int count = 1, int seconds = 30, string? ofOrganization = null)
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            var mails = await ToAsync(address);
            if (ofOrganization is not null)
                mails.RemoveAll(m => !m.Text.Contains($"/join/{ofOrganization}/", StringComparison.Ordinal));
            if (mails.Count >= count) return mails;
            if (patience.Elapsed > TimeSpan.FromSeconds(seconds))
                throw new TimeoutException($"{mails.Count} of {count} mails to {address} arrived.");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The link in the newest mail to an address, waiting for it.</summary>
    public async Task<InvitationLink> LinkToAsync(string address, int count = 1) =>
        (await WaitAsync(address, count))[^1].Link;

    private static async Task<string> ReadAsync(string file)
    {
        try
        {
            return await File.ReadAllTextAsync(file, Encoding.Latin1);
        }
        catch (IOException)
        {
            return ""; // being replaced
        }
    }

    // By an independent MIME parser.
    private static async Task<ArrivedMail> ParseAsync(string raw, string file)
    {
        var mail = await Peers.ParseMailAsync(Encoding.Latin1.GetBytes(raw));
        return new(
            mail.GetProperty("to")[0].GetProperty("address").GetString()!, mail.GetProperty("subject").GetString()!,
            mail.GetProperty("text").GetString()!,
            mail.GetProperty("html").GetString()!, mail.GetProperty("messageId").GetString()!, file);
    }
}
