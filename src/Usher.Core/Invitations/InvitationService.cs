using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Invitations;

/// <summary>What members do about invitations. Every surface calls this; none repeats it. What the invited person does is <see cref="GuestService"/>.</summary>
public sealed class InvitationService(
    UsherDb db, PermissionCatalogue catalogue, MemberNumbers numbers, InvitationMails mails, TimeProvider clock)
{
    /// <summary>How many people one call may invite.</summary>
    public const int MaxRows = 1_000;

    /// <summary>
    /// Invites 1 to 1,000 people. What the accepted rows change is saved together or not at all; a refused row stops no other, unless the options say so.
    /// </summary>
    /// <returns>One outcome per row, in their order. Of two calls for one address at once, the later finds the earlier's member: its options decide.</returns>
    public async Task<IReadOnlyList<Result<Invited>>> InviteAsync(Actor actor, IReadOnlyList<NewInvitation> rows, InviteOptions how, CancellationToken ct)
    {
        if (!actor.May(Permissions.UserManagement)) return [.. rows.Select(_ => (Result<Invited>)MemberErrors.NotAllowed)];
        if (rows.Count > MaxRows) return [.. rows.Select(_ => (Result<Invited>)InvitationErrors.TooManyRows)];

        var read = rows.Select(Read).ToArray();
        if (!Array.Exists(read, r => r.Error is null) || (how.AllOrNothing && Array.Exists(read, r => r.Error is not null))) return Refused(read);

        var first = await numbers.TakeAsync(rows.Count, ct);
        return await db.RunAsync<IReadOnlyList<Result<Invited>>>(async () =>
        {
            if (await AccessGraph.TrackAsync(db, Query(actor, read, how), ct) is not { } graph) return [.. rows.Select(_ => (Result<Invited>)MemberErrors.NotFound)];
            var call = new Call(graph, graph.Today(actor), how, clock.Now());
            if (!call.Actor.May(Permissions.UserManagement)) return [.. rows.Select(_ => (Result<Invited>)MemberErrors.NotAllowed)];
            Result<Invited>[] outcomes = [.. read.Select((row, i) => row.Match(r => Invite(call, r, first + i), error => error))];
            if (how.AllOrNothing && Array.Exists(outcomes, o => o.Error is not null))
            {
                db.ChangeTracker.Clear();
                return Refused(outcomes);
            }

            db.ChangeSeats(actor.OrganizationId, graph.Organization.SeatLimit is null ? 0 : call.NewSeats);
            await db.SaveChangesAsync(ct);
            return outcomes;
        }, ct);
    }

    /// <summary>Mails a new link to somebody who has not joined: the clock restarts, older links no longer open, the actor becomes the sponsor.</summary>
    /// <returns>Refused with <c>already_joined</c> for somebody who has.</returns>
    public Task<Result<Member>> ResendAsync(Actor actor, Guid memberId, CancellationToken ct) => db.RunAsync<Result<Member>>(async () =>
    {
        var graph = await AccessGraph.TrackAsync(db, new(actor.OrganizationId) { MemberIds = [memberId, actor.Id] }, ct);
        if (graph?.Today(actor).May(Permissions.UserManagement) is not true) return MemberErrors.NotAllowed;
        if (graph.Member(memberId) is not { IsLive: true, Kind: MemberKind.Person } member) return MemberErrors.NotFound;
        if (member.UserId is not null) return InvitationErrors.AlreadyJoined;
        if (!graph.Today(actor).Covers(graph.Of(member))) return MemberErrors.NotCovered;

        var now = clock.Now();
        var invitation = mails.Send(db, graph.Organization, member, sponsor: actor, now);
        db.Add(UsherEvent.Record(EventTypes.InvitationSent, actor, "invitation", invitation.Id, now, new() { ["email"] = member.Identifier }));
        await db.SaveChangesAsync(ct);
        return member;
    }, ct);

    /// <summary>Stores what the clock has already decided: pending invitations past their time become expired, each with its event.</summary>
    /// <returns>How many; fewer than 500 means none is left.</returns>
    public Task<int> SweepExpiredAsync(CancellationToken ct) => db.RunAsync(async () =>
    {
        var now = clock.Now();
        var due = await db.Invitations.Where(i => i.Status == InvitationStatus.Pending && i.ExpiresAt <= now).OrderBy(i => i.ExpiresAt).Take(500).ToListAsync(ct);
        foreach (var invitation in due)
        {
            invitation.End(InvitationStatus.Expired, now);
            db.Add(UsherEvent.Record(EventTypes.InvitationExpired, Actor.System(invitation.OrganizationId), "invitation", invitation.Id, now, cause: "sweep"));
        }

        if (due.Count > 0) await db.SaveChangesAsync(ct);
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

        public bool HasSeat => graph.Organization.SeatLimit is not { } limit || graph.Organization.SeatsUsed + NewSeats < limit;
    }

    // What can be judged without the database.
    private Result<Row> Read(NewInvitation row)
    {
        if (!EmailAddress.TryCanonical(row.Email, out var identifier)) return InvitationErrors.EmailInvalid;
        if (row.FirstName is { } first && !Text.IsName(first)) return InvitationErrors.FirstNameInvalid;
        if (row.LastName is { } last && !Text.IsName(last)) return InvitationErrors.LastNameInvalid;
        if (row.TimeZone is { } zone && !Text.IsTimeZone(zone)) return InvitationErrors.TimeZoneUnknown;
        if (row.Permissions?.FirstOrDefault(p => !catalogue.Contains(p)) is { } unknown) return InvitationErrors.PermissionUnknown(unknown);
        return new Row(row, identifier);
    }

    private static AccessQuery Query(Actor actor, IReadOnlyList<Result<Row>> rows, InviteOptions how)
    {
        List<Row> good = [.. rows.Where(r => r.Error is null).Select(r => r.Value)];
        var query = new AccessQuery(actor.OrganizationId) { Identifiers = [.. good.Select(r => r.Identifier).Distinct()], Details = how.Details }.With(actor);
        query = ReferenceReader.With(query, good.SelectMany(r => r.Given.Groups ?? []), good.SelectMany(r => r.Given.Roles));
        return ReferenceReader.With(query, good.SelectMany(r => r.Given.Levels));
    }

    // The rule for one row: objects in memory only, and nothing is touched before the last refusal.
    private Result<Invited> Invite(Call call, Row row, long number)
    {
        var (graph, organization, given) = (call.Graph, call.Graph.Organization, row.Given);
        if (organization.AllowedEmailDomains is { Count: > 0 } domains && !domains.Contains(EmailAddress.DomainOf(row.Identifier))) return InvitationErrors.DomainNotAllowed;
        if (call.How.ActivateAtOnce && organization.ExternalIdentityProvider is null) return InvitationErrors.NoIdentityProvider;
        var named = new ReferenceReader(graph, call.How.UnknownReferences);
        var grants = new Grants(
            given.Permissions ?? organization.DefaultPermissions, given.Groups is null ? [.. graph.DefaultGroups] : named.Groups(given.Groups), named.Roles(given.Roles), named.Levels(given.Levels));
        if (named.Refused is { } unknown) return unknown;
        var ignored = named.Ignored;

        var member = graph.Member(row.Identifier);
        if (member is { IsLive: true })
        {
            if (call.How.OnPending is not OnPending.Refresh && call.Done.Contains(row.Identifier)) return new Invited(member, graph, InviteOutcome.Repeated, ignored);
            switch (member.Status, call.How)
            {
                case (MemberStatus.Invited, { OnPending: OnPending.Skip }) or (not MemberStatus.Invited, { OnActive: OnActive.Skip }):
                    return new Invited(member, graph, InviteOutcome.Skipped, ignored);
                case (MemberStatus.Invited, { OnPending: OnPending.Refuse }): return InvitationErrors.AlreadyInvited;
                case (not MemberStatus.Invited, { OnActive: OnActive.Refuse }): return InvitationErrors.AlreadyMember;
            }
        }

        if (!call.Actor.CanGrant(Conferred(graph, given, grants))) return InvitationErrors.MoreThanYouHold;
        var revives = member is { IsLive: false } && call.How.OnRemoved is OnRemoved.Revive;
        if (member is not null && (member.IsLive || revives) && !call.Actor.Covers(graph.Of(member))) return MemberErrors.NotCovered; // he keeps what he had
        if (member is not { IsLive: true } && !call.HasSeat) return InvitationErrors.SeatsExhausted;

        var outcome = member switch { { IsLive: true } => InviteOutcome.Refreshed, not null when revives => InviteOutcome.Revived, _ => InviteOutcome.Invited };
        if (outcome is InviteOutcome.Revived) member!.Revive();
        if (outcome is InviteOutcome.Invited) member = db.Add(NewMember(organization, row, number, call.Now)).Entity;
        if (outcome is not InviteOutcome.Refreshed) call.NewSeats++;

        Guid[] groupsBefore = [.. member!.Groups.Select(g => g.GroupId)], rolesBefore = [.. member.Roles.Select(r => r.RoleId)];
        member.FirstName = given.FirstName is { } first ? Text.Name(first) : member.FirstName;
        member.LastName = given.LastName is { } last ? Text.Name(last) : member.LastName;
        member.TimeZone = given.TimeZone ?? member.TimeZone;
        Give(member, given, grants, call);
        if (outcome is InviteOutcome.Refreshed) graph.Moved(member, groupsBefore, rolesBefore);
        else graph.Add(member);
        call.Done.Add(row.Identifier);

        db.Add(UsherEvent.Record(call.How.ActivateAtOnce ? EventTypes.MemberCreated : EventTypes.MemberInvited, call.Actor, "member", member.Id, call.Now, new()
        {
            ["email"] = member.Identifier, ["role"] = SnakeCaseName.Of(member.Role.ToString()), ["outcome"] = SnakeCaseName.Of(outcome.ToString()),
            ["permissions"] = string.Join(' ', member.Permissions.Select(p => p.Permission)),
        }));
        if (call.How.ActivateAtOnce)
        {
            member.Activate();
            foreach (var invitation in member.Invitations) invitation.End(InvitationStatus.Superseded, call.Now);
        }
        else if (call.How.SendMail) mails.Send(db, organization, member, sponsor: call.Actor, call.Now);
        return new Invited(member, graph, outcome, ignored);
    }

    private static Member NewMember(Organization organization, Row row, long number, DateTimeOffset now) => new()
    {
        OrganizationId = organization.Id, Id = Uuid.Create(now), Number = number, Identifier = row.Identifier, Email = row.Given.Email.Trim(),
        Kind = MemberKind.Person, Status = MemberStatus.Invited, CreatedAt = now,
    };

    private sealed record Grants(IReadOnlyList<string> Permissions, IReadOnlyList<Group> Groups, IReadOnlyList<Role> Roles, IReadOnlyList<(Guid Resource, Reach Reach)> Levels);

    // All that the new member would have by this invitation, being one of Everyone included: exactly what his sponsor must cover when he joins.
    private static EffectiveAccess Conferred(AccessGraph graph, NewInvitation given, Grants grants)
    {
        var access = new EffectiveAccess.Builder().Add(given.Role).Add(grants.Permissions);
        if (given.AllResources is true) access.AddEverywhere(AccessLevel.Full);
        foreach (var role in grants.Roles) AccessGraph.Confer(access, role);
        foreach (var group in grants.Groups.Concat(graph.Implied(MemberKind.Person))) graph.Confer(access, group);
        foreach (var (resource, reach) in grants.Levels) access.Add(resource, reach);
        return access.Build();
    }

    private static void Give(Member member, NewInvitation given, Grants grants, Call call)
    {
        var (actor, now) = (call.Actor, call.Now);
        member.Give(given.Role, actor, now);
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
