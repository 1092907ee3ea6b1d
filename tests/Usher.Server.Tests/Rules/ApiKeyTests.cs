using System.Net;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// One's own keys are one's own matter; those of others need token_management and covering them. TakingAwayTests has
/// the rest.
/// </summary>
public sealed class ApiKeyTests(UsherApp app)
{
    [Fact]
    public async Task A_deleted_key_is_refused_on_the_next_request()
    {
        var org = await app.CreateOrganizationAsync();
        var ada = await org.JoinedAsync(NewEmail("ada"));
        var self = await org.ActorAsync(ada.Member);
        var key = Assert.Single(await ListAsync(self, self.Id));
        Assert.Null((await DeleteAsync(self, self.Id, new(Id: key.Id))).Error);
        Assert.Equal(HttpStatusCode.Forbidden, (await ada.Client.GetAsync("/v1/users/whoami", Ct)).StatusCode);
        Assert.Equal(ApiKeyErrors.NotFound, (await DeleteAsync(self, self.Id, new(Id: key.Id))).Error);
    }

    [Fact]
    public async Task A_key_is_found_by_its_secret_too_and_can_be_kept_from_ending_itself()
    {
        var org = await app.CreateOrganizationAsync();
        var self = org.Owner;
        var made = (await org.CreateKeyAsync(self, self.Id)).Value;
        Assert.Equal(
            ApiKeyErrors.InUse, (await DeleteAsync(self, self.Id, new(Secret: made.Secret), inUse: made.Key.Id)).Error);
        Assert.Equal(made.Key.Id, (await DeleteAsync(self, self.Id, new(Secret: made.Secret))).Value.Id);
        Assert.Equal(ApiKeyErrors.NotFound, (await DeleteAsync(self, self.Id, new(Secret: made.Secret))).Error);
    }

    [Fact]
    public async Task Keys_of_others_need_the_permission_and_covering_them()
    {
        var org = await app.CreateOrganizationAsync();
        var (manager, keeper) = (await org.ManagerAsync(), await org.ManagerAsync(Permissions.TokenManagement));
        var robot = (await org.CreateServiceAccountAsync(org.Owner, new("robot"))).Value.Member;
        var strong = (await org.CreateServiceAccountAsync(
            org.Owner, new("strong") { Permissions = ["ingestion"] })).Value.Member;
        var (its, theirs) = (
            (await org.CreateKeyAsync(keeper, robot.Id)).Value.Key,
            (await org.CreateKeyAsync(org.Owner, strong.Id)).Value.Key);

        var plain = await org.ActorAsync((await org.JoinedAsync(NewEmail("nil"))).Member);
        Assert.Equal(
            ApiKeyErrors.NotAllowed,
            (await app.WithAsync<ApiKeyService, Result<IReadOnlyList<ApiKey>>>(s =>
                s.ListAsync(plain, robot.Id, Ct))).Error);
        Assert.Single(
            (await app.WithAsync<ApiKeyService, Result<IReadOnlyList<ApiKey>>>(s =>
                s.ListAsync(manager, robot.Id, Ct))).Value);
        Assert.Equal(ApiKeyErrors.NotAllowed, (await DeleteAsync(manager, robot.Id, new(Id: its.Id))).Error);
        Assert.Equal(ApiKeyErrors.NotAllowed, (await RenameAsync(manager, robot.Id, its.Id, "mine")).Error);
        Assert.Equal(MemberErrors.NotCovered, (await DeleteAsync(keeper, strong.Id, new(Id: theirs.Id))).Error);
        Assert.Equal(MemberErrors.NotCovered, (await RenameAsync(keeper, strong.Id, theirs.Id, "mine")).Error);
        // another's, under a name he may touch
        Assert.Equal(ApiKeyErrors.NotFound, (await DeleteAsync(keeper, robot.Id, new(Id: theirs.Id))).Error);
        Assert.Equal(
            MemberErrors.NotFound,
            (await DeleteAsync(
                org.Owner, (await app.CreateOrganizationAsync()).Created.Owner.Id, new(Id: its.Id))).Error);

        Assert.Equal("nightly", (await RenameAsync(keeper, robot.Id, its.Id, " nightly ")).Value.Name);
        Assert.Equal("nightly", Assert.Single(await ListAsync(keeper, robot.Id)).Name);
        Assert.Equal(ApiKeyErrors.NameInvalid, (await RenameAsync(keeper, robot.Id, its.Id, "a\nb")).Error);
        Assert.Null((await DeleteAsync(keeper, robot.Id, new(Id: its.Id))).Error);
    }

    [Fact]
    public async Task A_member_has_at_most_a_hundred_keys()
    {
        var org = await app.CreateOrganizationAsync();
        for (var i = 1; i < ApiKeyService.MaxPerMember; i++)
            Assert.Null((await org.CreateKeyAsync(org.Owner, org.Created.Owner.Id)).Error);
        Assert.Equal(ApiKeyErrors.TooMany, (await org.CreateKeyAsync(org.Owner, org.Created.Owner.Id)).Error);
    }

    [Fact]
    public async Task A_suspended_service_account_gets_no_key_and_its_keys_are_refused()
    {
        var org = await app.CreateOrganizationAsync();
        var robot = (await org.CreateServiceAccountAsync(org.Owner, new("sa::Robot") { Active = false })).Value.Member;
        Assert.Equal(("sa::robot", MemberStatus.Suspended), (robot.Identifier, robot.Status));
        Assert.Equal(ApiKeyErrors.NotActive, (await org.CreateKeyAsync(org.Owner, robot.Id)).Error);
        Assert.Null((await org.UpdateAsync(org.Owner, robot.Id, new() { Suspended = false })).Error);
        using var client = org.ClientOf((await org.CreateKeyAsync(org.Owner, robot.Id)).Value.Secret);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/users/whoami", Ct)).StatusCode);
        Assert.Null((await org.UpdateAsync(org.Owner, robot.Id, new() { Suspended = true })).Error);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.GetAsync("/v1/users/whoami", Ct)).StatusCode);
        Assert.Equal(CommonErrors.NameTaken, (await org.CreateServiceAccountAsync(org.Owner, new("ROBOT"))).Error);
        Assert.Equal(MemberErrors.NameInvalid, (await org.CreateServiceAccountAsync(org.Owner, new("a robot"))).Error);
        Assert.Equal(
            MemberErrors.NoAddress,
            (await org.UpdateAsync(org.Owner, robot.Id, new() { Email = NewEmail("robot") })).Error);
    }

    private async Task<IReadOnlyList<ApiKey>> ListAsync(Actor by, Guid member) =>
        (await app.WithAsync<ApiKeyService, Result<IReadOnlyList<ApiKey>>>(s => s.ListAsync(by, member, Ct))).Value;

    private Task<Result<ApiKey>> DeleteAsync(Actor by, Guid member, ApiKeyReference key, Guid? inUse = null) =>
        app.WithAsync<ApiKeyService, Result<ApiKey>>(s => s.DeleteAsync(by, member, key, inUse, Ct));

    private Task<Result<ApiKey>> RenameAsync(Actor by, Guid member, Guid key, string name) =>
        app.WithAsync<ApiKeyService, Result<ApiKey>>(s => s.RenameAsync(by, member, new(Id: key), name, Ct));
}
