using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Sessions;
using Usher.Core.Users;

namespace Usher.Core.Invitations;

/// <summary>What has become of an offer, as the holder of a link sees it.</summary>
public enum OfferState
{
    /// <summary>May be accepted or declined now.</summary>
    Open,

    /// <summary>No such invitation, or this is not its secret: nothing else is told.</summary>
    Unknown,

    Expired,
    Revoked,
    Declined,

    /// <summary>Accepted already.</summary>
    Used,

    /// <summary>A newer mail was sent; only that one opens.</summary>
    Replaced,

    /// <summary>He got in another way.</summary>
    Superseded,

    /// <summary>It waits for a decision by the organization's administrators, because its sponsor may no longer give what it gives. The same link works afterwards.</summary>
    Blocked,
}

/// <summary>Who looks at an offer.</summary>
public enum Viewer
{
    /// <summary>Nobody is signed in and the address has no account: he will make one.</summary>
    NewPerson,

    /// <summary>Nobody is signed in and the address has an account: he signs in first.</summary>
    MustSignIn,

    /// <summary>The person it was sent to is signed in.</summary>
    Invitee,

    /// <summary>Somebody else is signed in.</summary>
    SomebodyElse,
}

/// <summary>An invitation as its link's holder may see it.</summary>
public sealed record Offer(OfferState State, Viewer Viewer)
{
    public string OrganizationName { get; init; } = "";

    /// <summary>The address it was sent to.</summary>
    public string Email { get; init; } = "";

    public string FirstName { get; init; } = "";

    public string LastName { get; init; } = "";

    /// <summary>Who invites, by name; empty when it was the installation itself.</summary>
    public string SponsorName { get; init; } = "";

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When the mail went out that replaced this link; null unless <see cref="OfferState.Replaced"/>.</summary>
    public DateTimeOffset? NewerSentAt { get; init; }

    /// <summary>Who is signed in, when that is <see cref="Viewer.SomebodyElse"/>.</summary>
    public string? SignedInAs { get; init; }

    /// <summary>Whether "ask for a new one" leads anywhere: expired, or revoked because its sponsor lost the right.</summary>
    public bool CanAskForNew { get; init; }
}

/// <summary>Where a link points: <c>/join/{organization slug}/{invitation id}#{secret}</c>.</summary>
public sealed record InvitationLink(string OrganizationSlug, Guid InvitationId, string Secret);

/// <summary>What a new person says about himself.</summary>
/// <param name="FirstName">1 to 120 characters.</param>
/// <param name="LastName">0 to 120 characters.</param>
/// <param name="Password">12 to 256 characters, not one of the common ones.</param>
public sealed record NewPerson(string FirstName, string LastName, string Password);

/// <summary>He is in.</summary>
/// <param name="OrganizationName">Where.</param>
/// <param name="Session">His new session, when he was not signed in before; its secret goes into the cookie.</param>
public sealed record Joined(string OrganizationName, SignedIn? Session);

/// <summary>What an invited person does himself: looks, joins, accepts, declines, asks. Looking never spends anything.</summary>
public sealed class GuestService(UsherDb db, InvitationMails mails, PasswordService passwords, SessionService sessions, TimeProvider clock)
{
    /// <summary>What a link shows to whoever holds it. Changes nothing.</summary>
    public async Task<Offer> LookAsync(InvitationLink link, Guid? signedInUser, CancellationToken ct) =>
        await FindAsync(link, ct) is { } found ? await DescribeAsync(found, signedInUser, ct) : new(OfferState.Unknown, Viewer.NewPerson);

    /// <summary>A new person joins: his account is made, the invitation accepted and he is signed in, in one commit.</summary>
    /// <returns>
    /// The same person repeating it, with the password he chose, gets the same answer again. Refused with <c>must_sign_in</c> when there is an account for the
    /// address, with <c>invitation_…</c> for an invitation that has ended.
    /// </returns>
    public async Task<Result<Joined>> JoinAsync(InvitationLink link, NewPerson person, string? device, CancellationToken ct)
    {
        if (await FindAsync(link, ct) is not { } before) return InvitationErrors.LinkUnknown;
        if (!Text.IsName(person.FirstName)) return InvitationErrors.FirstNameInvalid;
        if (Text.Name(person.FirstName).Length is 0) return InvitationErrors.FirstNameMissing;
        if (!Text.IsName(person.LastName)) return InvitationErrors.LastNameInvalid;
        if (before.Invitation.Status is InvitationStatus.Accepted) return await RepeatAsync(before, person.Password, device, ct);
        if (PasswordRules.Check(person.Password, before.Member.Identifier) is { } weak) return weak;
        if (!(await passwords.HashAsync(person.Password, ct)).TryGet(out var hash, out var busy)) return busy;

        var joined = await db.RunAsync<Result<Joined>>(async () =>
        {
            if (await FindAsync(link, ct) is not { } found) return InvitationErrors.LinkUnknown;
            if (found.Invitation.Status is InvitationStatus.Accepted) return InvitationErrors.Ended(OfferState.Used);
            if (StateOf(found, clock.Now()) is not (OfferState.Open or OfferState.Blocked) and var state) return InvitationErrors.Ended(state); // nobody is made to sign in for that
            var accounts = await AccountsAsync(found, signedInUser: null, ct);
            if (accounts.Exists(a => IsInvitee(found, a.User))) return InvitationErrors.MustSignIn;
            return await AcceptAsync(found, accounts, () =>
            {
                var now = clock.Now();
                var user = User.Create(found.Member.Identifier, found.Newest.ProvesAddress, Text.Name(person.FirstName), Text.Name(person.LastName), hash, now);
                db.Add(user);
                user.LastSignInAt = now;
                (found.Member.FirstName, found.Member.LastName) = (user.FirstName, user.LastName);
                return (user, sessions.Add(user.Id, device, now));
            }, ct);
        }, ct);

        // A double click, or thirty: the others find it accepted, by the very person they are, or that person's account made since they looked.
        return joined.Error?.Code is "invitation_used" or "must_sign_in" && await FindAsync(link, ct) is { Invitation.Status: InvitationStatus.Accepted } after
            ? await RepeatAsync(after, person.Password, device, ct)
            : joined;
    }

    /// <summary>The person it was sent to, signed in, accepts. Repeating it gives the same answer.</summary>
    public Task<Result<Joined>> AcceptAsync(InvitationLink link, Guid userId, CancellationToken ct) => db.RunAsync<Result<Joined>>(async () =>
    {
        if (await FindAsync(link, ct) is not { } found) return InvitationErrors.LinkUnknown;
        if (found.Invitation is { Status: InvitationStatus.Accepted } done) return done.AcceptedBy == userId && found.Member.IsLive ? new Joined(found.Organization.Name, null) : InvitationErrors.Ended(OfferState.Used);
        var accounts = await AccountsAsync(found, userId, ct);
        if (accounts.Find(a => a.User.Id == userId) is not { User: var user } || !IsInvitee(found, user)) return InvitationErrors.NotYours;
        return await AcceptAsync(found, accounts, () => (user, null), ct);
    }, ct);

    /// <summary>The person does not want to join: the membership offered is removed.</summary>
    /// <returns>Refused with <c>already_joined</c> for somebody who is a member without having a sign-in yet, an organization's owner say: nothing is offered to him.</returns>
    public Task<Result<Offer>> DeclineAsync(InvitationLink link, CancellationToken ct) => db.RunAsync<Result<Offer>>(async () =>
    {
        if (await FindAsync(link, ct) is not { } found) return InvitationErrors.LinkUnknown;
        var now = clock.Now();
        if (StateOf(found, now) is not (OfferState.Open or OfferState.Blocked or OfferState.Expired) and var state) return InvitationErrors.Ended(state);
        var graph = await TrackAsync(found, ct);
        if (found.Member.Status is not MemberStatus.Invited) return InvitationErrors.AlreadyJoined;
        var actor = Actor.System(found.Organization.Id);
        found.Invitation.End(InvitationStatus.Declined, now);
        RemoveMember(graph, found.Member, actor, now);
        db.Add(UsherEvent.Record(EventTypes.InvitationDeclined, actor, "invitation", found.Invitation.Id, now, new() { ["email"] = found.Member.Identifier }));
        await db.SaveChangesAsync(ct);
        return await DescribeAsync(found, null, ct);
    }, ct);

    /// <summary>An expired link's holder gets a fresh mail; one whose sponsor lost the right is brought to the administrators' notice.</summary>
    public Task<Result<Offer>> AskForNewAsync(InvitationLink link, CancellationToken ct) => db.RunAsync<Result<Offer>>(async () =>
    {
        if (await FindAsync(link, ct) is not { } found) return InvitationErrors.LinkUnknown;
        var now = clock.Now();
        if (!CanAskForNew(found, now)) return InvitationErrors.Ended(StateOf(found, now));
        var actor = Actor.System(found.Organization.Id);
        if (StateOf(found, now) is OfferState.Expired)
        {
            var graph = await TrackAsync(found, ct);
            found.Sent(mails.Send(db, graph.Organization, found.Member, now));
            db.Add(UsherEvent.Record(EventTypes.InvitationSent, actor, "invitation", found.Invitation.Id, now, cause: "guest_asked"));
        }
        else
        {
            InvitationMails.TellAdmins(db, found.Organization, OutboxKind.InvitationRequested, await AdminsAsync(found.Organization.Id, ct), found.Member, found.Invitation.SponsorName, now);
            db.Add(UsherEvent.Record(EventTypes.InvitationRequested, actor, "member", found.Member.Id, now, new() { ["email"] = found.Member.Identifier }));
        }

        await db.SaveChangesAsync(ct);
        return await DescribeAsync(found, null, ct);
    }, ct);

    /// <summary>Mails their link to every place an address is a live member of without having joined. Tells nobody whether there was one.</summary>
    public async Task SendMyLinkAsync(string email, CancellationToken ct)
    {
        if (!EmailAddress.TryCanonical(email, out var canonical)) return;
        var places = await db.Members.AsNoTracking()
            .Where(m => m.Identifier == canonical && m.UserId == null && m.Kind == MemberKind.Person && (m.Status == MemberStatus.Invited || m.Status == MemberStatus.Active))
            .OrderBy(m => m.OrganizationId).Select(m => new { m.OrganizationId, m.Id }).Take(10).ToListAsync(ct);
        foreach (var place in places)
        {
            await db.RunAsync(async () =>
            {
                var graph = await AccessGraph.TrackAsync(db, new(place.OrganizationId) { MemberIds = [place.Id] }, ct);
                if (graph?.Member(place.Id) is not { IsLive: true, UserId: null } member || graph.Organization.SuspendedAt is not null) return false;
                var now = clock.Now();
                var invitation = mails.Send(db, graph.Organization, member, now);
                db.Add(UsherEvent.Record(EventTypes.InvitationSent, Actor.System(place.OrganizationId), "invitation", invitation.Id, now, cause: "guest_asked"));
                await db.SaveChangesAsync(ct);
                return true;
            }, ct);
            db.Forget();
        }
    }

    /// <summary>Whether a guest may be sent to an address after joining: only to origins the organization registered.</summary>
    public async Task<bool> MayReturnTo(InvitationLink link, string url, CancellationToken ct)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var target) || target.Scheme is not ("https" or "http") || target.UserInfo.Length > 0) return false;
        var origins = await db.Organizations.AsNoTracking().Where(o => o.Slug == link.OrganizationSlug).Select(o => o.ReturnOrigins).SingleOrDefaultAsync(ct);
        return origins?.Contains(target.GetLeftPart(UriPartial.Authority), StringComparer.OrdinalIgnoreCase) is true;
    }

    private sealed class Found(Organization organization, Invitation invitation, Member member, InvitationSecret used, InvitationSecret newest)
    {
        public Organization Organization => organization;

        public Invitation Invitation { get; private set; } = invitation;

        public Member Member { get; private set; } = member;

        public InvitationSecret Used => used;

        public InvitationSecret Newest { get; private set; } = newest;

        // From now on the tracked rows, which what follows will change.
        public void Take(Member tracked, Invitation its) => (Member, Invitation) = (tracked, its);

        // The secret just made replaces the one that is held.
        public void Sent(Invitation anew) => Newest = anew.Secrets[^1];
    }

    // By slug and id, then the secret in fixed time. A wrong one is answered as if there were no such invitation.
    private async Task<Found?> FindAsync(InvitationLink link, CancellationToken ct)
    {
        if (!Secret.IsWellFormed(link.Secret, Secret.InvitationPrefix)) return null;
        await db.LockInviteeAsync(link.OrganizationSlug, link.InvitationId, ct);
        var rows = await (
            from organization in db.Organizations
            join invitation in db.Invitations on organization.Id equals invitation.OrganizationId
            join member in db.Members on new { invitation.OrganizationId, Id = invitation.MemberId } equals new { member.OrganizationId, member.Id }
            join secret in db.InvitationSecrets on new { invitation.OrganizationId, InvitationId = invitation.Id } equals new { secret.OrganizationId, secret.InvitationId }
            where organization.Slug == link.OrganizationSlug && invitation.Id == link.InvitationId && organization.SuspendedAt == null
            orderby secret.Sequence
            select new { organization, invitation, member, secret }).AsNoTracking().ToListAsync(ct);
        var hash = Secret.Hash(link.Secret);
        InvitationSecret? used = null;
        foreach (var row in rows)
            if (CryptographicOperations.FixedTimeEquals(row.secret.Hash, hash)) used = row.secret;
        return used is not null && rows is [.., var newest] ? new(newest.organization, newest.invitation, newest.member, used, newest.secret) : null;
    }

    // The state as the holder of this very secret sees it.
    private static OfferState StateOf(Found found, DateTimeOffset now) => found.Invitation.StatusAt(now) switch
    {
        // A member without a sign-in who is suspended is in already, and gets no further by it.
        InvitationStatus.Pending or InvitationStatus.Expired when found.Member.UserId is not null || found.Member.Status is MemberStatus.Suspended => OfferState.Superseded,
        InvitationStatus.Pending or InvitationStatus.Expired when found.Used.Sequence != found.Newest.Sequence => OfferState.Replaced,
        InvitationStatus.Pending when found.Invitation.BlockedAt is not null => OfferState.Blocked,
        InvitationStatus.Pending => OfferState.Open,
        InvitationStatus.Expired => OfferState.Expired,
        InvitationStatus.Accepted => OfferState.Used,
        InvitationStatus.Declined => OfferState.Declined,
        InvitationStatus.Revoked => OfferState.Revoked,
        InvitationStatus.Superseded => OfferState.Superseded,
    };

    private static bool CanAskForNew(Found found, DateTimeOffset now) => StateOf(found, now) switch
    {
        OfferState.Expired => found.Member is { IsLive: true, UserId: null },
        OfferState.Revoked => found.Invitation.EndReason == InvitationErrors.SponsorLostRight.Code && found.Member.UserId is null,
        _ => false,
    };

    private async Task<Offer> DescribeAsync(Found found, Guid? signedInUser, CancellationToken ct)
    {
        var accounts = await AccountsAsync(found, signedInUser, ct);
        var viewerUser = accounts.Find(a => a.User.Id == signedInUser)?.User;
        var now = clock.Now();
        var state = StateOf(found, now);
        if (state is OfferState.Blocked && await StandsAsync(found, ct)) state = OfferState.Open;
        var viewer = viewerUser is not null
            ? IsInvitee(found, viewerUser) ? Viewer.Invitee : Viewer.SomebodyElse
            : accounts.Exists(a => IsInvitee(found, a.User)) ? Viewer.MustSignIn : Viewer.NewPerson;
        return new(state, viewer)
        {
            OrganizationName = found.Organization.Name, Email = found.Member.ShownAs, FirstName = found.Member.FirstName, LastName = found.Member.LastName,
            SponsorName = found.Invitation.SponsorKind is ActorKind.Member ? found.Invitation.SponsorName : "", ExpiresAt = found.Invitation.ExpiresAt,
            NewerSentAt = state is OfferState.Replaced ? found.Newest.SentAt : null, SignedInAs = viewer is Viewer.SomebodyElse ? viewerUser!.Email ?? viewerUser.DisplayName : null,
            CanAskForNew = CanAskForNew(found, now),
        };
    }

    // An address somebody typed once is not his: only a proven one makes an account the one the mail was sent to.
    private static bool IsInvitee(Found found, User user) => user.EmailProvedAt is not null && user.NormalizedEmail == found.Member.Identifier;

    /// <param name="IsMember">Whether he is a live member of the organization already, not by what the invitation offers.</param>
    private sealed record Account(User User, bool IsMember);

    // Whoever has the invited address, proved or only typed, and who is signed in.
    private Task<List<Account>> AccountsAsync(Found found, Guid? signedInUser, CancellationToken ct)
    {
        var (organization, member, email) = (found.Organization.Id, found.Member.Id, found.Member.Identifier);
        return db.Users.AsNoTracking().Where(u => u.NormalizedEmail == email || u.Id == signedInUser)
            .Select(u => new Account(u, db.Members.Any(m => m.OrganizationId == organization && m.UserId == u.Id && m.Id != member && m.Status != MemberStatus.Removed))).ToListAsync(ct);
    }

    // The rule of joining, for new and known people alike. Nothing is touched before the last refusal.
    private async Task<Result<Joined>> AcceptAsync(Found found, List<Account> accounts, Func<(User User, SignedIn? Session)> person, CancellationToken ct)
    {
        var now = clock.Now();
        if (StateOf(found, now) is not (OfferState.Open or OfferState.Blocked) and var state) return InvitationErrors.Ended(state);
        var graph = await TrackAsync(found, ct);
        if (found.Member is not { Status: MemberStatus.Invited or MemberStatus.Active, UserId: null }) return InvitationErrors.Ended(OfferState.Superseded);
        if (!graph.SponsorStands(found.Member)) return await BlockAsync(found, now, ct);

        var (user, session) = person();
        if (accounts.Exists(a => a.User.Id == user.Id && a.IsMember)) return InvitationErrors.AlreadyJoined;
        if (found.Newest.ProvesAddress) UserService.TakeAddress(db, accounts.Select(a => a.User), user);
        var actor = new Actor(ActorKind.Member, found.Member.Id, found.Member.DisplayName, found.Organization.Id, EffectiveAccess.Nothing);
        found.Invitation.Accept(user.Id, now);
        found.Member.Join(user.Id, now);
        db.Add(UsherEvent.Record(EventTypes.InvitationAccepted, actor, "invitation", found.Invitation.Id, now, new() { ["email"] = found.Member.Identifier }));
        db.Add(UsherEvent.Record(EventTypes.MemberJoined, actor, "member", found.Member.Id, now, new() { ["email"] = found.Member.Identifier }));
        await db.SaveChangesAsync(ct);
        return new Joined(found.Organization.Name, session);
    }

    // Nothing is given and nothing is removed. The administrators decide; a daily mail tells them.
    private async Task<Error> BlockAsync(Found found, DateTimeOffset now, CancellationToken ct)
    {
        if (found.Invitation.BlockedAt is not null) return InvitationErrors.SponsorLostRight;
        found.Invitation.Block(now);
        db.Add(UsherEvent.Record(
            EventTypes.InvitationBlocked, Actor.System(found.Organization.Id), "invitation", found.Invitation.Id, now,
            new() { ["email"] = found.Member.Identifier, ["sponsor"] = found.Member.SponsorName }, cause: InvitationErrors.SponsorLostRight.Code));
        await db.SaveChangesAsync(ct);
        return InvitationErrors.SponsorLostRight;
    }

    private async Task<bool> StandsAsync(Found found, CancellationToken ct) =>
        await AccessGraph.ReadAsync(db, new(found.Organization.Id) { MemberIds = [found.Member.Id, found.Member.SponsorId] }, ct) is { } graph
        && graph.Member(found.Member.Id) is { } member && graph.SponsorStands(member);

    private void RemoveMember(AccessGraph graph, Member member, Actor actor, DateTimeOffset now)
    {
        if (member.TakesSeat && graph.Organization.SeatLimit is not null) db.ChangeSeats(member.OrganizationId, -1);
        member.Remove(actor, now);
        db.Add(UsherEvent.Record(EventTypes.MemberRemoved, actor, "member", member.Id, now, new() { ["email"] = member.Identifier }));
    }

    // The member with all he holds, tracked, and his sponsor with all he holds. What was found before must still be so; else the operation runs again.
    private async Task<AccessGraph> TrackAsync(Found found, CancellationToken ct)
    {
        var graph = await AccessGraph.ReadAsync(db, new(found.Organization.Id) { MemberIds = [found.Member.Id, found.Member.SponsorId] }, ct);
        var member = graph?.Member(found.Member.Id);
        var invitation = member?.Invitations.Find(i => i.Id == found.Invitation.Id);
        if (graph is null || member is null || invitation?.Version != found.Invitation.Version) throw new DbUpdateConcurrencyException("The invitation changed meanwhile.");
        graph.Track(db, [member.Identifier]);
        found.Take(member, invitation);
        return graph;
    }

    private async Task<List<string>> AdminsAsync(Guid organization, CancellationToken ct) => await db.Members.AsNoTracking()
        .Where(m => m.OrganizationId == organization && m.Status == MemberStatus.Active && m.Kind == MemberKind.Person && m.Role == BuiltInRole.Admin)
        .OrderBy(m => m.Id).Select(m => m.Identifier).Take(20).ToListAsync(ct);

    // Who joined with this link comes again with his password: the same answer as the first time, and a session for this browser.
    private async Task<Result<Joined>> RepeatAsync(Found found, string password, string? device, CancellationToken ct)
    {
        var user = await db.Users.AsNoTracking().SingleOrDefaultAsync(u => u.Id == found.Invitation.AcceptedBy, ct);
        if (user?.NormalizedEmail != found.Member.Identifier || !found.Member.IsLive) return InvitationErrors.Ended(OfferState.Used);
        var again = await sessions.SignInAsync(user, password, device, ct);
        return again.TryGet(out var session, out _) ? new Joined(found.Organization.Name, session) : InvitationErrors.Ended(OfferState.Used);
    }
}
