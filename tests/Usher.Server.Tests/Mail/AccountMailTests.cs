using System.Net;
using Usher.Core.Outbox;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Mail;

/// <summary>Mail about a person's own account.</summary>
public sealed class AccountMailTests
{
    private const string Site = "https://usher.example:8443/team";
    private const string Reset = "usp_0123456789-abcdefghijklmnopqrstuvwxyz_ABCDEF0123456";
    private const string Address = "usa_0123456789-abcdefghijklmnopqrstuvwxyz_ABCDEF0123456";

    [FactIn(Runs.Once)]
    public async Task A_reset_says_how_long_it_works_and_what_to_do_if_nobody_asked()
    {
        var id = Guid.NewGuid().ToString();
        await AssertSaysAsync(
            Samples.Opened(
                OutboxKind.PasswordReset, Reset, (OutboxParameters.FirstName, "Ada"), (OutboxParameters.Reset, id),
                (OutboxParameters.ReturnTo, "/join/acme/1"),
                (OutboxParameters.Expires, "2026-11-28T14:05:00.0000000+00:00")),
            "Hello Ada,", "until Saturday, 28 November 2026, 14:05 UTC", "ignore this mail",
            $"{Site}/reset/{id}?return=%2Fjoin%2Facme%2F1#{Reset}", Reset);
    }

    [TheoryIn(Runs.Once)]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example/")]
    public async Task A_reset_leads_to_no_other_site(string elsewhere)
    {
        var mail = await Samples.Renderer().RenderAsync(Samples.Opened(
            OutboxKind.PasswordReset, Reset, (OutboxParameters.Reset, "1"), (OutboxParameters.ReturnTo, elsewhere)));
        Assert.DoesNotContain("evil", mail.Text + mail.Html, StringComparison.Ordinal);
    }

    [FactIn(Runs.Once)]
    public async Task A_new_address_is_asked_whether_it_is_the_persons()
    {
        var id = Guid.NewGuid().ToString();
        await AssertSaysAsync(
            Samples.Opened(
                OutboxKind.UserAddressChange, Address, (OutboxParameters.FirstName, "Ada"),
                (OutboxParameters.Email, "augusta@example.test"), (OutboxParameters.AddressChange, id),
                (OutboxParameters.Expires, "2026-11-28T14:05:00.0000000+00:00")),
            "sign in with augusta@example.test", "Saturday, 28 November 2026, 14:05 UTC", "ignore this mail",
            $"{Site}/confirm/{id}#{Address}", Address);
    }

    [TheoryIn(Runs.Once)]
    [InlineData(OutboxKind.PasswordChanged, "The password of your account was changed")]
    [InlineData(OutboxKind.UserAddressChanged, "You sign in with augusta@example.test from now on")]
    [InlineData(OutboxKind.ResetLinkHandedOver, "made a link that sets a new password for your account")]
    public async Task A_person_is_told_what_happened_without_any_secret(OutboxKind kind, string words) =>
        Assert.DoesNotMatch(Secrets.Any(), await AssertSaysAsync(
            Samples.Opened(
                kind, secret: null, (OutboxParameters.FirstName, "Ada"),
                (OutboxParameters.Email, "augusta@example.test")),
            "Hello Ada,", words));

    [FactIn(Runs.Once)]
    public async Task An_administrator_is_told_about_which_member_of_which_organization() => await AssertSaysAsync(
        Samples.Opened(
            OutboxKind.ResetLinkHandedOver, secret: null, (OutboxParameters.Organization, "Acme Inc."),
            (OutboxParameters.Person, "Bob B."), (OutboxParameters.Email, "bob@example.test")),
        "for Bob B. (bob@example.test), a member of Acme Inc.", "suspend the member");

    private static async Task<string> AssertSaysAsync(OpenedMessage opened, params string[] words)
    {
        var mail = await Samples.Renderer().RenderAsync(opened);
        foreach (var text in new[] { mail.Text, WebUtility.HtmlDecode(mail.Html) })
            foreach (var said in words) Assert.Contains(said, text, StringComparison.Ordinal);
        return mail.Subject + mail.Text + mail.Html;
    }
}
