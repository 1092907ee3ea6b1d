using System.Net;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects;

/// <summary>
/// One address, written in different cases, invited by many at once: one member, one invitation, and a right answer to
/// everybody.
/// </summary>
public sealed class SimultaneousInviteTests(UsherApp app)
{
    private const int Many = 30;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Conformity_merges_and_answers_all_thirty_with_success()
    {
        var org = await app.CreateOrganizationAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, Many).Select(i => ConformityAsync(org, i)));

        Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.StatusCode));
        Assert.Single(
            (await Task.WhenAll(answers.Select(a => a.JsonAsync()))).Select(a => a.TextAt("data/id")).Distinct());
        Assert.Equal(Many, await AssertOneMemberOneInvitationAsync(org));
        Assert.Equal(3, (await org.MembersAsync())[^1].Levels.Count);
    }

    [Fact]
    public async Task Wavefront_invites_once_and_tells_the_others_that_the_user_is_there()
    {
        var org = await app.CreateOrganizationAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, Many).Select(i => WavefrontAsync(org, i)));

        Assert.Single(answers, a => a.StatusCode is HttpStatusCode.OK);
        foreach (var (i, answer) in answers.Index().Where(a => a.Item.StatusCode is not HttpStatusCode.OK))
            await answer.AssertAsync(409, $$"""
                { "status": { "result": "ERROR",
                "message": "User with id {{Address(i)}} is already created in our system.", "code": 409 } }
                """);
        Assert.Equal(1, await AssertOneMemberOneInvitationAsync(org));
    }

    [Fact]
    public async Task DeployHq_invites_once_and_tells_the_others_that_the_address_is_taken()
    {
        var org = await app.CreateOrganizationAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, Many).Select(i => DeployHqAsync(org, i)));

        Assert.Single(answers, a => a.StatusCode is HttpStatusCode.Created);
        foreach (var answer in answers.Where(a => a.StatusCode is not HttpStatusCode.Created))
            await answer.AssertAsync(422, """{ "email_address": ["has already been taken"] }""");
        Assert.Equal(1, await AssertOneMemberOneInvitationAsync(org));
    }

    [Fact]
    public async Task Through_all_three_at_once_it_is_still_one_member_and_one_invitation()
    {
        var org = await app.CreateOrganizationAsync();
        var (conformity, wavefront, deployHq) = (
            new List<Task<HttpResponseMessage>>(), new List<Task<HttpResponseMessage>>(),
            new List<Task<HttpResponseMessage>>());
        for (var i = 0; i < Many; i++)
        {
            wavefront.Add(WavefrontAsync(org, i));
            deployHq.Add(DeployHqAsync(org, i));
            conformity.Add(ConformityAsync(org, i));
        }

        Assert.All(await Task.WhenAll(conformity), a => Assert.Equal(HttpStatusCode.OK, a.StatusCode));
        var (invited, conflicts) = Split(await Task.WhenAll(wavefront), HttpStatusCode.OK);
        var (created, taken) = Split(await Task.WhenAll(deployHq), HttpStatusCode.Created);
        Assert.All(conflicts, a => Assert.Equal(HttpStatusCode.Conflict, a.StatusCode));
        Assert.All(taken, a => Assert.Equal(HttpStatusCode.UnprocessableEntity, a.StatusCode));
        Assert.InRange(invited.Count + created.Count, 0, 1);
        Assert.Equal(Many + invited.Count + created.Count, await AssertOneMemberOneInvitationAsync(org));
    }

    private static string Address(int i) =>
        i % 3 is 0 ? "ada@example.test" : i % 3 is 1 ? "Ada@Example.test" : "ADA@EXAMPLE.TEST";

    private static Task<HttpResponseMessage> ConformityAsync(TestOrganization org, int i) =>
        org.Admin.PostTextAsync("/v1/users", $$"""
        { "data": { "attributes": { "firstName": "Ada", "lastName": "Lovelace", "role": "USER",
          "email": "{{Address(i)}}",
            "accessList": [{ "account": "{{org.Accounts[i % 3]}}", "level": "READONLY" }] } } }
        """, "application/vnd.api+json");

    private static Task<HttpResponseMessage> WavefrontAsync(TestOrganization org, int i) =>
        org.Admin.PostTextAsync(
            "/api/v2/user/invite",
            $$"""[{ "emailAddress": "{{Address(i)}}", "groups": ["ingestion"], "userGroups": [] }]""");

    private static Task<HttpResponseMessage> DeployHqAsync(TestOrganization org, int i) =>
        org.Admin.PostTextAsync("/users", $$"""
            { "user": { "first_name": "Ada", "email_address": "{{Address(i)}}", "can_create_projects": true } }
            """);

    private static (
        List<HttpResponseMessage> Successes,
        List<HttpResponseMessage> Refusals) Split(HttpResponseMessage[] answers, HttpStatusCode success) =>
        ([.. answers.Where(a => a.StatusCode == success)], [.. answers.Where(a => a.StatusCode != success)]);

    // And how many mails there will be.
    private static async Task<int> AssertOneMemberOneInvitationAsync(TestOrganization org)
    {
        var ada = Assert.Single(await org.MembersAsync(), m => m.Id != org.Created.Owner.Id);
        Assert.Equal(("ada@example.test", MemberStatus.Invited), (ada.Identifier, ada.Status));
        var invitation = Assert.Single(ada.Invitations);
        var mails = (await org.OutboxAsync()).Count(m => m.Recipient == ada.Identifier);
        Assert.Equal((InvitationStatus.Pending, mails), (invitation.Status, invitation.SentCount));
        return mails;
    }
}
