using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Invitations;

/// <summary>
/// What members do about invitations. Every surface calls this; none repeats it. What the invited person does is
/// <see cref="GuestService"/>.
/// </summary>
public sealed class InvitationService(
    UsherDb db, Database database, PermissionCatalogue catalogue, MemberNumbers numbers, InvitationMails mails,
    TimeProvider clock)
{
    /// <summary>How many people one call may invite.</summary>
    public const int MaxRows = 1_000;

    /// <summary>
    /// Invites 1 to 1,000 people. What the accepted rows change is saved together or not at all; a refused row stops no
    /// other, unless the options say so.
    /// </summary>
    /// <returns>One outcome per row, in their order. Of two calls for one address at once, the later finds the
    /// earlier's member: its options decide.</returns>
    public async Task<IReadOnlyList<Result<Invited>>> InviteAsync(
        Actor actor, IReadOnlyList<NewInvitation> rows, InviteOptions how, CancellationToken ct)
    {
        if (!actor.May(Permissions.UserManagement))
            return [.. rows.Select(_ => (Result<Invited>)MemberErrors.NotAllowed)];
        if (rows.Count > MaxRows) return [.. rows.Select(_ => (Result<Invited>)InvitationErrors.TooManyRows)];

        var read = rows.Select(Read).ToArray();
        if (!Array.Exists(read, r => r.Error is null)
                || (how.AllOrNothing && Array.Exists(read, r => r.Error is not null)))
            return Refused(read);

        var first = await numbers.TakeAsync(rows.Count, ct);
        return await database.RunAsync(unit => InviteAsync(unit, actor, read, first, how, ct), ct);
    }

    /// <summary>Invites one person.</summary>
    public async Task<Result<Invited>> InviteAsync(
        Actor actor, NewInvitation row, InviteOptions how, CancellationToken ct)
    {
        if (!actor.May(Permissions.UserManagement)) return MemberErrors.NotAllowed;
        if (!Read(row).TryGet(out var read, out var refused)) return refused;
        var number = await numbers.TakeAsync(1, ct);
        return await database.RunAsync(
            async unit => (await InviteAsync(unit, actor, [(Result<Row>)read], number, how, ct))[0], ct);
    }

    /// <summary>The same in a unit, for rows whose numbers are taken: see <see cref="MemberNumbers"/>.</summary>
    internal Task<IReadOnlyList<Result<Invited>>> InviteAsync(
        Unit unit, Actor actor, IReadOnlyList<NewInvitation> rows, long firstNumber, InviteOptions how,
        CancellationToken ct) =>
        actor.May(Permissions.UserManagement)
            ? InviteAsync(unit, actor, [.. rows.Select(Read)], firstNumber, how, ct)
            : Task.FromResult<IReadOnlyList<Result<Invited>>>(
                [.. rows.Select(_ => (Result<Invited>)MemberErrors.NotAllowed)]);

    private async Task<IReadOnlyList<Result<Invited>>> InviteAsync(
        Unit unit, Actor actor, Result<Row>[] read, long firstNumber, InviteOptions how, CancellationToken ct)
    {
        var query = Query(actor, read, how);
        if (await AccessGraph.ReadAsync(unit, query, ct) is not { } graph)
            return [.. read.Select(_ => (Result<Invited>)MemberErrors.NotFound)];
        graph.Track(unit, query.Identifiers);
        var call = new Call(graph, graph.Today(actor), how, clock.Now());
        if (!graph.MayManageUsers(call.Actor)) return [.. read.Select(_ => (Result<Invited>)MemberErrors.NotAllowed)];
        Result<Invited>[] outcomes =
        [
            .. read.Select((row, i) => row.Match(r => Invite(unit, call, r, firstNumber + i), error => error)),
        ];
        if (how.AllOrNothing && Array.Exists(outcomes, o => o.Error is not null))
        {
            unit.Discard();
            return Refused(outcomes);
        }

        unit.ChangeSeats(actor.OrganizationId, graph.Organization.SeatLimit is null ? 0 : call.NewSeats);
        return outcomes;
    }

    /// <summary>
    /// Mails a new link to somebody who has not joined; see
    /// <see cref="ResendAsync(Actor, MemberKey, MemberDetails, CancellationToken, IReadOnlyCollection{string}?)"/>.
    /// </summary>
    public async Task<Result<Member>> ResendAsync(Actor actor, Guid memberId, CancellationToken ct) =>
        (await ResendAsync(actor, new MemberKey(Id: memberId), MemberDetails.None, ct))
            .Match<Result<Member>>(sent => sent.Member, error => error);

    /// <summary>
    /// Mails a new link to somebody who has not joined: the clock restarts, older mailed links no longer open, the
    /// actor becomes the sponsor.
    /// </summary>
    /// <param name="actor">Needs <c>user_management</c>, and to cover the member.</param>
    /// <param name="key">By member or by invitation.</param>
    /// <param name="details">What the answer shows besides.</param>
    /// <param name="ct">Cancels.</param>
    /// <param name="ifMatch">The versions it is meant for; see <see cref="Precondition"/>.</param>
    /// <returns>Refused with <c>already_joined</c> for somebody who has.</returns>
    public Task<Result<InvitationView>> ResendAsync(
        Actor actor, MemberKey key, MemberDetails details, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) =>
        LinkAsync<InvitationView>(
            actor, key, details, ifMatch,
            (unit, graph, member, now) => new(Send(unit, graph, member, actor, now), member, graph), ct);

    /// <summary>The same for up to 1,000, each named once. A refused one stops no other.</summary>
    /// <returns>One outcome per member, in their order.</returns>
    public Task<IReadOnlyList<Result<Member>>> ResendAsync(
        Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct) =>
        database.RunAsync(unit => ResendAsync(unit, actor, memberIds, ct), ct);

    /// <summary>The same in a unit.</summary>
    internal async Task<IReadOnlyList<Result<Member>>> ResendAsync(
        Unit unit, Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct)
    {
        if (memberIds.Count > MaxRows) return [.. memberIds.Select(_ => (Result<Member>)InvitationErrors.TooManyRows)];
        var graph = await AccessGraph.TrackAsync(
            unit, new AccessQuery(actor.OrganizationId) { MemberIds = memberIds }.With(actor), ct);
        if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today))
            return [.. memberIds.Select(_ => (Result<Member>)MemberErrors.NotAllowed)];
        var now = clock.Now();
        return [.. memberIds.Select(id => Invitee(graph, today, graph.Member(id)).Match(Resend, error => error))];

        Result<Member> Resend(Member member)
        {
            Send(unit, graph, member, actor, now);
            return member;
        }
    }

    /// <summary>
    /// Makes a new link to hand over by other means than mail, shown once; one handed over before no longer opens, a
    /// mailed one does. Joining by it does not prove the address. Otherwise like a resend.
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
    /// Makes the actor the sponsor of an open or expired invitation, such as one whose sponsor may no longer make it:
    /// the same link works, for at least seven more days, and the invitation waits for no decision any more.
    /// </summary>
    /// <param name="actor">Needs <c>user_management</c>, and to cover the member.</param>
    /// <param name="key">By invitation or by member.</param>
    /// <param name="details">What the answer shows besides.</param>
    /// <param name="ct">Cancels the operation.</param>
    /// <param name="ifMatch">The versions it is meant for; see <see cref="Precondition"/>.</param>
    public Task<Result<InvitationView>> EndorseAsync(
        Actor actor, MemberKey key, MemberDetails details, CancellationToken ct,
        IReadOnlyCollection<string>? ifMatch = null) => database.RunAsync<Result<InvitationView>>(async unit =>
        {
            var graph = await AccessGraph.TrackAsync(
                unit, MemberService.Query(actor.OrganizationId, [key], details).With(actor), ct);
            if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
            var selection = MemberService.Select(graph, [key], []);
            if (selection.Members is not [var member]) return MemberService.Nobody(graph, [key]);
            if (Precondition.Refuses(ifMatch, selection) is { } outdated) return outdated;
            if (!Endorsable(graph, today, member).TryGet(out var invitation, out var refused)) return refused;
            Endorsing.Apply(unit, member, actor, clock.Now());
            return new InvitationView(invitation, member, graph);
        }, ct);

    /// <summary>
    /// The same for up to 1,000 members, each named once: those whose sponsor still may make the offer stay as they
    /// are. A refused one stops no other.
    /// </summary>
    /// <returns>One outcome per member, in their order.</returns>
    public Task<IReadOnlyList<Result<Endorsed>>> EndorseAsync(
        Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct) =>
        database.RunAsync(unit => EndorseAsync(unit, actor, memberIds, ct), ct);

    /// <summary>The same in a unit.</summary>
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
            return [.. memberIds.Select(_ => (Result<Endorsed>)MemberErrors.NotAllowed)];
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

    // An offer that can still be accepted, to a member whom the actor covers.
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
    /// Mails the administrators of every organization that has blocked invitations a list of them: one mail a day and
    /// administrator for as long as any is blocked. An organization nobody administers is passed over.
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

    /// <summary>One invitation of the actor's organization, whatever has become of it.</summary>
    public async Task<Result<InvitationView>> GetAsync(
        Actor actor, Guid invitationId, MemberDetails details, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return MemberErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(
            db, new(actor.OrganizationId) { InvitationIds = [invitationId], Details = details }, ct);
        return graph?.Invitation(invitationId) is { } invitation
            ? new InvitationView(invitation, graph.Member(invitation.MemberId)!, graph)
            : InvitationErrors.NotFound;
    }

    /// <summary>A run of the organization's invitations.</summary>
    public Task<Result<IReadOnlyList<InvitationView>>> PageAsync(
        Actor actor, InvitationPage page, MemberDetails details, CancellationToken ct) =>
        db.SearchAsync(limited => PageOnceAsync(actor, page, details, limited), ct);

    private async Task<Result<IReadOnlyList<InvitationView>>> PageOnceAsync(
        Actor actor, InvitationPage page, MemberDetails details, CancellationToken ct)
    {
        if (!actor.MayReadDirectory) return MemberErrors.NotAllowed;
        var graph = await AccessGraph.ReadAsync(
            db, new(actor.OrganizationId) { Invitations = page, Details = details }, ct);
        if (graph is null) return MemberErrors.NotFound;

        // Of the members on the page other invitations that are still open were read, too; the run is known by what it
        // was asked to be.
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

    // Whoever has not joined gets another link, by mail or otherwise.
    private Task<Result<T>> LinkAsync<T>(
        Actor actor, MemberKey key, MemberDetails details, IReadOnlyCollection<string>? ifMatch,
        Func<Unit, AccessGraph, Member, DateTimeOffset, T> link, CancellationToken ct) =>
        database.RunAsync<Result<T>>(async unit =>
        {
            var graph = await AccessGraph.TrackAsync(
                unit, MemberService.Query(actor.OrganizationId, [key], details).With(actor), ct);
            if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
            var selection = MemberService.Select(graph, [key], []);
            if (selection.Members is not [{ Kind: MemberKind.Person }]) return MemberService.Nobody(graph, [key]);
            if (Precondition.Refuses(ifMatch, selection) is { } outdated) return outdated;
            if (!Invitee(graph, today, selection.Members[0]).TryGet(out var member, out var refused)) return refused;
            return link(unit, graph, member, clock.Now());
        }, ct);

    // The rule for a new link: for a person who has not joined, by somebody who holds all that he holds.
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

    /// <summary>
    /// Stores what the clock has already decided: pending invitations past their time become expired, each with its
    /// event.
    /// </summary>
    /// <returns>How many; fewer than 500 means none is left.</returns>
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

    private sealed record Row(NewInvitation Given, string Identifier);

    private sealed class Call(AccessGraph graph, Actor actor, InviteOptions how, DateTimeOffset now)
    {
        public AccessGraph Graph => graph;

        public Actor Actor => actor;

        public InviteOptions How => how;

        public DateTimeOffset Now => now;

        public HashSet<string> Done { get; } = [];

        public int NewSeats { get; set; }

        public bool HasSeat =>
            graph.Organization.SeatLimit is not { } limit
                || graph.Organization.SeatsUsed + how.SeatsAlready + NewSeats < limit;
    }

    /// <summary>Everything that is wrong with a row, as far as it can be judged without the database.</summary>
    public IEnumerable<Error> Faults(NewInvitation row) => Faults(row, EmailAddress.TryCanonical(row.Email, out _));

    private IEnumerable<Error> Faults(NewInvitation row, bool isAddress)
    {
        if (!isAddress) yield return InvitationErrors.EmailInvalid;
        if (row.FirstName is { } first && !Text.IsName(first)) yield return InvitationErrors.FirstNameInvalid;
        if (row.LastName is { } last && !Text.IsName(last)) yield return InvitationErrors.LastNameInvalid;
        if (row.TimeZone is { } zone && !Text.IsTimeZone(zone)) yield return InvitationErrors.TimeZoneUnknown;
        if (row.Locale is { } locale && !Text.IsLocale(locale)) yield return InvitationErrors.LocaleInvalid;
        if (row.Metadata.Count > 50 || row.Metadata.Any(m => !Text.IsMetadata(m.Key, m.Value)))
            yield return MemberErrors.MetadataInvalid;
        if (row.ExpiresAt is { } end && !InvitationOptions.MayEnd(end, clock.Now()))
            yield return InvitationErrors.ExpiryInvalid;
        foreach (var fault in catalogue.Faults(row.Permissions ?? [])) yield return fault;
    }

    private Result<Row> Read(NewInvitation row) =>
        Error.Of(Faults(row, EmailAddress.TryCanonical(row.Email, out var identifier))) is { } fault
            ? fault
            : new Row(row, identifier!);

    private static AccessQuery Query(Actor actor, IReadOnlyList<Result<Row>> rows, InviteOptions how)
    {
        List<Row> good = [.. rows.Where(r => r.Error is null).Select(r => r.Value)];
        var query = new AccessQuery(actor.OrganizationId)
        {
            Identifiers = [.. good.Select(r => r.Identifier).Distinct()], Details = how.Details,
        }.With(actor);
        query = ReferenceReader.With(
            query, good.SelectMany(r => r.Given.Groups ?? []), good.SelectMany(r => r.Given.Roles));
        return ReferenceReader.With(query, good.SelectMany(r => r.Given.Levels));
    }

    // The rule for one row: objects in memory only, and nothing is touched before the last refusal.
    private Result<Invited> Invite(Unit unit, Call call, Row row, long number)
    {
        var (graph, organization, given) = (call.Graph, call.Graph.Organization, row.Given);
        if (organization.AllowedEmailDomains is { Count: > 0 } domains
                && !domains.Contains(EmailAddress.DomainOf(row.Identifier)))
            return InvitationErrors.DomainNotAllowed;
        if (call.How.ActivateAtOnce && organization.ExternalIdentityProvider is null)
            return InvitationErrors.NoIdentityProvider;
        var named = new ReferenceReader(graph, call.How.UnknownReferences);
        var grants = new Grants(
            given.Permissions ?? organization.DefaultPermissions, given.Groups is null
                ? [.. graph.DefaultGroups]
                : named.Groups(given.Groups), named.Roles(given.Roles), named.Levels(given.Levels));
        if (named.Refused is { } unknown) return unknown;
        var ignored = named.Ignored;

        var member = graph.Member(row.Identifier);
        if (member is { IsLive: true })
        {
            if (call.How.OnPending is not OnPending.Refresh && call.Done.Contains(row.Identifier))
                return new Invited(member, graph, InviteOutcome.Repeated, ignored);
            switch (member.Status, call.How)
            {
                case (MemberStatus.Invited, { OnPending: OnPending.Skip })
                    or (not MemberStatus.Invited, { OnActive: OnActive.Skip }):
                    return new Invited(member, graph, InviteOutcome.Skipped, ignored);
                case (
                    MemberStatus.Invited,
                    { OnPending: OnPending.RefreshIfChanged }) when !OffersMore(member, given, grants, call):
                    return new Invited(member, graph, InviteOutcome.Unchanged, ignored);
                case (MemberStatus.Invited, { OnPending: OnPending.Refuse }): return InvitationErrors.AlreadyInvited;
                case (not MemberStatus.Invited, { OnActive: OnActive.Refuse }): return InvitationErrors.AlreadyMember;
            }
        }

        if (!graph.Pass(GrantingRule.InviteOffersHeld, call.Actor.CanGrant(Conferred(graph, given, grants))))
            return InvitationErrors.MoreThanYouHold;
        var revives = member is { IsLive: false } && call.How.OnRemoved is OnRemoved.Revive;
        var keeps = member is not null && (member.IsLive || revives);
        if (keeps && !graph.Pass(GrantingRule.InviteCovers, graph.Covers(call.Actor, member!)))
            return MemberErrors.NotCovered;
        if (member is not { IsLive: true } && !call.HasSeat) return InvitationErrors.SeatsExhausted;
        var kept = keeps ? member : null;
        if (!graph.HasRoom(kept, grants.Groups.Select(g => g.Id), grants.Roles.Select(r => r.Id)))
            return MemberErrors.TooManyGrants;

        var outcome = member switch
        {
            { IsLive: true } => InviteOutcome.Refreshed, not null when revives => InviteOutcome.Revived,
            _ => InviteOutcome.Invited,
        };
        if (outcome is InviteOutcome.Revived) member!.Revive();
        if (outcome is InviteOutcome.Invited) member = unit.Add(NewMember(organization, row, number, call.Now));
        if (outcome is not InviteOutcome.Refreshed) call.NewSeats++;

        var before = member!.Grants;
        member.FirstName = given.FirstName is { } first ? Text.Name(first) : member.FirstName;
        member.LastName = given.LastName is { } last ? Text.Name(last) : member.LastName;
        member.TimeZone = given.TimeZone ?? member.TimeZone;
        member.Locale = given.Locale ?? member.Locale;
        if (given.Metadata.Count > 0)
            member.Metadata = new(member.Metadata.Concat(given.Metadata).GroupBy(m => m.Key).Select(m => m.Last()));
        Give(member, given, grants, call);
        if (outcome is InviteOutcome.Refreshed) graph.Moved(member, before);
        else graph.Add(member);
        call.Done.Add(row.Identifier);

        unit.Add(
            UsherEvent.Record(
                call.How.ActivateAtOnce
                    ? EventTypes.MemberCreated
                    : EventTypes.MemberInvited, call.Actor, "member", member.Id, call.Now, new()
        {
            ["email"] = member.Identifier, ["role"] = SnakeCaseName.Of(member.Role),
            ["outcome"] = SnakeCaseName.Of(outcome),
            ["permissions"] = string.Join(' ', member.Permissions),
        }));
        member.SponsoredBy(call.Actor); // mail or not
        if (call.How.ActivateAtOnce)
        {
            member.Activate();
            foreach (var invitation in member.Invitations) invitation.End(InvitationStatus.Superseded, call.Now);
        }
        else if (call.How.SendMail) mails.Send(unit, organization, member, call.Now, given.ExpiresAt);
        var link = call.How.MintLink
            ? mails.Mint(unit, organization, member, provesAddress: false, call.Now, given.ExpiresAt)
            : null;
        return new Invited(member, graph, outcome, ignored) { Link = link };
    }

    // Whether a row says anything that a pending member is not offered yet, a link that opens included. Grants are
    // added, never taken away, so only what is missing counts.
    private static bool OffersMore(Member member, NewInvitation given, Grants grants, Call call) =>
        (given.FirstName is { } first && Text.Name(first) != member.FirstName)
        || (given.LastName is { } last && Text.Name(last) != member.LastName)
        || (given.TimeZone is { } zone && zone != member.TimeZone)
        || (given.Locale is { } locale && locale != member.Locale)
        || given.Metadata.Any(entry => member.Metadata.GetValueOrDefault(entry.Key) != entry.Value)
        || (given.Role is { } role && role != member.Role)
        || (given.AllResources is { } all && all != member.AllResources)
        || grants.Permissions.Except(member.Permissions).Any()
        || grants.Groups.Where(g => g.SystemKind is SystemGroup.None).Select(g => g.Id).Except(member.Groups).Any()
        || grants.Roles.Select(r => r.Id).Except(member.Roles).Any()
        || grants.Levels.Any(level => member.ReachOf(level.Resource) != level.Reach)
        || (call.How.SendMail && !member.Invitations.Exists(i => i.IsOpen(call.Now)));

    private static Member NewMember(Organization organization, Row row, long number, DateTimeOffset now) => new()
    {
        OrganizationId = organization.Id, Id = Uuid.Create(now), Number = number, Identifier = row.Identifier,
        Email = row.Given.Email.Trim(),
        Kind = MemberKind.Person, Status = MemberStatus.Invited, CreatedAt = now,
    };

    private sealed record Grants(
        IReadOnlyList<string> Permissions, IReadOnlyList<Group> Groups, IReadOnlyList<Role> Roles,
        IReadOnlyList<(Guid Resource, Reach Reach)> Levels);

    // All that the new member would have by this invitation, except what everyone has: what the sponsor must cover when
    // the person joins.
    private static EffectiveAccess Conferred(AccessGraph graph, NewInvitation given, Grants grants)
    {
        var access = new EffectiveAccess.Builder().Add(given.Role ?? BuiltInRole.User).Add(grants.Permissions);
        if (given.AllResources is true) access.AddEverywhere(AccessLevel.Full);
        foreach (var role in grants.Roles) AccessGraph.Confer(access, role);
        foreach (var group in grants.Groups.Where(g => g.SystemKind is SystemGroup.None)) graph.Confer(access, group);
        foreach (var (resource, reach) in grants.Levels) access.Add(resource, reach);
        return access.Build();
    }

    private static void Give(Member member, NewInvitation given, Grants grants, Call call)
    {
        var (actor, now) = (call.Actor, call.Now);
        member.Give(given.Role ?? member.Role, actor, now);
        if (given.AllResources is { } all) member.GiveAllResources(all, actor, now);
        foreach (var permission in grants.Permissions) member.Give(permission, actor, now);
        foreach (var group in grants.Groups) member.Give(group, actor, now);
        foreach (var role in grants.Roles) member.Give(role, actor, now);
        foreach (var (resource, reach) in grants.Levels) member.Give(resource, reach, actor, now);
    }

    private static IReadOnlyList<Result<Invited>> Refused<T>(IReadOnlyList<Result<T>> rows)
    {
        var first = rows.First(r => r.Error is not null).Error!;
        return [.. rows.Select(r => (Result<Invited>)(r.Error ?? first))];
    }
}
