using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Rules;

/// <summary>
/// What the stories about the core are told in. Links are minted instead of mailed: how mail travels has its own tests.
/// </summary>
internal static class Steps
{
    public static readonly InviteOptions RefuseSecond = new(
        OnPending.Refuse, OnActive.Refuse, OnRemoved.New, SendMail: true, UnknownReferences.Refuse);
    public static readonly InviteOptions Refresh = new(
        OnPending.Refresh, OnActive.Refuse, OnRemoved.Revive, SendMail: true, UnknownReferences.Refuse);

    public static readonly InviteOptions AtOnce = Refresh with { SendMail = false, ActivateAtOnce = true };

    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>An address nobody else uses: users are the whole installation's.</summary>
    public static string NewEmail(string name) => $"{name}.{Guid.NewGuid().ToString("N")[..10]}@example.test";

    /// <summary>Does the same thing many times at once.</summary>
    public static Task<T[]> AtOnceAsync<T>(int times, Func<int, Task<T>> work) =>
        Task.WhenAll(Enumerable.Range(0, times).Select(i => Task.Run(() => work(i))));

    extension(UsherApp app)
    {
        public Task<Offer> LookAsync(InvitationLink link, Guid? user = null) =>
            app.WithAsync<GuestService, Offer>(s => s.LookAsync(link, user, Ct));

        public Task<Result<Joined>> JoinAsync(
            InvitationLink link, string password = TestOrganization.Password, string firstName = "Ada") =>
            app.WithAsync<GuestService, Result<Joined>>(s =>
                s.JoinAsync(link, new(firstName, "Lovelace", password), "a browser", Ct));

        /// <summary>The holder of a mailed link knows the password of the unproven account.</summary>
        public Task<Result<Joined>> ProveAsync(InvitationLink link, string password = TestOrganization.Password) =>
            app.WithAsync<GuestService, Result<Joined>>(s => s.ProveAsync(link, password, "a browser", Ct));

        /// <summary>The holder of a mailed link does not, and sets a new one.</summary>
        public Task<Result<Joined>> TakeOverAsync(InvitationLink link, string password = "Ada's own password") =>
            app.WithAsync<GuestService, Result<Joined>>(s =>
                s.JoinAsync(link, new("Ada", "Lovelace", password) { TakeOver = true }, "a browser", Ct));

        public Task<Result<Joined>> AcceptAsync(InvitationLink link, Guid user) =>
            app.WithAsync<GuestService, Result<Joined>>(s => s.AcceptAsync(link, user, Ct));

        public Task<Result<Offer>> DeclineAsync(InvitationLink link) =>
            app.WithAsync<GuestService, Result<Offer>>(s => s.DeclineAsync(link, Ct));

        public Task<Result<Offer>> AskForNewAsync(InvitationLink link) =>
            app.WithAsync<GuestService, Result<Offer>>(s => s.AskForNewAsync(link, Ct));

        public Task<Result<SignedIn>> SignInAsync(string email, string password = TestOrganization.Password) =>
            app.WithAsync<SessionService, Result<SignedIn>>(s => s.SignInAsync(email, password, null, Ct));

        /// <summary>The account of an address; null: there is none.</summary>
        public Task<User?> AccountAsync(string email) =>
            app.QueryAsync(db => db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Email == email, Ct));

        public Task<SessionUser?> FindSessionAsync(string secret) =>
            app.WithAsync<SessionService, SessionUser?>(s => s.FindAsync(secret, Ct));

        public Task<Result<Member>> AgreeAsync(Guid user, Guid member) =>
            app.WithAsync<MembershipService, Result<Member>>(s => s.AgreeAsync(user, member, Ct));

        public Task<IReadOnlyList<OwnMembership>> OffersAsync(Guid user) =>
            app.WithAsync<MembershipService, IReadOnlyList<OwnMembership>>(s => s.OffersAsync(user, Ct));

        /// <summary>Changes rows directly, as an operation not built yet would.</summary>
        public Task<bool> ChangeAsync(Func<UsherDb, Task> change) => app.WriteAsync(async unit =>
        {
            await change(unit.Db);
            return true;
        }, Ct);
    }

    extension(TestOrganization org)
    {
        /// <summary>The owner, as his requests act.</summary>
        public Actor Owner =>
            new(ActorKind.Member, org.Created.Owner.Id, "Olivia Owner", org.Id, EffectiveAccess.Everything);

        public async Task<Result<Invited>> TryInviteAsync(
            string email, Func<NewInvitation, NewInvitation>? change = null, Actor? by = null,
            InviteOptions? how = null)
        {
            var row = new NewInvitation(email)
            {
                FirstName = "Ada", LastName = "Lovelace", Permissions = [], Groups = [],
            };
            return (await org.TryInviteAsync([change?.Invoke(row) ?? row], by, how))[0];
        }

        public Task<IReadOnlyList<Result<Invited>>> TryInviteAsync(
            IReadOnlyList<NewInvitation> rows, Actor? by = null, InviteOptions? how = null) =>
            org.App.WithAsync<InvitationService, IReadOnlyList<Result<Invited>>>(s =>
                s.InviteAsync(by ?? org.System, rows, how ?? RefuseSecond, Ct));

        public Task<Result<Member>> ResendAsync(Actor by, Member member) =>
            org.App.WithAsync<InvitationService, Result<Member>>(s => s.ResendAsync(by, member.Id, Ct));

        public Task<Result<Member>> RemoveAsync(Actor by, Guid member) =>
            org.App.WithAsync<MemberService, Result<Member>>(s => s.RemoveAsync(by, member, Ct));

        /// <summary>Changes one member through the core.</summary>
        public Task<Result<MemberSelection>> UpdateAsync(
            Actor by, Guid member, MemberChange change, MemberUpdateOptions? how = null) =>
            org.UpdateAsync(by, [new(Id: member)], change, how);

        public Task<Result<MemberSelection>> UpdateAsync(
            Actor by, IReadOnlyList<MemberKey> members, MemberChange change, MemberUpdateOptions? how = null) =>
            org.App.WithAsync<MemberService, Result<MemberSelection>>(s =>
                s.UpdateAsync(by, members, change, how ?? new(UnknownReferences.Refuse), Ct));

        public Task<Result<GroupView>> UpdateGroupAsync(Actor by, Guid group, GroupChange change) =>
            org.App.WithAsync<GroupService, Result<GroupView>>(s => s.UpdateAsync(by, group, change, new(), Ct));

        public Task<Result<GroupView>> DeleteGroupAsync(Actor by, Guid group) =>
            org.App.WithAsync<GroupService, Result<GroupView>>(s => s.DeleteAsync(by, group, new(), Ct));

        public Task<Result<RoleSelection>> UpdateRoleAsync(Actor by, Guid role, RoleChange change) =>
            org.App.WithAsync<RoleService, Result<RoleSelection>>(s =>
                s.UpdateAsync(by, [role], change, MemberDetails.None, Ct));

        public Task<Result<RoleSelection>> DeleteRoleAsync(Actor by, Guid role) =>
            org.App.WithAsync<RoleService, Result<RoleSelection>>(s => s.DeleteAsync(by, role, MemberDetails.None, Ct));

        public Task<Result<Organization>> UpdateAsync(Actor by, OrganizationChange change) =>
            org.App.WithAsync<OrganizationService, Result<Organization>>(s => s.UpdateAsync(by, change, Ct));

        public Task<Result<MemberView>> CreateServiceAccountAsync(Actor by, NewServiceAccount given) =>
            org.App.WithAsync<ServiceAccountService, Result<MemberView>>(s =>
                s.CreateAsync(by, given, UnknownReferences.Refuse, MemberDetails.None, Ct));

        public Task<Result<CreatedApiKey>> CreateKeyAsync(
            Actor by, Guid member, bool readOnly = false, DateTimeOffset? expires = null) =>
            org.App.WithAsync<ApiKeyService, Result<CreatedApiKey>>(s =>
                s.CreateAsync(by, member, "key", readOnly, expires, Ct));

        public async Task<Group> CreateGroupAsync(NewGroup given) =>
            (await org.App.WithAsync<GroupService, Result<GroupView>>(s =>
                s.CreateAsync(org.System, given, new(), Ct))).Value.Group;

        public async Task<Role> CreateRoleAsync(string name, params string[] permissions) =>
            (await org.App.WithAsync<RoleService, Result<Role>>(s =>
                s.CreateAsync(org.System, name, "", permissions, Ct))).Value;

        /// <summary>The system group of that kind.</summary>
        public Task<Group> SystemGroupAsync(SystemGroup kind) =>
            org.App.QueryAsync(db =>
                db.Groups.AsNoTracking().SingleAsync(g => g.OrganizationId == org.Id && g.SystemKind == kind, Ct));

        public Task GiveAsync(Group group, string permission) =>
            org.App.ChangeAsync(
                async db => (await db.Groups.SingleAsync(g => g.OrganizationId == org.Id && g.Id == group.Id, Ct))
            .Give(Grant.Permission(permission), org.System, org.Created.Organization.CreatedAt));

        /// <summary>A link to a member's invitation, as if mailed to him, or handed over by hand.</summary>
        public async Task<InvitationLink> LinkAsync(Member member, bool mailed = true, Actor? sponsor = null)
        {
            return await org.App.WriteAsync(async unit =>
            {
                var its = await unit.Db.Members.Include(m => m.Invitations)
                    .SingleAsync(m => m.OrganizationId == org.Id && m.Id == member.Id, Ct);
                var organization = await unit.Db.Organizations.AsNoTracking().SingleAsync(o => o.Id == org.Id, Ct);
                its.SponsoredBy(sponsor ?? org.System);
                return org.App.Services.GetRequiredService<InvitationMails>().Mint(
                    unit, organization, its, provesAddress: mailed,
                    org.App.Services.GetRequiredService<TimeProvider>().Now());
            }, Ct);
        }

        /// <summary>Somebody invited, with his link.</summary>
        public async Task<(Member Member, InvitationLink Link)> GuestAsync(
            string email, Func<NewInvitation, NewInvitation>? change = null, Actor? by = null, bool mailed = true)
        {
            var member = (await org.TryInviteAsync(
                email, change, by, RefuseSecond with { SendMail = false })).Value.Member;
            return (member, await org.LinkAsync(member, mailed, by));
        }

        /// <summary>A member who is active without having joined, where an identity provider signs people in.</summary>
        public async Task<Member> OfferedAsync(string email, Func<NewInvitation, NewInvitation>? change = null) =>
            (await org.TryInviteAsync(email, change, how: AtOnce)).Value.Member;

        /// <summary>Somebody who joined, with a key.</summary>
        public async Task<TestMember> JoinedAsync(string email, Func<NewInvitation, NewInvitation>? change = null)
        {
            var (member, link) = await org.GuestAsync(email, change);
            var joined = (await org.App.JoinAsync(link)).Value;
            var key = (await org.CreateKeyAsync(org.System, member.Id)).Value.Secret;
            return new(await org.MemberAsync(member.Identifier), joined, key, org.ClientOf(key));
        }

        /// <summary>Somebody who may manage users and holds these permissions besides.</summary>
        public async Task<Actor> ManagerAsync(params string[] permissions)
        {
            var joined = await org.JoinedAsync(
                NewEmail("max"),
                row => row with { FirstName = "Max", Permissions = [Permissions.UserManagement, .. permissions] });
            return await org.ActorAsync(joined.Member);
        }

        /// <summary>A service account with these permissions, of which the system may give any.</summary>
        public async Task<Member> ServiceAccountAsync(params string[] permissions)
        {
            var member = (await org.CreateServiceAccountAsync(
                org.System, new(Guid.NewGuid().ToString("N")))).Value.Member;
            await org.App.ChangeAsync(async db =>
            {
                var its = await db.Members.SingleAsync(m => m.OrganizationId == org.Id && m.Id == member.Id, Ct);
                foreach (var permission in permissions) its.Give(permission, org.System, its.CreatedAt);
            });
            return member;
        }

        public Task<Organization> RowAsync() =>
            org.App.QueryAsync(db => db.Organizations.AsNoTracking().SingleAsync(o => o.Id == org.Id, Ct));

        public async Task<Invitation> InvitationAsync(InvitationLink link) =>
            (await org.App.QueryAsync(db =>
                db.Invitations.AsNoTracking().Include(i => i.LaterSecrets)
                    .SingleAsync(i => i.OrganizationId == org.Id && i.Id == link.InvitationId, Ct)))!;
    }
}
