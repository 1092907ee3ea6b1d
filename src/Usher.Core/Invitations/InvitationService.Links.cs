using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Data.Sqlite;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Invitations;

/// <summary>Links of existing invitations: resending, creating links, endorsing, listing and expiring.</summary>
public sealed partial class InvitationService
{
    /// <summary>
    /// Mails a new link to a person who has not joined; see <see cref="ResendAsync(Actor, MemberKey, MemberDetails,
    /// CancellationToken, IReadOnlyCollection{string}?)"/>.
    /// </summary>
    public async Task<Result<Member>> ResendAsync(Actor actor, Guid memberId, CancellationToken ct) =>
        (await ResendAsync(actor, new MemberKey(Id: memberId), MemberDetails.None, ct))
            .Match<Result<Member>>(sent => sent.Member, error => error);

    /// <summary>
    /// Mails a new link to a person who has not joined. The expiry restarts, older mailed links stop working, and the
    /// actor becomes the sponsor.
    /// </summary>
    /// <param name="actor">The actor. It needs <c>user_management</c> and must cover the member.</param>
    /// <param name="key">The member, by member or by invitation.</param>
    /// <param name="details">What the answer includes besides the invitation.</param>
    /// <param name="ifMatch">The accepted versions; see <see cref="Precondition"/>.</param>
    /// <returns>The invitation. Errors: <c>already_joined</c> for a person who has joined.</returns>
    public Task<Result<InvitationView>> ResendAsync(
        Actor actor, MemberKey key, MemberDetails details, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        LinkAsync<InvitationView>(
            actor, key, details, ifMatch,
            (unit, graph, member, now) => new(Send(unit, graph, member, actor, now), member, graph), ct);

    /// <summary>
    /// Resends up to 1,000 invitations. Each member may be named only once. A refused one does not stop the others.
    /// </summary>
    /// <returns>One outcome per member, in order.</returns>
    public Task<IReadOnlyList<Result<Member>>> ResendAsync(
        Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct) =>
        database.RunAsync(unit => ResendAsync(unit, actor, memberIds, ct), ct);

    /// <summary>Resends up to 1,000 invitations within a unit.</summary>
    internal async Task<IReadOnlyList<Result<Member>>> ResendAsync(
        Unit unit, Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct)
    {
        if (memberIds.Count > MaxRows) return [.. memberIds.Select(_ => (Result<Member>)InvitationErrors.TooManyRows)];
        var graph = await AccessGraph.TrackAsync(
            unit, new AccessQuery(actor.OrganizationId) { MemberIds = memberIds }.With(actor), ct);
        if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today))
            return [.. memberIds.Select(_ => (Result<Member>)CommonErrors.NotAllowed)];
        var now = clock.Now();
        return [.. memberIds.Select(id => Invitee(graph, today, graph.Member(id)).Match(Resend, error => error))];

        Result<Member> Resend(Member member)
        {
            Send(unit, graph, member, actor, now);
            return member;
        }
    }

    /// <summary>
    /// Creates a new link to hand over by other means than mail. It is shown once. A link handed over before stops
    /// working; a mailed link keeps working. Joining with it does not prove the address. Otherwise like a resend.
    /// </summary>
    public Task<Result<(InvitationView View, InvitationLink Link)>> MintLinkAsync(
        Actor actor, MemberKey key, MemberDetails details, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        LinkAsync<(InvitationView, InvitationLink)>(actor, key, details, ifMatch, (unit, graph, member, now) =>
        {
            member.SponsoredBy(actor);
            var link = mails.Mint(unit, graph.Organization, member, provesAddress: false, now);
            var invitation = member.Invitations.Find(i => i.Id == link.InvitationId)!;
            unit.Add(UsherEvent.Record(
                EventTypes.InvitationLinkMinted, actor, "invitation", invitation.Id, now,
                new() { ["email"] = member.Identifier }));
            return (new InvitationView(invitation, member, graph), link);
        }, ct);

    /// <summary>
    /// Makes the actor the sponsor of an open or expired invitation, for example because its sponsor may no longer make
    /// it. The same link works for at least seven more days, and a blocked invitation is unblocked.
    /// </summary>
    /// <param name="actor">The actor. It needs <c>user_management</c> and must cover the member.</param>
    /// <param name="key">The member, by invitation or by member.</param>
    /// <param name="details">What the answer includes besides the invitation.</param>
    /// <param name="ifMatch">The accepted versions; see <see cref="Precondition"/>.</param>
    public Task<Result<InvitationView>> EndorseAsync(
        Actor actor, MemberKey key, MemberDetails details, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) => database.RunAsync<Result<InvitationView>>(async unit =>
        {
            var graph = await AccessGraph.TrackAsync(
                unit, MemberService.Query(actor.OrganizationId, [key], details).With(actor), ct);
            if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
            var selection = MemberService.Select(graph, [key], []);
            if (selection.Members is not [var member]) return MemberService.NoneFound(graph, [key]);
            if (Precondition.Refuses(ifMatch, selection) is { } outdated) return outdated;
            if (!Endorsable(graph, today, member).TryGet(out var invitation, out var refused)) return refused;
            Endorsing.Apply(unit, member, actor, clock.Now());
            return new InvitationView(invitation, member, graph);
        }, ct);

    /// <summary>
    /// Endorses the invitations of up to 1,000 members. Each may be named only once. An invitation that is not blocked
    /// and whose sponsor may still make it does not change. A refused one does not stop the others.
    /// </summary>
    /// <returns>One outcome per member, in order.</returns>
    public Task<IReadOnlyList<Result<Endorsed>>> EndorseAsync(
        Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct) =>
        database.RunAsync(unit => EndorseAsync(unit, actor, memberIds, ct), ct);

    /// <summary>Endorses the invitations of up to 1,000 members within a unit.</summary>
    internal async Task<IReadOnlyList<Result<Endorsed>>> EndorseAsync(
        Unit unit, Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct)
    {
        if (memberIds.Count > MaxRows)
            return [.. memberIds.Select(_ => (Result<Endorsed>)InvitationErrors.TooManyRows)];
        var sponsors = await db.Members.AsNoTracking()
            .Where(m => m.OrganizationId == actor.OrganizationId && memberIds.Contains(m.Id))
            .Select(m => m.SponsorId).Distinct().ToListAsync(ct);
        var graph = await AccessGraph.ReadAsync(
            unit, new AccessQuery(actor.OrganizationId) { MemberIds = [.. memberIds, .. sponsors] }.With(actor), ct);
        if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today))
            return [.. memberIds.Select(_ => (Result<Endorsed>)CommonErrors.NotAllowed)];
        db.AttachRange(memberIds.Select(graph.Member).OfType<Member>());
        var now = clock.Now();
        return [.. memberIds.Select(id => Endorse(unit, graph, today, actor, id, now))];
    }

    private static Result<Endorsed> Endorse(
        Unit unit, AccessGraph graph, Actor today, Actor actor, Guid id, DateTimeOffset now)
    {
        if (graph.Member(id) is not { } member) return MemberErrors.NotFound;
        if (!Endorsable(graph, today, member).TryGet(out var invitation, out var refused)) return refused;
        if (invitation.BlockedAt is null && graph.SponsorStands(member)) return new Endorsed(member, Changed: false);
        Endorsing.Apply(unit, member, actor, now);
        return new Endorsed(member, Changed: true);
    }

    // The invitation to endorse: one that has not ended, of a member that the actor covers.
    private static Result<Invitation> Endorsable(AccessGraph graph, Actor today, Member member)
    {
        if (member is not { IsLive: true, Kind: MemberKind.Person }) return MemberErrors.NotFound;
        if (member.UserId is not null || member.Invitations.Find(i => !i.HasEnded) is not { } invitation)
            return InvitationErrors.AlreadyJoined;
        return graph.Pass(GrantingRule.EndorseCovers, graph.Covers(today, member))
            ? invitation
            : MemberErrors.NotCovered;
    }

    /// <summary>
    /// Mails a list of the blocked invitations to the administrators of every organization that has any. Each
    /// administrator gets one mail a day while any invitation is blocked. Organizations without administrators are
    /// skipped.
    /// </summary>
    public async Task TellBlockedAsync(CancellationToken ct)
    {
        var now = clock.Now();
        var yesterday = now.AddDays(-1);
        var due = await Waiting(now)
            .Where(i => db.Organizations.Any(o => o.Id == i.OrganizationId && o.SuspendedAt == null))
            .Select(i => i.OrganizationId).Distinct()
            .Where(o =>
                !db.Invitations.Any(i =>
                    i.OrganizationId == o && i.BlockedAt != null && i.Status == InvitationStatus.Pending
                        && i.BlockedToldAt > yesterday))
            .Take(100).ToListAsync(ct);
        foreach (var organization in due) await TellBlockedAsync(organization, now, ct);
    }

    private IQueryable<Invitation> Waiting(DateTimeOffset now) =>
        db.Invitations.Where(i => i.BlockedAt != null && i.Status == InvitationStatus.Pending && i.ExpiresAt > now);

    private Task<bool> TellBlockedAsync(Guid id, DateTimeOffset now, CancellationToken ct) =>
        database.RunLockedAsync(async unit =>
        {
            var yesterday = now.AddDays(-1);
            var waiting = Waiting(now).Where(i => i.OrganizationId == id);
            var blocked = await waiting.Include(i => i.Member).OrderBy(i => i.Id).Take(BlockedMail.MostNamed)
                .ToListAsync(ct);
            var organization = await db.Organizations.AsNoTracking()
                .SingleOrDefaultAsync(o => o.Id == id && o.SuspendedAt == null, ct);
            if (organization is null || blocked is [] || blocked.Exists(i => i.BlockedToldAt > yesterday)) return false;
            var total = await waiting.CountAsync(ct);
            foreach (var admin in await db.AdministratorsToTell(id).ToListAsync(ct))
                unit.Add(BlockedMail.To(admin, organization, blocked, total, now));
            foreach (var invitation in blocked) invitation.BlockedToldAt = now;
            return true;
        }, ct);

    /// <summary>Reads one invitation of the actor's organization, in any status.</summary>
    public async Task<Result<InvitationView>> GetAsync(
        Actor actor, Guid invitationId, MemberDetails details, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return CommonErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(
            db, new(actor.OrganizationId) { InvitationIds = [invitationId], Details = details }, ct);
        return graph?.Invitation(invitationId) is { } invitation
            ? new InvitationView(invitation, graph.Member(invitation.MemberId)!, graph)
            : InvitationErrors.NotFound;
    }

    /// <summary>Reads a page of the organization's invitations.</summary>
    public Task<Result<IReadOnlyList<InvitationView>>> PageAsync(
        Actor actor, InvitationPage page, MemberDetails details, CancellationToken ct) =>
        db.SearchAsync(limited => PageOnceAsync(actor, page, details, limited), ct);

    private async Task<Result<IReadOnlyList<InvitationView>>> PageOnceAsync(
        Actor actor, InvitationPage page, MemberDetails details, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return CommonErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(
            db, new(actor.OrganizationId) { Invitations = page, Details = details }, ct);
        if (graph is null) return MemberErrors.NotFound;

        // The graph also contains other open invitations of the members on the page. RunOfInvitations has only those of
        // the page.
        IEnumerable<InvitationView> views = graph.RunOfInvitations.Select(i =>
            new InvitationView(i, graph.Member(i.MemberId)!, graph));
        views = page.Order switch
        {
            InvitationOrder.Created => views.OrderBy(v => v.Invitation.Id),
            InvitationOrder.Expires => views.OrderBy(v => v.Invitation.ExpiresAt).ThenBy(v => v.Invitation.Id),
            InvitationOrder.Email =>
                views.OrderBy(v => v.Member.Identifier, Text.KeyOrder).ThenBy(v => v.Invitation.Id),
        };
        return page.Descending ? [.. views.Reverse()] : views.ToList();
    }

    // Creates another link, mailed or handed over, for a person who has not joined.
    private Task<Result<T>> LinkAsync<T>(
        Actor actor, MemberKey key, MemberDetails details, IReadOnlyCollection<string>? ifMatch,
        Func<Unit, AccessGraph, Member, DateTimeOffset, T> link, CancellationToken ct) =>
        database.RunAsync<Result<T>>(async unit =>
        {
            var graph = await AccessGraph.TrackAsync(
                unit, MemberService.Query(actor.OrganizationId, [key], details).With(actor), ct);
            if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
            var selection = MemberService.Select(graph, [key], []);
            if (selection.Members is not [{ Kind: MemberKind.Person }]) return MemberService.NoneFound(graph, [key]);
            if (Precondition.Refuses(ifMatch, selection) is { } outdated) return outdated;
            if (!Invitee(graph, today, selection.Members[0]).TryGet(out var member, out var refused)) return refused;
            return link(unit, graph, member, clock.Now());
        }, ct);

    // The rule for a new link: the person must not have joined, and the actor must cover the member.
    private static Result<Member> Invitee(AccessGraph graph, Actor today, Member? member) => member switch
    {
        not { IsLive: true, Kind: MemberKind.Person } => MemberErrors.NotFound,
        { UserId: not null } => InvitationErrors.AlreadyJoined,
        _ => graph.Pass(GrantingRule.LinkCovers, graph.Covers(today, member)) ? member : MemberErrors.NotCovered,
    };

    private Invitation Send(Unit unit, AccessGraph graph, Member member, Actor sponsor, DateTimeOffset now)
    {
        member.SponsoredBy(sponsor);
        var invitation = mails.Send(unit, graph.Organization, member, now);
        unit.Add(UsherEvent.Record(
            EventTypes.InvitationSent, sponsor, "invitation", invitation.Id, now,
            new() { ["email"] = member.Identifier }));
        return invitation;
    }

    /// <summary>Marks pending invitations past their expiry as expired and records an event for each.</summary>
    /// <returns>The number of invitations marked, at most 500. Fewer than 500 means that none is left.</returns>
    public Task<int> SweepExpiredAsync(CancellationToken ct) => database.RunAsync(async unit =>
    {
        var now = clock.Now();
        var due = await db.Invitations.Where(i => i.Status == InvitationStatus.Pending && i.ExpiresAt <= now)
            .OrderBy(i => i.ExpiresAt).Take(500).ToListAsync(ct);
        foreach (var invitation in due)
        {
            invitation.End(InvitationStatus.Expired, now);
            unit.Add(UsherEvent.Record(
                EventTypes.InvitationExpired, Actor.System(invitation.OrganizationId), "invitation", invitation.Id, now,
                cause: "sweep"));
        }

        return due.Count;
    }, ct);
}
