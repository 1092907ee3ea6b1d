using System.Net;
using System.Text.RegularExpressions;
using Usher.Core.Outbox;
using Usher.Server.Mail;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Mail;

public sealed partial class MailRendererTests
{
    [FactIn(Runs.Once)]
    public async Task An_invitation_tells_who_invites_to_what_until_when_in_both_parts()
    {
        var opened = Samples.Invitation(
            (OutboxParameters.Organization, "Müller & Söhne"), (OutboxParameters.OrganizationSlug, "mueller"),
            (OutboxParameters.Sponsor, "Zoë Ω"),
            (OutboxParameters.FirstName, "Ada"), (OutboxParameters.Expires, "2026-11-28T14:05:00.0000000+00:00"));
        var mail = await Samples.Renderer().RenderAsync(opened);

        Assert.Equal("Zoë Ω invites you to join Müller & Söhne", mail.Subject);
        Assert.Equal("ada@example.test", mail.To);
        Assert.Equal("no-reply@usher.test", mail.From.Address);
        Assert.Equal($"<{opened.Message.Id:D}@usher.example>", mail.MessageId);

        var link = $"https://usher.example:8443/team/join/mueller/{opened.Message.InvitationId:D}#{Samples.Secret}";
        foreach (var text in new[] { mail.Text, TextOf(mail.Html) })
        {
            Assert.Contains("Hello Ada,", text, StringComparison.Ordinal);
            Assert.Contains("Zoë Ω invites you to join Müller & Söhne", text, StringComparison.Ordinal);
            Assert.Contains("until Saturday, 28 November 2026, 14:05 UTC.", text, StringComparison.Ordinal);
            Assert.Contains("ignore this mail", text, StringComparison.Ordinal);
            Assert.Contains(link, text, StringComparison.Ordinal);
        }

        var lines = mail.Text.Split('\n');
        Assert.Contains(link, lines);
        Assert.Contains(Samples.Secret, lines);
        Assert.Contains($">{Samples.Secret}<", mail.Html, StringComparison.Ordinal);
        Assert.All(LinksOf(mail.Html), href => Assert.Equal(link, href));
        Assert.NotEmpty(LinksOf(mail.Html));
    }

    [FactIn(Runs.Once)]
    public async Task An_invitation_by_the_installation_itself_names_nobody()
    {
        var mail = await Samples.Renderer().RenderAsync(Samples.Invitation(
            (OutboxParameters.Organization, "Acme"), (OutboxParameters.OrganizationSlug, "acme"),
            (OutboxParameters.Sponsor, "")));

        Assert.Equal("You are invited to join Acme", mail.Subject);
        Assert.StartsWith("Hello,\n\nYou are invited to join Acme", mail.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("until", mail.Text, StringComparison.Ordinal);
    }

    [TheoryIn(Runs.Once)]
    [InlineData("evil.example")]
    [InlineData("Pay at evil.example/now")]
    [InlineData("https://evil.example")]
    [InlineData("hTTp:\\\\evil.example")]
    [InlineData("www.evil.example")]
    [InlineData("write to me@evil.example")]
    [InlineData("evil。example")]
    [InlineData("ｅｖｉｌ．ｅｘａｍｐｌｅ")]
    [InlineData("https：／／evil․example")]
    [InlineData("</title></bdi><a href=\"https://evil.example\">x</a>")]
    [InlineData("<script>alert(1)</script><img src=x onerror=alert(1)>")]
    [InlineData("a\r\nBcc: eve@evil.example\r\n\r\nb")]
    [InlineData("a\u2028b\u202Ec\u0000d")]
    public async Task A_name_stays_a_name_wherever_it_stands(string name)
    {
        foreach (var kind in Enum.GetValues<OutboxKind>())
        {
            var mail = await Samples.Renderer().RenderAsync(Samples.Opened(
                kind, Samples.Secret, (OutboxParameters.Organization, name),
                (OutboxParameters.OrganizationSlug, "acme"), (OutboxParameters.Sponsor, name),
                (OutboxParameters.FirstName, name), (OutboxParameters.Person, name), (OutboxParameters.Email, "")));

            foreach (var text in new[] { mail.Subject, mail.Text, TextOf(mail.Html) })
            {
                var ours = OurLinks().Replace(text, "");
                Assert.DoesNotMatch(WhatMailProgramsLink(), ours);
                Assert.DoesNotMatch(Unseen(), ours);
            }

            Assert.DoesNotContain('\n', mail.Subject);
            Assert.All(
                LinksOf(mail.Html),
                href => Assert.StartsWith("https://usher.example:8443/team/", href, StringComparison.Ordinal));
            Assert.DoesNotContain("<script", mail.Html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("<img", mail.Html, StringComparison.OrdinalIgnoreCase);
        }
    }

    [TheoryIn(Runs.Once)]
    [InlineData("St. Mary's", "St. Mary's")]
    [InlineData("Acme Inc.", "Acme Inc.")]
    [InlineData("  Ada \t Lovelace ", "Ada Lovelace")]
    [InlineData("نگین\u200Cپور", "نگین\u200Cپور")]
    [InlineData("👩\u200D💻", "👩\u200D💻")]
    [InlineData(null, "")]
    public void An_ordinary_name_looks_as_it_was_typed(string? name, string shown) =>
        Assert.Equal(shown, MailName.Of(name));

    [FactIn(Runs.Once)]
    public void A_long_name_is_cut_between_characters_as_readers_see_them()
    {
        var name = string.Concat(Enumerable.Repeat("👩\u200D💻", 40));

        var shown = MailName.Of(name);

        Assert.True(shown.Length <= 80);
        Assert.Equal(string.Concat(Enumerable.Repeat("👩\u200D💻", 15)) + "…", shown);
    }

    [FactIn(Runs.Once)]
    public async Task Administrators_learn_whom_it_is_about()
    {
        (string, string)[] parameters =
            [
                (OutboxParameters.Organization, "Acme"), (OutboxParameters.Person, "Bob B."),
                (OutboxParameters.Email, "bob@example.test"),
            ];
        var mail = await Samples.Renderer()
            .RenderAsync(Samples.Opened(OutboxKind.InvitationRequested, secret: null, parameters));

        Assert.Contains("Acme", mail.Subject, StringComparison.Ordinal);
        Assert.Contains("Bob B. (bob@example.test)", mail.Text, StringComparison.Ordinal);
        Assert.Contains("Bob B. (bob@example.test)", TextOf(mail.Html), StringComparison.Ordinal);
        Assert.Equal(["https://usher.example:8443/team/me"], LinksOf(mail.Html));
    }

    [FactIn(Runs.Once)]
    public async Task Administrators_learn_which_invitations_wait_for_their_decision()
    {
        (string, string)[] parameters =
        [
            (OutboxParameters.Organization, "Acme"), (OutboxParameters.FirstName, "Olivia"),
            (OutboxParameters.Count, "3"),
            (OutboxParameters.Lines, "ada@example.test\tMax Manager\nbob@example.test\t"),
        ];
        var mail = await Samples.Renderer()
            .RenderAsync(Samples.Opened(OutboxKind.InvitationsBlocked, secret: null, parameters));

        Assert.Equal("Invitations to Acme wait for your decision", mail.Subject);
        foreach (var part in new[] { mail.Text, TextOf(mail.Html) })
        {
            Assert.Contains("3 invitations to Acme are blocked", part, StringComparison.Ordinal);
            Assert.Contains("ada@example.test, invited by Max Manager", part, StringComparison.Ordinal);
            Assert.Contains("bob@example.test", part, StringComparison.Ordinal);
            Assert.Contains("And 1 more.", part, StringComparison.Ordinal);
        }
    }

    private static string TextOf(string html) =>
        WebUtility.HtmlDecode(Spaces().Replace(
            Tags().Replace(html[html.IndexOf("<body", StringComparison.Ordinal)..], ""), " "));

    private static string[] LinksOf(string html) =>
        [.. Hrefs().Matches(html).Select(m => WebUtility.HtmlDecode(m.Groups["target"].Value))];

    [GeneratedRegex("<[^>]*>", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Tags();

    [GeneratedRegex(@"[ \n]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Spaces();

    [GeneratedRegex("<\\w[^<>]*(?:href|src)=\"(?<target>[^\"]*)\"", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Hrefs();

    [GeneratedRegex(@"https://usher\.example:8443/team/\S*", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex OurLinks();

    // Wider than what any one of them does: something before and something behind, with nothing but a joint between
    // them.
    [GeneratedRegex(
        @"\S[@＠]\S|[\p{L}\p{N}][.。．｡․]\p{L}|(?:https?|mailto)\s?[:：]\S", RegexOptions.IgnoreCase,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex WhatMailProgramsLink();

    [GeneratedRegex(@"[\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069\0]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Unseen();
}
