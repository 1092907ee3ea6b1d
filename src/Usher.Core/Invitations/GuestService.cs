using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Limits;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Sessions;
using Usher.Core.Users;

namespace Usher.Core.Invitations;

/// <summary>
/// What an invited person does himself: looks, joins, accepts, declines, asks. Looking never spends anything.
/// </summary>
public sealed partial class GuestService(
    UsherDb db, Database database, InvitationMails mails, PasswordService passwords, SessionService sessions,
    AccountTakeover takeover,
    GuessLimits limits, TimeProvider clock)
{
    /// <summary>
    /// How many submissions of an organization's handed-over links may learn within a day that an address has an
    /// account.
    /// </summary>
    public const int MaxDisclosuresADay = 20;

    /// <summary>
    /// A guest's request mails an invitation again only so long after its last mail: until then the mail that is out
    /// opens it.
    /// </summary>
    public static readonly TimeSpan BetweenMails = TimeSpan.FromMinutes(5);

    /// <summary>A guest's request tells the administrators about an invitation at most once in this time.</summary>
    public static readonly TimeSpan BetweenRequests = TimeSpan.FromDays(1);

    /// <summary>What a link shows to whoever holds it. Changes nothing.</summary>
    public async Task<Offer> LookAsync(InvitationLink link, Guid? signedInUser, CancellationToken ct) =>
        await FindAsync(link, ct) is { } found
            ? await DescribeAsync(found, signedInUser, ct)
            : new(OfferState.Unknown, Viewer.NewPerson);

    /// <summary>
    /// A new person joins: the account is made, the invitation accepted and a session begun, in one commit. With
    /// <see cref="NewPerson.TakeOver"/>, an account that has the address and never proved it becomes this person's.
    /// </summary>
    /// <returns> The same person repeating it, with the same password, gets the same answer again. Refused with
    /// <c>must_sign_in</c> when there is an account for the address, with <c>account_unproven</c> when there is one
    /// that could be taken over, with <c>invitation_…</c> for an invitation that has ended, and with
    /// <c>too_many_account_checks</c> after <see cref="MaxDisclosuresADay"/> handed-over links of the organization were
    /// submitted for addresses that have an account. </returns>
    public async Task<Result<Joined>> JoinAsync(
        InvitationLink link, NewPerson person, string? device, CancellationToken ct)
    {
        if (await FindAsync(link, ct) is not { } before) return InvitationErrors.LinkUnknown;
        if (!Text.IsName(person.FirstName)) return InvitationErrors.FirstNameInvalid;
        if (Text.Name(person.FirstName).Length is 0) return InvitationErrors.FirstNameMissing;
        if (!Text.IsName(person.LastName)) return InvitationErrors.LastNameInvalid;
        if (before.Invitation.Status is InvitationStatus.Accepted)
            return await RepeatAsync(before, person.Password, device, ct);
        if (PasswordRules.Check(person.Password, before.Member.Identifier) is { } weak) return weak;
        // Every submission is refused then: one that still joined would tell as much as one that is refused.
        var handedOver = !before.Used.ProvesAddress;
        if (handedOver && await DisclosuresAsync(before.Organization.Id, ct) >= MaxDisclosuresADay)
            return InvitationErrors.TooManyDisclosures;
        if (!(await passwords.HashAsync(person.Password, ct)).TryGet(out var hash, out var busy)) return busy;

        var joined = await (
            person.TakeOver ? database.RunLockedAsync(OnceAsync, ct) : database.RunAsync(OnceAsync, ct));
        // A double click, or thirty: the others find it accepted, by this very person, or the account made since they
        // looked.
        if (await RepeatedAsync(joined, link, person.Password, device, ct) is { } again) return again;
        return handedOver && joined.Error == InvitationErrors.MustSignIn ? await DiscloseAsync(before, ct) : joined;

        async Task<Result<Joined>> OnceAsync(Unit unit)
        {
            if (await FindAsync(unit, link, ct) is not { } found) return InvitationErrors.LinkUnknown;
            if (found.Invitation.Status is InvitationStatus.Accepted) return InvitationErrors.Ended(OfferState.Used);
            // Judged before anything is asked of the person: nobody signs in, or takes an account over, for an
            // invitation that has ended.
            if (!IsOpen(found, clock.Now(), out var state)) return InvitationErrors.Ended(state);
            await unit.LockAccountAsync(found.Member.Identifier, ct);
            var accounts = await AccountsAsync(found, signedInUser: null, ct);
            if (accounts is [])
                return await AcceptAsync(
                    unit, found, accounts, userId: null, () => Task.FromResult(MakeAccount(unit, found)), ct);
            var user = accounts[0].User;
            if (user.EmailProvedAt is not null || !found.Used.ProvesAddress) return InvitationErrors.MustSignIn;
            if (!person.TakeOver) return InvitationErrors.AccountUnproven;
            return await AcceptAsync(unit, found, accounts, user.Id, () => TakeOverAsync(unit, found, user), ct);
        }

        (User, SignedIn?) MakeAccount(Unit unit, Found found)
        {
            var now = clock.Now();
            var user = unit.Add(User.Create(
                found.Member.Identifier, found.Used.ProvesAddress, Text.Name(person.FirstName),
                Text.Name(person.LastName), hash, now));
            return (user, BeginSession(unit, found, user, now));
        }

        async Task<(User, SignedIn?)> TakeOverAsync(Unit unit, Found found, User user)
        {
            db.Attach(user);
            await takeover.ApplyAsync(unit, user, hash, ct);
            // Names, zone and language may be anybody's choice so far.
            (user.FirstName, user.LastName, user.TimeZone, user.Locale) =
                (Text.Name(person.FirstName), Text.Name(person.LastName), null, null);
            return (user, BeginSession(unit, found, user, clock.Now()));
        }

        SignedIn BeginSession(Unit unit, Found found, User user, DateTimeOffset now)
        {
            user.LastSignInAt = now;
            (found.Member.FirstName, found.Member.LastName) = (user.FirstName, user.LastName);
            return SessionService.Add(unit, user, device, now);
        }
    }

    /// <summary>
    /// The holder of a mailed link also knows the password of the account that has the address and never proved it: the
    /// address is proven with this, and the invitation accepted. Nothing else about the account changes. A session
    /// alone does not do, as the password does not come with it.
    /// </summary>
    /// <returns> Repeating it gives the same answer. Refused with <c>credentials_wrong</c>, with <c>must_sign_in</c>
    /// when the address is proven already or the link was handed over, with <c>invitation_…</c> for an invitation that
    /// has ended. </returns>
    public async Task<Result<Joined>> ProveAsync(
        InvitationLink link, string password, string? device, CancellationToken ct)
    {
        if (await FindAsync(link, ct) is not { } before) return InvitationErrors.LinkUnknown;
        if (before.Invitation.Status is InvitationStatus.Accepted)
            return await RepeatAsync(before, password, device, ct);
        if (!IsOpen(before, clock.Now(), out var ended)) return InvitationErrors.Ended(ended);
        if (!before.Used.ProvesAddress) return InvitationErrors.MustSignIn;
        var address = before.Member.Identifier;
        var account = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.NormalizedEmail == address, ct);
        if (account?.EmailProvedAt is not null) return InvitationErrors.MustSignIn;
        if (!(await sessions.CheckAsync(account, address, password, ct)).TryGet(out var known, out var refused))
            return refused;

        var joined = await database.RunAsync<Result<Joined>>(async unit =>
        {
            if (await FindAsync(unit, link, ct) is not { } found) return InvitationErrors.LinkUnknown;
            if (found.Invitation.Status is InvitationStatus.Accepted) return InvitationErrors.Ended(OfferState.Used);
            if (!IsOpen(found, clock.Now(), out var state)) return InvitationErrors.Ended(state);
            await unit.LockAccountAsync(address, ct);
            var accounts = await AccountsAsync(found, signedInUser: null, ct);
            // Taken over, or given another password, since it was checked.
            if (accounts is not [{ User: var user }] || user.SecurityStamp != known.SecurityStamp)
                return SessionService.Wrong;
            if (user.EmailProvedAt is not null) return InvitationErrors.MustSignIn;
            return await AcceptAsync(unit, found, accounts, user.Id, () => Task.FromResult(Prove(unit, user)), ct);
        }, ct);
        return await RepeatedAsync(joined, link, password, device, ct) ?? joined;

        (User, SignedIn?) Prove(Unit unit, User user)
        {
            var now = clock.Now();
            db.Attach(user);
            user.Prove(address, now);
            user.LastSignInAt = now;
            unit.Add(UsherEvent.Record(
                EventTypes.UserAddressProven, Actor.System(Organization.Installation), "user", user.Id, now,
                new() { ["email"] = address }));
            return (user, SessionService.Add(unit, user, device, now));
        }
    }

    /// <summary>The invited person, signed in, accepts. Repeating it gives the same answer.</summary>
    /// <returns> Refused with <c>invitation_not_yours</c> for another account, and with <c>account_unproven</c> when
    /// the link was mailed and the account never proved its address: see <see cref="ProveAsync"/>. </returns>
    public Task<Result<Joined>> AcceptAsync(InvitationLink link, Guid userId, CancellationToken ct)
    {
        string? stamp = null;
        return database.RunAsync<Result<Joined>>(async unit =>
        {
            if (await FindAsync(unit, link, ct) is not { } found) return InvitationErrors.LinkUnknown;
            if (found.Invitation is { Status: InvitationStatus.Accepted } done)
            {
                return done.AcceptedBy == userId && found.Member.IsLive
                    ? new Joined(found.Organization.Name, null)
                    : InvitationErrors.Ended(OfferState.Used);
            }

            var accounts = await AccountsAsync(found, userId, ct);
            if (accounts.Find(a => a.User.Id == userId) is not { User: var user } || !HasAddress(found, user))
                return InvitationErrors.NotYours;
            // In a second run: the account was taken over since the first, and with that the session has ended.
            if ((stamp ??= user.SecurityStamp) != user.SecurityStamp) return InvitationErrors.NotYours;
            if (user.EmailProvedAt is null && Proves(found, clock.Now())) return InvitationErrors.AccountUnproven;
            return await AcceptAsync(unit, found, accounts, userId, () => Task.FromResult(Known(user)), ct);
        }, ct);

        (User, SignedIn?) Known(User user)
        {
            if (user.EmailProvedAt is not null) return (user, null);
            // A takeover at the same time must either see this membership or refuse it.
            db.Attach(user);
            user.Stamp();
            return (user, null);
        }
    }

    /// <summary>The person does not want to join: the membership offered is removed.</summary>
    /// <returns>Refused with <c>already_joined</c> for somebody who is a member without having a sign-in yet, an
    /// organization's owner say: nothing is offered to him.</returns>
    public Task<Result<Offer>> DeclineAsync(InvitationLink link, CancellationToken ct) =>
        database.RunAsync<Result<Offer>>(async unit =>
    {
        if (await FindAsync(link, ct) is not { } found) return InvitationErrors.LinkUnknown;
        var now = clock.Now();
        if (StateOf(found, now) is not (OfferState.Open or OfferState.Blocked or OfferState.Expired) and var state)
            return InvitationErrors.Ended(state);
        if (await TrackAsync(unit, found, ct) is not { } graph) return InvitationErrors.LinkUnknown; // it runs again
        if (found.Member.Status is not MemberStatus.Invited) return InvitationErrors.AlreadyJoined;
        var actor = Actor.System(found.Organization.Id);
        found.Invitation.End(InvitationStatus.Declined, now);
        MemberService.EndMembership(unit, graph.Organization, found.Member, actor, EventTypes.MemberRemoved, now);
        unit.Add(UsherEvent.Record(
            EventTypes.InvitationDeclined, actor, "invitation", found.Invitation.Id, now,
            new() { ["email"] = found.Member.Identifier }));
        return await DescribeAsync(found, null, ct);
    }, ct);

    /// <param name="IsMember">Whether he is a live member of the organization already, not by what the invitation
    /// offers.</param>
    private sealed record Account(User User, bool IsMember);

    // The account that has the invited address, and the one that is signed in.
    private Task<List<Account>> AccountsAsync(Found found, Guid? signedInUser, CancellationToken ct)
    {
        var (organization, member, email) = (found.Organization.Id, found.Member.Id, found.Member.Identifier);
        return db.Users.AsNoTracking().Where(u => u.NormalizedEmail == email || u.Id == signedInUser)
            .Select(u =>
                new Account(
                    u,
                    db.Members.Any(m =>
                        m.OrganizationId == organization && m.UserId == u.Id && m.Id != member
                            && m.Status != MemberStatus.Removed))).ToListAsync(ct);
    }

    // The rule of joining, for new and known people alike. Nothing is touched before the last refusal; what makes,
    // proves or takes over the account comes after it.
    private async Task<Result<Joined>> AcceptAsync(
        Unit unit, Found found, List<Account> accounts, Guid? userId, Func<Task<(User User, SignedIn? Session)>> person,
        CancellationToken ct)
    {
        var now = clock.Now();
        if (!IsOpen(found, now, out var state)) return InvitationErrors.Ended(state);
        if (await TrackAsync(unit, found, ct) is not { } graph) return InvitationErrors.LinkUnknown; // it runs again
        if (found.Member is not { Status: MemberStatus.Invited or MemberStatus.Active, UserId: null })
            return InvitationErrors.Ended(OfferState.Superseded);
        if (!graph.SponsorStands(found.Member)) return Block(unit, found, now);

        if (accounts.Exists(a => a.User.Id == userId && a.IsMember)) return InvitationErrors.AlreadyJoined;
        var (user, session) = await person();
        var actor = Actor.Of(found.Member);
        found.Invitation.Accept(user.Id, now);
        found.Member.Join(user.Id, now);
        unit.Add(UsherEvent.Record(
            EventTypes.InvitationAccepted, actor, "invitation", found.Invitation.Id, now,
            new() { ["email"] = found.Member.Identifier }));
        unit.Add(UsherEvent.Record(
            EventTypes.MemberJoined, actor, "member", found.Member.Id, now,
            new() { ["email"] = found.Member.Identifier }));
        return new Joined(found.Organization.Name, session);
    }

    // Nothing is given and nothing is removed. The administrators decide; a daily mail tells them.
    private static Error Block(Unit unit, Found found, DateTimeOffset now)
    {
        if (found.Invitation.BlockedAt is not null) return InvitationErrors.SponsorLostRight;
        found.Invitation.Block(now);
        unit.KeepsRefusal = true;
        unit.Add(UsherEvent.Record(
            EventTypes.InvitationBlocked, Actor.System(found.Organization.Id), "invitation", found.Invitation.Id, now,
            new() { ["email"] = found.Member.Identifier, ["sponsor"] = found.Member.SponsorName },
            cause: InvitationErrors.SponsorLostRight.Code));
        return InvitationErrors.SponsorLostRight;
    }

    private async Task<bool> StandsAsync(Found found, CancellationToken ct) =>
        await AccessGraph.ReadAsync(
            db, new(found.Organization.Id) { MemberIds = [found.Member.Id, found.Member.SponsorId] }, ct) is { } graph
        && graph.Member(found.Member.Id) is { } member && graph.SponsorStands(member);

    // The member with all he holds, tracked, and his sponsor with all he holds. What was found before must still be so;
    // else the operation runs again.
    private async Task<AccessGraph?> TrackAsync(Unit unit, Found found, CancellationToken ct)
    {
        var graph = await AccessGraph.ReadAsync(
            db, new(found.Organization.Id) { MemberIds = [found.Member.Id, found.Member.SponsorId] }, ct);
        var member = graph?.Member(found.Member.Id);
        var invitation = member?.Invitations.Find(i => i.Id == found.Invitation.Id);
        if (graph is null || member is null || invitation?.Version != found.Invitation.Version)
        {
            unit.LoseRace();
            return null;
        }


        graph.Track(unit, [member.Identifier]);
        found.Take(member, invitation);
        return graph;
    }

    // The same answer as the first time, where an operation found that its person had accepted meanwhile; null: nothing
    // of that kind.
    private async Task<Result<Joined>?> RepeatedAsync(
        Result<Joined> joined, InvitationLink link, string password, string? device, CancellationToken ct) =>
        joined.Error?.Code is "invitation_used" or "must_sign_in" or "credentials_wrong" or "account_unproven"
        && await FindAsync(link, ct) is { Invitation.Status: InvitationStatus.Accepted } after
            ? await RepeatAsync(after, password, device, ct)
            : (Result<Joined>?)null;

    // The person who joined with this link comes again with the password: the same answer as the first time, and a
    // session for this browser.
    private async Task<Result<Joined>> RepeatAsync(Found found, string password, string? device, CancellationToken ct)
    {
        var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Id == found.Invitation.AcceptedBy, ct);
        if (user?.NormalizedEmail != found.Member.Identifier || !found.Member.IsLive)
            return InvitationErrors.Ended(OfferState.Used);
        var again = await sessions.SignInAsync(user, password, device, ct);
        if (again.TryGet(out var session, out var refused)) return new Joined(found.Organization.Name, session);
        return refused.Kind is ErrorKind.TooMany ? refused : InvitationErrors.Ended(OfferState.Used);
    }

    // A link that was handed over was submitted for an address that has an account. Each is recorded, and counted over
    // all nodes.
    private Task<Result<Joined>> DiscloseAsync(Found found, CancellationToken ct) =>
        database.RunLockedAsync<Result<Joined>>(async unit =>
    {
        var (organization, now) = (found.Organization.Id, clock.Now());
        await unit.LockAsync(organization, [], [], organizationToo: true, ct);
        if (await DisclosuresAsync(organization, ct) >= MaxDisclosuresADay) return InvitationErrors.TooManyDisclosures;
        unit.KeepsRefusal = true;
        unit.Add(UsherEvent.Record(
            EventTypes.InvitationAccountDisclosed, Actor.System(organization), "organization", organization, now,
            new() { ["email"] = found.Member.Identifier, ["invitation"] = found.Invitation.Id.ToString() }));
        return InvitationErrors.MustSignIn;
    }, ct);

    private Task<int> DisclosuresAsync(Guid organization, CancellationToken ct)
    {
        var yesterday = clock.Now().AddDays(-1);
        return db.Events.CountAsync(
            e =>
                e.OrganizationId == organization && e.SubjectId == organization
                    && e.Type == EventTypes.InvitationAccountDisclosed
                && e.OccurredAt > yesterday, ct);
    }
}
