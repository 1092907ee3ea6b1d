using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Roles;

namespace Usher.Core.Invitations;

/// <summary>
/// Operations of members on invitations. Every surface uses this class. <see cref="GuestService"/> has the operations
/// of the invited person.
/// </summary>
public sealed partial class InvitationService(
    UsherDb db, Database database, PermissionCatalogue catalogue, MemberNumbers numbers, InvitationMails mails,
    TimeProvider clock)
{
    /// <summary>The maximum number of people that one call may invite.</summary>
    public const int MaxRows = 1_000;

    /// <summary>
    /// Invites 1 to 1,000 people. The changes of all accepted rows are committed together. A refused row does not stop
    /// the others unless <see cref="InviteOptions.AllOrNothing"/> is set.
    /// </summary>
    /// <returns>One outcome per row, in order. If two concurrent calls invite the same address, the later call finds
    /// the member of the earlier one, and its options decide.</returns>
    public async Task<IReadOnlyList<Result<Invited>>> InviteAsync(
        Actor actor, IReadOnlyList<NewInvitation> rows, InviteOptions how, CancellationToken ct)
    {
        if (!actor.May(Permissions.UserManagement))
            return [.. rows.Select(_ => (Result<Invited>)CommonErrors.NotAllowed)];
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
        if (!actor.May(Permissions.UserManagement)) return CommonErrors.NotAllowed;
        if (!Read(row).TryGet(out var read, out var refused)) return refused;
        var number = await numbers.TakeAsync(1, ct);
        return await database.RunAsync(
            async unit => (await InviteAsync(unit, actor, [(Result<Row>)read], number, how, ct))[0], ct);
    }

    /// <summary>
    /// Invites people within a unit. The rows' member numbers must already be allocated; see
    /// <see cref="MemberNumbers"/>.
    /// </summary>
    internal Task<IReadOnlyList<Result<Invited>>> InviteAsync(
        Unit unit, Actor actor, IReadOnlyList<NewInvitation> rows, long firstNumber, InviteOptions how,
        CancellationToken ct) =>
        actor.May(Permissions.UserManagement)
            ? InviteAsync(unit, actor, [.. rows.Select(Read)], firstNumber, how, ct)
            : Task.FromResult<IReadOnlyList<Result<Invited>>>(
                [.. rows.Select(_ => (Result<Invited>)CommonErrors.NotAllowed)]);

    private async Task<IReadOnlyList<Result<Invited>>> InviteAsync(
        Unit unit, Actor actor, Result<Row>[] read, long firstNumber, InviteOptions how, CancellationToken ct)
    {
        var query = Query(actor, read, how);
        if (await AccessGraph.ReadAsync(unit, query, ct) is not { } graph)
            return [.. read.Select(_ => (Result<Invited>)MemberErrors.NotFound)];
        graph.Track(unit, query.Identifiers);
        var call = new Call(graph, graph.Today(actor), how, clock.Now());
        if (!graph.MayManageUsers(call.Actor)) return [.. read.Select(_ => (Result<Invited>)CommonErrors.NotAllowed)];
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

    /// <summary>Validates a row without the database. Returns all errors found.</summary>
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

    // The rule for one row. It works on objects in memory only and changes nothing before the last check.
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
            return CommonErrors.MoreThanYouHold;
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
        member.SponsoredBy(call.Actor); // whether or not a mail is sent
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

    // Whether a row offers anything that a pending member is not offered yet, including a working link. Grants are only
    // added, never removed, so only missing ones count.
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

    // Everything that the invitation would grant the new member, except what everyone has. The sponsor must cover it
    // when the person joins.
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
