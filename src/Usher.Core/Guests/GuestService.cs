using Usher.Core.Invitations;
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

namespace Usher.Core.Guests;

/// <summary>
/// Operations of an invited person: view, join, accept, decline and request a new link. Viewing a link does not use it
/// up.
/// </summary>
public sealed partial class GuestService(
    UsherDb db, Database database, InvitationMails mails, PasswordService passwords, SessionService sessions,
    AccountTakeover takeover,
    GuessLimits limits, TimeProvider clock)
{
    /// <summary>
    /// The maximum number of submissions of an organization's handed-over links per day that may reveal that an address
    /// has an account.
    /// </summary>
    public const int MaxDisclosuresADay = 20;

    /// <summary>
    /// The minimum time between two mails of an invitation requested by guests. Until then, the link in the last mail
    /// works.
    /// </summary>
    public static readonly TimeSpan BetweenMails = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The minimum time between two notifications of the administrators about an invitation at a guest's request.
    /// </summary>
    public static readonly TimeSpan BetweenRequests = TimeSpan.FromDays(1);

    /// <summary>Returns what a link shows to its holder. Changes nothing.</summary>
    public async Task<Offer> LookAsync(InvitationLink link, Guid? signedInUser, CancellationToken ct) =>
        await FindAsync(link, ct) is { } found
            ? await DescribeAsync(found, signedInUser, ct)
            : new(OfferState.Unknown, Viewer.NewPerson);

    /// <summary>
    /// A new person joins. One commit creates the account, accepts the invitation and starts a session. With
    /// <see cref="NewPerson.TakeOver"/>, an existing account that never proved the address becomes this person's
    /// account.
    /// </summary>
    /// <returns>The joined organization and the session. A repeated call by the same person with the same password
    /// succeeds again. Errors: <c>must_sign_in</c> if the address has an account, <c>account_unproven</c> if it has one
    /// that could be taken over, <c>invitation_…</c> if the invitation has ended, and <c>too_many_account_checks</c>
    /// after <see cref="MaxDisclosuresADay"/> submissions of the organization's handed-over links for addresses that
    /// have an account.</returns>
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
        // Above the limit every submission is refused. Otherwise success or refusal would reveal whether there is an
        // account.
        var handedOver = !before.Used.ProvesAddress;
        if (handedOver && await DisclosuresAsync(before.Organization.Id, ct) >= MaxDisclosuresADay)
            return InvitationErrors.TooManyDisclosures;
        if (!(await passwords.HashAsync(person.Password, ct)).TryGet(out var hash, out var busy)) return busy;

        var joined = await (
            person.TakeOver ? database.RunLockedAsync(OnceAsync, ct) : database.RunAsync(OnceAsync, ct));
        // Concurrent submissions of the same form: all but one find that this person has already accepted, or that the
        // account now exists.
        if (await RepeatedAsync(joined, link, person.Password, device, ct) is { } again) return again;
        return handedOver && joined.Error?.Is(InvitationErrors.MustSignIn) is true
            ? await DiscloseAsync(before, ct)
            : joined;

        async Task<Result<Joined>> OnceAsync(Unit unit)
        {
            if (await FindAsync(unit, link, ct) is not { } found) return InvitationErrors.LinkUnknown;
            if (found.Invitation.Status is InvitationStatus.Accepted) return InvitationErrors.Ended(OfferState.Used);
            // Checked first, so that no account is signed in or taken over for an invitation that has ended.
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
            // An unknown person may have chosen the existing names, time zone and language.
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
    /// Accepts an invitation with a mailed link and the password of the account that has the address but never proved
    /// it. This proves the address. Nothing else about the account changes. A session is not enough, because it does
    /// not include the password.
    /// </summary>
    /// <returns>The joined organization and the session. A repeated call succeeds again. Errors:
    /// <c>credentials_wrong</c>, <c>must_sign_in</c> if the address is already proven or the link was handed over, and
    /// <c>invitation_…</c> if the invitation has ended.</returns>
    public async Task<Result<Joined>> ProveAsync(
        InvitationLink link, string password, string? device, CancellationToken ct)
    {
        if (await FindAsync(link, ct) is not { } before) return InvitationErrors.LinkUnknown;
        if (before.Invitation.Status is InvitationStatus.Accepted)
            return await RepeatAsync(before, password, device, ct);
        if (!IsOpen(before, clock.Now(), out var ended)) return InvitationErrors.Ended(ended);
        if (!before.Used.ProvesAddress) return InvitationErrors.MustSignIn;
        var address = before.Member.Identifier;
        var account = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Email == address, ct);
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
            // The account was taken over or its password was changed since the check.
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

    /// <summary>Accepts an invitation as the signed-in person it is for. A repeated call succeeds again.</summary>
    /// <returns>The joined organization, without a new session. Errors: <c>invitation_not_yours</c> for another
    /// account, and <c>account_unproven</c> if the link was mailed and the account never proved its address (see
    /// <see cref="ProveAsync"/>).</returns>
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
            // On a retry: the account was taken over since the first attempt, which ended the session.
            if ((stamp ??= user.SecurityStamp) != user.SecurityStamp) return InvitationErrors.NotYours;
            if (user.EmailProvedAt is null && Proves(found, clock.Now())) return InvitationErrors.AccountUnproven;
            return await AcceptAsync(unit, found, accounts, userId, () => Task.FromResult(Known(user)), ct);
        }, ct);

        (User, SignedIn?) Known(User user)
        {
            if (user.EmailProvedAt is not null) return (user, null);
            // A concurrent takeover must either see this membership or be refused.
            db.Attach(user);
            user.Stamp();
            return (user, null);
        }
    }

    /// <summary>Declines an invitation and removes the invited member.</summary>
    /// <returns>The declined offer. Errors: <c>already_joined</c> for a member who is already active without a user
    /// account, such as an organization's owner. There is nothing to decline.</returns>
    public Task<Result<Offer>> DeclineAsync(InvitationLink link, CancellationToken ct) =>
        database.RunAsync<Result<Offer>>(async unit =>
        {
            if (await FindAsync(link, ct) is not { } found) return InvitationErrors.LinkUnknown;
            var now = clock.Now();
            if (StateOf(found, now) is not (OfferState.Open or OfferState.Blocked or OfferState.Expired) and var state)
                return InvitationErrors.Ended(state);
            if (await TrackAsync(unit, found, ct) is not { } graph) return InvitationErrors.LinkUnknown; // retried
            if (found.Member.Status is not MemberStatus.Invited) return InvitationErrors.AlreadyJoined;
            var actor = Actor.System(found.Organization.Id);
            found.Invitation.End(InvitationStatus.Declined, now);
            MemberService.EndMembership(unit, graph.Organization, found.Member, actor, EventTypes.MemberRemoved, now);
            unit.Add(UsherEvent.Record(
                EventTypes.InvitationDeclined, actor, "invitation", found.Invitation.Id, now,
                new() { ["email"] = found.Member.Identifier }));
            return await DescribeAsync(found, null, ct);
        }, ct);

    /// <param name="IsMember">Whether the user already is a live member of the organization through another membership
    /// than the invited one.</param>
    private sealed record Account(User User, bool IsMember);

    // The account with the invited address and the account that is signed in.
    private Task<List<Account>> AccountsAsync(Found found, Guid? signedInUser, CancellationToken ct)
    {
        var (organization, member, email) = (found.Organization.Id, found.Member.Id, found.Member.Identifier);
        return db.Users.AsNoTracking().Where(u => u.Email == email || u.Id == signedInUser)
            .Select(u =>
                new Account(
                    u,
                    db.Members.Any(m =>
                        m.OrganizationId == organization && m.UserId == u.Id && m.Id != member
                            && m.Status != MemberStatus.Removed))).ToListAsync(ct);
    }

    // The rule for joining, for new and existing users. Nothing is changed before the last check. The account is
    // created, proven or taken over after it.
    private async Task<Result<Joined>> AcceptAsync(
        Unit unit, Found found, List<Account> accounts, Guid? userId, Func<Task<(User User, SignedIn? Session)>> person,
        CancellationToken ct)
    {
        var now = clock.Now();
        if (!IsOpen(found, now, out var state)) return InvitationErrors.Ended(state);
        if (await TrackAsync(unit, found, ct) is not { } graph) return InvitationErrors.LinkUnknown; // retried
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

    // Nothing is granted or removed. The administrators decide; a daily mail notifies them.
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

    // Reads and tracks the member and its sponsor with everything they hold. If what was found before has changed, the
    // operation is retried.
    private static async Task<AccessGraph?> TrackAsync(Unit unit, Found found, CancellationToken ct)
    {
        var graph = await AccessGraph.ReadAsync(
            unit, new(found.Organization.Id) { MemberIds = [found.Member.Id, found.Member.SponsorId] }, ct);
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

    // The refusals that a second acceptance of the same invitation can meet.
    private static readonly Error[] SecondAcceptance =
    [
        InvitationErrors.Ended(OfferState.Used), InvitationErrors.MustSignIn, InvitationErrors.AccountUnproven,
        SessionService.Wrong,
    ];

    // If the operation found that the same person has accepted in the meantime, returns the result of the first
    // acceptance. Otherwise null.
    private async Task<Result<Joined>?> RepeatedAsync(
        Result<Joined> joined, InvitationLink link, string password, string? device, CancellationToken ct) =>
        joined.Error is { } error && SecondAcceptance.Any(error.Is)
        && await FindAsync(link, ct) is { Invitation.Status: InvitationStatus.Accepted } after
            ? await RepeatAsync(after, password, device, ct)
            : (Result<Joined>?)null;

    // A person who joined with this link submits it again with the password: returns the same result, with a session
    // for this browser.
    private async Task<Result<Joined>> RepeatAsync(Found found, string password, string? device, CancellationToken ct)
    {
        var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Id == found.Invitation.AcceptedBy, ct);
        if (user?.Email != found.Member.Identifier || !found.Member.IsLive)
            return InvitationErrors.Ended(OfferState.Used);
        var again = await sessions.SignInAsync(user, password, device, ct);
        if (again.TryGet(out var session, out var refused)) return new Joined(found.Organization.Name, session);
        return refused.Kind is ErrorKind.TooMany ? refused : InvitationErrors.Ended(OfferState.Used);
    }
}
