using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>Somebody active with a key, who never signed in: for tests that are not about joining.</summary>
public sealed record TestCaller(Member Member, string Key, HttpClient Client);

/// <summary>What tests do in an organization through the core, as the system.</summary>
public static class OrganizationSteps
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    extension(TestOrganization org)
    {
        /// <summary>Somebody active with a key.</summary>
        public async Task<TestCaller> ActiveAsync(
            string email, Func<NewInvitation, NewInvitation>? change = null, bool readOnlyKey = false)
        {
            var member = await org.InviteAsync(email, change, sendMail: false);
            await org.SetStatusAsync(member, MemberStatus.Active);
            return await org.WithKeyAsync(member, readOnlyKey);
        }

        /// <summary>A service account with a key.</summary>
        public async Task<TestCaller> ServiceAccountAsync(string name, BuiltInRole role = BuiltInRole.User)
        {
            var made = await org.App.WithAsync<ServiceAccountService, Result<MemberView>>(s =>
                s.CreateAsync(org.System, new(name), UnknownReferences.Refuse, MemberDetails.None, Ct));
            var member = made.Value.Member;
            if (role is not BuiltInRole.User)
                await org.App.WithAsync<MemberService, Result<MemberSelection>>(s =>
                    s.UpdateAsync(
                        org.System, [new(Id: member.Id)], new() { Role = role }, new(UnknownReferences.Refuse), Ct));
            return await org.WithKeyAsync(member);
        }

        public async Task<TestCaller> WithKeyAsync(Member member, bool readOnly = false)
        {
            var made = await org.App.WithAsync<ApiKeyService, Result<CreatedApiKey>>(s =>
                s.CreateAsync(org.System, member.Id, "test", readOnly, null, Ct));
            return new(member, made.Value.Secret, org.ClientOf(made.Value.Secret));
        }

        public Task<int> SetStatusAsync(Member member, MemberStatus status) => org.App.QueryAsync(
            db =>
                db.Members.Where(m => m.OrganizationId == org.Id && m.Id == member.Id)
                    .ExecuteUpdateAsync(set => set.SetProperty(m => m.Status, status), Ct));

        /// <summary>Takes somebody out of the organization, or his offer back.</summary>
        public async Task RemoveAsync(string email)
        {
            var member = await org.MemberAsync(email);
            var removed = await org.App.WithAsync<MemberService, Result<Member>>(s =>
                s.RemoveAsync(org.System, member.Id, Ct));
            Assert.Null(removed.Error);
        }

        public async Task<Group> GroupAsync(NewGroup group) =>
            (await org.App.WithAsync<GroupService, Result<GroupView>>(s =>
                s.CreateAsync(org.System, group, new(), Ct))).Value.Group;

        /// <summary>The id of the group of all persons.</summary>
        public Task<Guid> EveryoneAsync() => org.App.QueryAsync(
            db =>
                db.Groups.Where(g => g.OrganizationId == org.Id && g.SystemKind == SystemGroup.Everyone)
                    .Select(g => g.Id).SingleAsync(Ct));

        public async Task<Role> RoleAsync(string name, params string[] permissions) =>
            (await org.App.WithAsync<RoleService, Result<Role>>(s =>
                s.CreateAsync(org.System, name, "", permissions, Ct))).Value;
    }
}
