using System.Net;
using Usher.Core.Outbox;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Mail;

public sealed class AddressMailTests
{
    private const string Change = "0199a8f4-1f2e-7c3b-9d10-3f5f6a7b8c9d";
    private const string Code = "usa_0123456789-abcdefghijklmnopqrstuvwxyz_ABCDEF0123456";

    [FactIn(Runs.Once)]
    public async Task The_new_address_is_asked_whether_it_is_his_until_when_in_both_parts()
    {
        var mail = await Samples.Renderer().RenderAsync(Samples.Opened(
            OutboxKind.AddressChange, Code, (OutboxParameters.Organization, "Müller & Söhne"),
            (OutboxParameters.OrganizationSlug, "mueller"), (OutboxParameters.FirstName, "Ada"),
            (OutboxParameters.AddressChange, Change), (OutboxParameters.Email, "ada@example.test"),
            (OutboxParameters.Expires, "2026-11-28T14:05:00.0000000+00:00")));

        Assert.Equal(("Confirm your new address for Müller & Söhne", "ada@example.test"), (mail.Subject, mail.To));
        var link = $"https://usher.example:8443/team/confirm/mueller/{Change}#{Code}";
        foreach (var text in new[] { mail.Text, WebUtility.HtmlDecode(mail.Html) })
        {
            foreach (var words in new[]
                {
                    "Hello Ada,", "Müller & Söhne", "to use ada@example.test as their address",
                    "Saturday, 28 November 2026, 14:05 UTC", "ignore this mail", link,
                })
                Assert.Contains(words, text, StringComparison.Ordinal);
        }

        foreach (var line in new[] { link, Code }) Assert.Contains(line, mail.Text.Split('\n'));
        Assert.Contains($">{Code}<", mail.Html, StringComparison.Ordinal);
    }

    [FactIn(Runs.Once)]
    public async Task The_old_address_is_told_which_one_counts_now_and_holds_no_link()
    {
        var mail = await Samples.Renderer().RenderAsync(Samples.Opened(
            OutboxKind.AddressChanged, secret: null, (OutboxParameters.Organization, "Acme Inc."),
            (OutboxParameters.FirstName, "Ada"),
            (OutboxParameters.Email, "augusta@example.test")));

        Assert.Equal("Your address for Acme Inc. was changed", mail.Subject);
        foreach (var text in new[] { mail.Text, WebUtility.HtmlDecode(mail.Html) })
        {
            Assert.Contains("Your address for Acme Inc. is now augusta@example.test.", text, StringComparison.Ordinal);
            Assert.Contains("You sign in with the same address as before.", text, StringComparison.Ordinal);
            Assert.Contains("tell an administrator of Acme Inc.", text, StringComparison.Ordinal);
            Assert.DoesNotContain(
                "http", text.Replace("http-equiv", "", StringComparison.Ordinal), StringComparison.Ordinal);
        }
    }
}
