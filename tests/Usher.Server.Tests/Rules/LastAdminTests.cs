using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>An organization always has an active person who is its administrator.</summary>
public sealed class LastAdminTests(UsherApp app)
{
    [Fact]
    public async Task Two_administrators_who_remove_each_other_at_once_leave_one()
    {
        for (var round = 0; round < 5; round++)
        {
            var org = await app.CreateOrganizationAsync();
            var other = await AdminAsync(org);
            var results = await AtOnceAsync(
                2, i => i is 0 ? org.RemoveAsync(org.Owner, other.Id) : org.RemoveAsync(other, org.Created.Owner.Id));

            Assert.Single(results, r => r.Error is null);
            Assert.Single(results, r => r.Error is { Code: "member_not_covered" or "last_admin" or "not_allowed" });
            Assert.Single(await org.MembersAsync(), m => m is { Status: MemberStatus.Active, Role: BuiltInRole.Admin });
        }
    }

    [Fact]
    public async Task Ten_administrators_who_remove_one_another_and_themselves_at_once_leave_one()
    {
        var org = await app.CreateOrganizationAsync();
        Actor[] admins = [org.Owner, .. await Task.WhenAll(Enumerable.Range(0, 9).Select(_ => AdminAsync(org)))];
        var results = await AtOnceAsync(30, i => org.RemoveAsync(admins[i % 10], admins[(i + (i / 10)) % 10].Id));

        Assert.Contains(results, r => r.Error is null);
        Assert.Contains(await org.MembersAsync(), m => m is { Status: MemberStatus.Active, Role: BuiltInRole.Admin });
    }

    [Fact]
    public async Task The_only_administrator_cannot_be_removed_by_himself_or_by_the_system()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.Equal(MemberErrors.LastAdmin, (await org.RemoveAsync(org.Owner, org.Created.Owner.Id)).Error);
        Assert.Equal(MemberErrors.LastAdmin, (await org.RemoveAsync(org.System, org.Created.Owner.Id)).Error);
        Assert.Equal(System.Net.HttpStatusCode.OK, (await org.Admin.GetAsync("/v1/users/whoami", Ct)).StatusCode);
    }

    // Who is only invited, suspended, a service account, or an administrator by a group alone is nobody to leave an
    // organization to.
    [Fact]
    public async Task Only_an_active_person_with_the_role_counts_as_another_administrator()
    {
        var org = await app.CreateOrganizationAsync();
        await org.TryInviteAsync(NewEmail("invited"), row => row with { Role = BuiltInRole.Admin });
        var suspended = await AdminAsync(org);
        await app.QueryAsync(db =>
            db.Members.Where(m => m.Id == suspended.Id)
                .ExecuteUpdateAsync(set => set.SetProperty(m => m.Status, MemberStatus.Suspended), Ct));
        var admins = await org.CreateGroupAsync(new("Admins") { IsAdmin = true });
        await org.JoinedAsync(NewEmail("grouped"), row => row with { Groups = [Reference.To(admins.Id)] });
        var service = await org.ServiceAccountAsync();
        await app.ChangeAsync(
            async db =>
                (await db.Members.SingleAsync(m => m.Id == service.Id, Ct))
                    .Give(BuiltInRole.Admin, org.System, service.CreatedAt));

        Assert.Equal(MemberErrors.LastAdmin, (await org.RemoveAsync(org.Owner, org.Created.Owner.Id)).Error);
        await AdminAsync(org);
        Assert.Null((await org.RemoveAsync(org.Owner, org.Created.Owner.Id)).Error);
    }

    // Added by way of an identity provider, say with a mistyped address: active, an administrator, without a way in.
    [Fact]
    public async Task An_administrator_without_an_account_and_without_a_lasting_key_is_not_another_one()
    {
        var org = await app.CreateOrganizationAsync();
        var provider = new OrganizationChange { ExternalIdentityProvider = "Acme ID" };
        Assert.Null((await org.UpdateAsync(org.Owner, provider)).Error);
        var added = (await org.TryInviteAsync(
            NewEmail("mistyped"), row => row with { Role = BuiltInRole.Admin }, org.Owner,
            Refresh with { SendMail = false, ActivateAtOnce = true })).Value.Member;
        Assert.Equal((MemberStatus.Active, null), (added.Status, added.UserId));
        await org.CreateKeyAsync(org.System, added.Id, expires: TimeProvider.System.GetUtcNow().AddDays(1));
        await org.CreateKeyAsync(org.System, added.Id, readOnly: true);

        var owner = org.Created.Owner.Id;
        Assert.Equal(MemberErrors.LastAdmin, (await org.RemoveAsync(org.Owner, owner)).Error);
        foreach (var change in new MemberChange[] { new() { Role = BuiltInRole.User }, new() { Suspended = true } })
            Assert.Equal(MemberErrors.LastAdmin, (await org.UpdateAsync(org.Owner, owner, change)).Error);

        Assert.Null((await org.CreateKeyAsync(org.System, added.Id)).Error);
        Assert.Null((await org.RemoveAsync(org.Owner, owner)).Error);
    }

    // The owner's first link sets his password. To decline what one has already is no way out.
    [Fact]
    public async Task The_owner_cannot_decline_his_own_organization()
    {
        var org = await app.CreateOrganizationAsync();
        Assert.NotNull((await app.DeclineAsync(org.Created.OwnerLink!)).Error);
        var owner = Assert.Single(await org.MembersAsync());
        Assert.Equal((MemberStatus.Active, BuiltInRole.Admin), (owner.Status, owner.Role));
        Assert.Null((await app.JoinAsync(org.Created.OwnerLink!)).Error);
    }

    private static async Task<Actor> AdminAsync(TestOrganization org) =>
        await org.ActorAsync(
            (await org.JoinedAsync(NewEmail("admin"), row => row with { Role = BuiltInRole.Admin })).Member);
}
