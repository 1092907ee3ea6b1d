using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Sessions;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>Outside an organization, answers to known and unknown addresses are alike.</summary>
public sealed class KnownAndUnknownTests(UsherApp app)
{
    [Fact]
    public async Task A_sign_in_fails_alike_for_unknown_known_invited_and_impossible_addresses()
    {
        var org = await app.CreateOrganizationAsync();
        var joined = await org.JoinedAsync(NewEmail("ada"));
        var invited = (await org.TryInviteAsync(NewEmail("bob"))).Value.Member;
        foreach (var email in new[]
            {
                joined.Member.Identifier, invited.Identifier, NewEmail("nobody"), "no address", "", "a@b,c@d",
                new string('x', 10_000),
            })
            Assert.Equal(SessionService.Wrong, (await app.SignInAsync(email, "not the right password")).Error);
        Assert.Null((await app.SignInAsync(joined.Member.Identifier.ToUpperInvariant())).Error);
    }

    [Fact]
    public async Task A_failed_sign_in_is_recorded_without_the_password()
    {
        var email = NewEmail("ada");
        await app.SignInAsync(email, "what somebody typed by mistake");
        var details = await app.QueryAsync(db => db.Events.AsNoTracking()
            .Where(e => e.OrganizationId == Organization.Installation && e.Type == EventTypes.UserSignInFailed)
                .OrderByDescending(e => e.Id).Take(200).ToListAsync(Ct));
        var failed = Assert.Single(details, e => e.Details!.GetValueOrDefault("email") == email);
        Assert.DoesNotContain("mistake", string.Join(' ', failed.Details!.Values), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Send_my_link_mails_everyone_who_has_not_joined_and_nobody_else_and_tells_nothing()
    {
        var (first, second) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var email = NewEmail("ada");
        await first.TryInviteAsync(email, how: RefuseSecond with { SendMail = false });
        await second.TryInviteAsync(email, how: RefuseSecond with { SendMail = false });
        await SendMyLinkAsync($" {email.ToUpperInvariant()} ");
        Assert.Equal(email, Assert.Single(await first.OutboxAsync()).Recipient);
        Assert.Equal(email, Assert.Single(await second.OutboxAsync()).Recipient);

        // The owner is active and has no password yet: he gets his link too.
        await SendMyLinkAsync(first.Created.Owner.Identifier);
        Assert.Single(await first.OutboxAsync(), m => m.Recipient == first.Created.Owner.Identifier);

        // Who has joined, was removed, is unknown or no address at all gets none, and nobody hears of it.
        var joined = await first.JoinedAsync(NewEmail("bob"));
        var removed = (await first.TryInviteAsync(
            NewEmail("eve"), how: RefuseSecond with { SendMail = false })).Value.Member;
        await first.RemoveAsync(first.Owner, removed.Id);
        var before = (await first.OutboxAsync()).Count;
        foreach (var other in new[]
            {
                joined.Member.Identifier, removed.Identifier, NewEmail("nobody"), "no address", $"{email},{email}", "",
            })
            await SendMyLinkAsync(other);
        Assert.Equal(before, (await first.OutboxAsync()).Count);
    }

    [Fact]
    public async Task Send_my_link_keeps_the_sponsor_and_replaces_the_older_link()
    {
        var org = await app.CreateOrganizationAsync();
        var max = await org.ManagerAsync();
        var (ada, older) = await org.GuestAsync(NewEmail("ada"), by: max);
        await SendMyLinkAsync(ada.Identifier);
        Assert.Equal(OfferState.Replaced, (await app.LookAsync(older)).State);
        Assert.Equal(max.Id, (await org.InvitationAsync(older)).SponsorId);
    }

    private Task SendMyLinkAsync(string email) => app.WithAsync<GuestService, bool>(async s =>
    {
        await s.SendMyLinkAsync(email, Ct);
        return true;
    });
}
