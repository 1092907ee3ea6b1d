using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.AccountSteps;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// The five kinds of account pre-hijacking of Sudhodanan and Paverd, "Pre-hijacked accounts: an empirical study of
/// security failures in user account creation on the web" (USENIX Security 2022). Eve prepares an account for Ada's
/// address before Ada comes. Afterwards Ada gets in by a mail that proves the address: an invitation of another
/// organization, or a reset of the password.
/// </summary>
public sealed class PreHijackingTests(ClockedApp clocked) : IClassFixture<ClockedApp>
{
    private const string AdasPassword = "Ada's own password";

    private readonly UsherApp app = clocked.App;

    public static TheoryData<string> Ways => ["invitation", "reset"];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Classic_federated_merge_the_password_set_before_opens_nothing_afterwards(string way)
    {
        var (place, eve) = await EvesAccountAsync();
        var provider = await WithProviderAsync();
        var added = (await provider.TryInviteAsync(eve.Email, how: AddAtOnce)).Value.Member;
        Assert.Null((await app.SignInAsync(eve.Email)).Error);
        Assert.Null((await provider.MemberAsync(eve.Email)).UserId);
        Assert.Empty(await app.OffersAsync(eve.UserId));
        Assert.Equal(MemberErrors.NotFound, (await app.AgreeAsync(eve.UserId, added.Id)).Error);

        await AdaComesAsync(eve.Email, way);
        Assert.Equal(SessionService.Wrong, (await app.SignInAsync(eve.Email)).Error);
        Assert.Null((await app.SignInAsync(eve.Email, AdasPassword)).Error);
        Assert.Equal(MemberStatus.Suspended, (await place.MemberAsync(eve.Email)).Status);
        Assert.Equal([added.Id], (await app.OffersAsync(eve.UserId)).Select(o => o.MemberId));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Unexpired_session_every_session_from_before_ends(string way)
    {
        var (_, eve) = await EvesAccountAsync();
        var (_, other) = await app.SignedInAsync(eve.Email);
        var ada = await AdaComesAsync(eve.Email, way);
        foreach (var secret in new[] { eve.Secret, other }) Assert.Null(await app.SessionAsync(secret));
        Assert.NotNull(await app.SessionAsync(ada.Secret));
    }

    // Besides the password: what else can identify the account, now or once it is built, and a key of its membership.
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Trojan_identifier_nothing_that_was_added_to_the_account_stays(string way)
    {
        var (place, eve) = await EvesAccountAsync();
        await AddIdentifiersAsync(eve.UserId);
        var earlier = await app.ResetLinkAsync(eve.Email);
        var member = await place.MemberAsync(eve.Email);
        var key = (await place.CreateKeyAsync(place.System, member.Id)).Value.Secret;

        await AdaComesAsync(eve.Email, way);
        await AssertNoIdentifiersAsync(eve.UserId);
        Assert.NotNull((await app.CompleteAsync(earlier, "Eve's next password")).Error);
        Assert.Null((await app.SignInAsync(eve.Email, AdasPassword)).Error);

        // Nor does the key come back when an administrator restores the membership.
        Assert.Null((await place.UpdateAsync(place.Owner, member.Id, new() { Suspended = false })).Error);
        Assert.False((await place.ClientOf(key).GetAsync("/v1/users/whoami", Ct)).IsSuccessStatusCode);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Unexpired_email_change_no_change_of_address_asked_for_before_can_be_confirmed(string way)
    {
        var (place, eve) = await EvesAccountAsync();
        var (attackers, membersNew) = (NewEmail("eve"), NewEmail("eve"));
        var link = await app.OwnAddressLinkAsync(eve.Session, attackers);
        var member = await place.MemberAsync(eve.Email);
        var membersLink = await app.AskAsync(await place.ActorAsync(member), membersNew);

        await AdaComesAsync(eve.Email, way);
        foreach (var password in new[] { TestOrganization.Password, AdasPassword })
            Assert.NotNull((await app.ConfirmAsync(link, password)).Error);
        Assert.Null((await place.UpdateAsync(place.Owner, member.Id, new() { Suspended = false })).Error);
        Assert.NotNull((await app.ConfirmAsync(membersLink)).Error);
        Assert.Equal(eve.Email, (await app.UserAsync(eve.UserId)).Email);
        Assert.Equal(eve.Email, (await place.MemberAsync(eve.Email)).Identifier);
        foreach (var email in new[] { attackers, membersNew })
            Assert.NotNull((await app.SignInAsync(email, AdasPassword)).Error);
    }

    // An organization that says it has an identity provider proves no address. Eve is its administrator and adds Ada.
    [Fact]
    public async Task Non_verifying_identity_provider_a_member_that_was_added_as_active_is_nobodys_account()
    {
        var place = await WithProviderAsync();
        var email = NewEmail("ada");
        var added = (await place.TryInviteAsync(email, how: AddAtOnce)).Value.Member;
        var key = (await place.CreateKeyAsync(place.Owner, added.Id)).Value.Secret;
        using var eve = place.ClientOf(key);
        Assert.True((await eve.GetAsync("/v1/users/whoami", Ct)).IsSuccessStatusCode);
        Assert.Null(await app.AccountAsync(email));

        var elsewhere = await app.CreateOrganizationAsync();
        var ada = (await app.JoinAsync((await elsewhere.GuestAsync(email)).Link, AdasPassword)).Value.Session!;
        Assert.Null((await app.SignInAsync(email, AdasPassword)).Error);
        var account = await app.UserAsync(ada.UserId);
        var unbound = await place.MemberAsync(email);
        Assert.Equal((null, null), (unbound.UserId, unbound.LastSignInAt));
        Assert.Equal([elsewhere.Slug], await MembershipsAsync(ada.Secret));

        // What Eve does with the member moves neither the account nor Ada's membership elsewhere.
        var link = await app.AskAsync(await place.ActorAsync(unbound), NewEmail("eve"));
        Assert.Null((await app.ConfirmAsync(link)).Error);
        foreach (var path in new[] { "/usher/v1/me", elsewhere.Path("members") })
            Assert.False((await eve.SendAsync(HttpMethod.Get, path, null)).IsSuccessStatusCode);
        var after = await app.UserAsync(ada.UserId);
        Assert.Equal((account.Email, account.PasswordHash), (after.Email, after.PasswordHash));
        Assert.Equal(account.SecurityStamp, after.SecurityStamp);
        Assert.Equal(email, (await elsewhere.MemberAsync(email)).Identifier);
    }

    private static InviteOptions AddAtOnce => Refresh with { SendMail = false, ActivateAtOnce = true };

    // By a link that was handed over, which proves nothing.
    private async Task<(TestOrganization Place, TestAccount Eve)> EvesAccountAsync()
    {
        var place = await app.CreateOrganizationAsync();
        return (place, await app.AccountAsync(place, mailed: false));
    }

    private async Task<SignedIn> AdaComesAsync(string email, string way)
    {
        if (way is "reset") return (await app.CompleteAsync(await app.ResetLinkAsync(email), AdasPassword)).Value;
        var (_, mailed) = await (await app.CreateOrganizationAsync()).GuestAsync(email);
        return (await app.TakeOverAsync(mailed, AdasPassword)).Value.Session!;
    }

    private async Task<TestOrganization> WithProviderAsync()
    {
        var org = await app.CreateOrganizationAsync();
        var change = new OrganizationChange { ExternalIdentityProvider = "Acme ID" };
        Assert.Null((await org.UpdateAsync(org.Owner, change)).Error);
        return org;
    }

    private async Task<IEnumerable<string>> MembershipsAsync(string session)
    {
        using var client = app.ClientOf(session);
        var memberships = await (await client.SendAsync(HttpMethod.Get, "/usher/v1/me", null)).JsonAsync("memberships");
        return memberships.EnumerateArray().Select(m => m.GetProperty("organization").GetProperty("slug").GetString()!);
    }

    private Task<int> AddIdentifiersAsync(Guid user) => app.QueryAsync(db => db.Users.Where(u => u.Id == user)
        .ExecuteUpdateAsync(set => set.SetProperty(u => u.TwoFactorEnabled, true), Ct));

    private async Task AssertNoIdentifiersAsync(Guid user) =>
        Assert.False(await app.QueryAsync(db => db.Users.AnyAsync(u => u.Id == user && u.TwoFactorEnabled, Ct)));
}
