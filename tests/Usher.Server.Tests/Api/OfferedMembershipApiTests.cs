using System.Net;
using System.Text.Json;
using Usher.Core.Access;
using Usher.Core.Events;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.AccountSteps;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>
/// Memberships that an organization with an identity provider made for a person's proven address, as the person sees
/// and answers them by Usher's own API.
/// </summary>
public sealed class OfferedMembershipApiTests(OperatedApp operated) : IClassFixture<OperatedApp>
{
    private readonly UsherApp app = operated.App;

    [Fact]
    public async Task An_offer_is_listed_and_agreeing_makes_it_a_membership()
    {
        var ada = await app.AccountAsync();
        var (org, offered) = await OfferAsync(ada.Email);
        using var client = app.ClientOf(ada.Secret);
        var me = await MeAsync(client);
        Assert.Equal([org.Slug], Slugs(me, "offers"));
        Assert.DoesNotContain(org.Slug, Slugs(me, "memberships"));
        var offer = me.GetProperty("offers")[0];
        Assert.Equal("mem_" + ShortId.Of(offered.Id), offer.Shown("memberId"));
        Assert.Equal(
            $"org_{ShortId.Of(org.Id)} {org.Created.Organization.Name}",
            offer.GetProperty("organization").Shown("id", "name"));
        Assert.Equal([org.Slug], Slugs(await PatchAsync(client), "offers"));

        await (await PostAsync(client, offered, "agree")).DoneAsync();
        me = await MeAsync(client);
        Assert.Empty(Slugs(me, "offers"));
        Assert.Contains(org.Slug, Slugs(me, "memberships"));
        Assert.Equal((MemberStatus.Active, ada.UserId), await StateAsync(org, ada.Email));

        // Once more: nothing is left to do, and nothing is recorded twice.
        await (await PostAsync(client, offered, "agree")).DoneAsync();
        Assert.Single(await org.EventsAsync(), e => e.Type is EventTypes.MemberJoined && e.SubjectId == offered.Id);
        await (await PostAsync(client, offered, "decline")).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        Assert.Equal((MemberStatus.Active, ada.UserId), await StateAsync(org, ada.Email));
    }

    [Fact]
    public async Task Declining_removes_the_member_and_cannot_be_taken_back()
    {
        var ada = await app.AccountAsync();
        var (org, offered) = await OfferAsync(ada.Email);
        using var client = app.ClientOf(ada.Secret);
        await (await PostAsync(client, offered, "decline")).DoneAsync();
        Assert.Empty(Slugs(await MeAsync(client), "offers"));
        Assert.Equal((MemberStatus.Removed, null), await StateAsync(org, ada.Email));
        foreach (var answer in new[] { "decline", "agree" })
            await (await PostAsync(client, offered, answer)).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");

        // The organization may offer it again.
        var again = await org.OfferedAsync(ada.Email);
        await (await PostAsync(client, again, "agree")).DoneAsync();
        Assert.Equal((MemberStatus.Active, ada.UserId), await StateAsync(org, ada.Email));
    }

    [Fact]
    public async Task The_last_administrator_cannot_decline()
    {
        var ada = await app.AccountAsync();
        var org = await app.CreateOrganizationAsync(o => o.ExternalIdentityProvider = "Acme ID");
        var offered = await org.OfferedAsync(ada.Email, row => row with { Role = BuiltInRole.Admin });
        // a key that never expires: an administrator who can act
        Assert.Null((await org.CreateKeyAsync(org.System, offered.Id)).Error);
        Assert.Null((await org.RemoveAsync(org.System, org.Created.Owner.Id)).Error);
        using var client = app.ClientOf(ada.Secret);
        await (await PostAsync(client, offered, "decline")).RefusedAsync(HttpStatusCode.Conflict, "last_admin");
        Assert.Equal([org.Slug], Slugs(await MeAsync(client), "offers"));
        await (await PostAsync(client, offered, "agree")).DoneAsync();
    }

    [Theory]
    [InlineData("agree")]
    [InlineData("decline")]
    public async Task Only_the_persons_own_offers_can_be_answered(string answer)
    {
        var ada = await app.AccountAsync();
        var (org, offered) = await OfferAsync(NewEmail("bob"));
        var (other, mine) = (await org.JoinedAsync(NewEmail("carol")), (await OfferAsync(ada.Email)).Member);
        using var client = app.ClientOf(ada.Secret);
        string[] paths =
        [
            PathOf(offered, answer), PathOf(other.Member, answer), // another person's: waiting, and joined
            PathOf("mem_" + ShortId.Of(Guid.NewGuid()), answer), // unknown
            // badly spelled
            PathOf(mine.Id.ToString(), answer), PathOf("usr_" + ShortId.Of(mine.Id), answer), PathOf("mem_", answer),
            PathOf("mem_" + ShortId.Of(mine.Id) + "x", answer), PathOf("mem_" + new string('y', 2_000), answer),
        ];
        foreach (var path in paths)
            await (await client.SendAsync(HttpMethod.Post, path, null))
                .RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        Assert.Equal((MemberStatus.Active, null), await StateAsync(org, offered.Identifier));
        Assert.Equal((MemberStatus.Active, other.Member.UserId), await StateAsync(org, other.Member.Identifier));

        foreach (var caller in new[] { app.CreateClient(), org.Admin, operated.Operator })
            await (await PostAsync(caller, mine, answer)).RefusedAsync(HttpStatusCode.Unauthorized, "session_refused");
    }

    [Theory]
    [InlineData("agree")]
    [InlineData("decline")]
    public async Task An_address_that_was_never_proven_is_offered_nothing(string answer)
    {
        var ada = await app.AccountAsync(mailed: false);
        var (org, offered) = await OfferAsync(ada.Email);
        using var client = app.ClientOf(ada.Secret);
        Assert.Empty(Slugs(await MeAsync(client), "offers"));
        await (await PostAsync(client, offered, answer)).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
        Assert.Equal((MemberStatus.Active, null), await StateAsync(org, ada.Email));
    }

    [Theory]
    [InlineData("agree")]
    [InlineData("decline")]
    public async Task A_repetition_with_the_same_key_gets_the_first_answer(string answer)
    {
        var ada = await app.AccountAsync();
        var (org, offered) = await OfferAsync(ada.Email);
        using var client = app.ClientOf(ada.Secret);
        var key = Guid.NewGuid().ToString();
        for (var i = 0; i < 3; i++)
            await (await client.SendAsync(HttpMethod.Post, PathOf(offered, answer), null, idempotencyKey: key))
                .DoneAsync();
        await (await client.SendAsync(
            HttpMethod.Post, PathOf(offered, answer is "agree" ? "decline" : "agree"), null, idempotencyKey: key))
            .RefusedAsync(HttpStatusCode.UnprocessableEntity, "idempotency_key_reused");
        var type = answer is "agree" ? EventTypes.MemberJoined : EventTypes.MemberRemoved;
        Assert.Single(await org.EventsAsync(), e => e.Type == type && e.SubjectId == offered.Id);

        // The key of another person is another key.
        var bob = await app.AccountAsync();
        using var other = app.ClientOf(bob.Secret);
        await (await other.SendAsync(HttpMethod.Post, PathOf(offered, answer), null, idempotencyKey: key))
            .RefusedAsync(HttpStatusCode.NotFound, "member_not_found");
    }

    [Theory]
    [InlineData("agree")]
    [InlineData("decline")]
    public async Task A_suspended_organization_offers_nothing_until_it_is_resumed(string answer)
    {
        var ada = await app.AccountAsync();
        var (org, offered) = await OfferAsync(ada.Email);
        using var client = app.ClientOf(ada.Secret);
        await (await org.PostAsync("suspend", by: operated.Operator)).JsonAsync();
        Assert.Empty(Slugs(await MeAsync(client), "offers"));
        await (await PostAsync(client, offered, answer)).RefusedAsync(HttpStatusCode.NotFound, "member_not_found");

        await (await org.PostAsync("resume", by: operated.Operator)).JsonAsync();
        Assert.Equal([org.Slug], Slugs(await MeAsync(client), "offers"));
        await (await PostAsync(client, offered, answer)).DoneAsync();
    }

    [Fact]
    public async Task Agreeing_and_declining_at_once_end_in_one_of_both()
    {
        var ada = await app.AccountAsync();
        var (org, offered) = await OfferAsync(ada.Email);
        using var client = app.ClientOf(ada.Secret);
        var answers = await AtOnceAsync(8, i => PostAsync(client, offered, i % 2 is 0 ? "agree" : "decline"));
        Assert.All(
            answers,
            a => Assert.True(a.StatusCode is HttpStatusCode.NoContent or HttpStatusCode.NotFound, $"{a.StatusCode}"));
        var (status, user) = await StateAsync(org, ada.Email);
        Assert.Equal(status is MemberStatus.Active ? ada.UserId : null, user);
        var settled = (await org.EventsAsync()).Where(e => e.SubjectId == offered.Id).Select(e => e.Type)
            .Where(type => type is EventTypes.MemberJoined or EventTypes.MemberRemoved);
        Assert.Equal(
            status is MemberStatus.Active ? EventTypes.MemberJoined : EventTypes.MemberRemoved, Assert.Single(settled));
    }

    private async Task<(TestOrganization Organization, Member Member)> OfferAsync(string email)
    {
        var org = await app.CreateOrganizationAsync(o => o.ExternalIdentityProvider = "Acme ID");
        return (org, await org.OfferedAsync(email));
    }

    private static async Task<JsonElement> MeAsync(HttpClient client) =>
        await (await client.SendAsync(HttpMethod.Get, "/usher/v1/me", null)).JsonAsync();

    private static async Task<JsonElement> PatchAsync(HttpClient client) =>
        await (await client.SendAsync(HttpMethod.Patch, "/usher/v1/me", new { locale = "en" })).JsonAsync();

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, Member member, string answer) =>
        client.SendAsync(HttpMethod.Post, PathOf(member, answer), null);

    private static string PathOf(Member member, string answer) => PathOf("mem_" + ShortId.Of(member.Id), answer);

    private static string PathOf(string member, string answer) => $"/usher/v1/me/memberships/{member}/{answer}";

    private static List<string> Slugs(JsonElement me, string list) =>
        [
            .. me.GetProperty(list).EnumerateArray()
                .Select(m => m.GetProperty("organization").GetProperty("slug").GetString()!)];

    private static async Task<(MemberStatus Status, Guid? UserId)> StateAsync(TestOrganization org, string email)
    {
        var member = await org.MemberAsync(email);
        return (member.Status, member.UserId);
    }
}
