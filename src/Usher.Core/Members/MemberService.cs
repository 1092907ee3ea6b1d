using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Organizations;
using Usher.Core.Users;

namespace Usher.Core.Members;

/// <summary>A member with the graph to show him by.</summary>
public sealed record MemberView(Member Member, AccessGraph Graph);

/// <summary>A run of members.</summary>
/// <param name="Items">In the order asked for.</param>
/// <param name="Total">How many the filter lets through in all, where <see cref="MemberPage.WithTotal"/> asked for it;
/// otherwise 0.</param>
public sealed record MemberRun(IReadOnlyList<MemberView> Items, int Total);

/// <summary>How a surface names a member.</summary>
/// <param name="Id">Of these four exactly one.</param>
/// <param name="Identifier">Canonical.</param>
/// <param name="Number">See <see cref="Member.Number"/>.</param>
/// <param name="Kind">Where the surface knows this kind alone: for it the other does not exist.</param>
/// <param name="InvitationId">Whom an invitation that has not ended is for.</param>
public readonly record struct MemberKey(
    Guid? Id = null, string? Identifier = null, long? Number = null, MemberKind? Kind = null,
    Guid? InvitationId = null);

/// <summary>Seeing, changing and ending memberships.</summary>
public sealed class MemberService(UsherDb db, Database database, PermissionCatalogue catalogue, TimeProvider clock)
{
    /// <summary>How many members one call may name.</summary>
    public const int MaxKeys = 1_000;

    private const int ChunkSize = 1_000;

    /// <summary>
    /// A live member of the actor's organization: the actor's own record freely, those of others as
    /// <see cref="MayRead(Actor, MemberKind)"/> says.
    /// </summary>
    /// <param name="actor">The actor that reads.</param>
    /// <param name="key">By id, identifier or number.</param>
    /// <param name="details">What the answer shows besides the member.</param>
    /// <param name="ct">Cancels the read.</param>
    /// <param name="open">Whether the surface documents that every member may read every other.</param>
    /// <returns>Refused with <c>not_allowed</c>, <c>member_not_found</c>.</returns>
    public async Task<Result<MemberView>> GetAsync(
        Actor actor, MemberKey key, MemberDetails details, CancellationToken ct, bool open = false)
    {
        var graph = await AccessGraph.ReadAsync(db, Query(actor.OrganizationId, [key], details), ct);
        var member = graph is null ? null : Live(graph, key);
        var allowed = open
            || (
                   member is null
                       ? MayRead(actor, MemberKind.Person) || MayRead(actor, MemberKind.Service)
                       : MayRead(actor, member));
        if (!allowed) return MemberErrors.NotAllowed;
        return member is null ? MemberErrors.NotFound : new MemberView(member, graph!);
    }

    /// <summary>
    /// Whether an actor may read members of a kind: persons with <c>user_management</c> or <c>directory_read</c>,
    /// service accounts with <c>user_management</c> or <c>token_management</c>.
    /// </summary>
    public static bool MayRead(Actor actor, MemberKind kind) =>
        kind is MemberKind.Person ? actor.MayReadDirectory : actor.MayReadKeys;

    private static bool MayRead(Actor actor, Member member) =>
        (actor.IsMember && actor.Id == member.Id) || MayRead(actor, member.Kind);

    // A list without a kind has those kinds that the actor may read. Null: none.
    private static MemberFilter? Readable(Actor actor, MemberFilter filter) =>
        (filter.Kind, MayRead(actor, MemberKind.Person), MayRead(actor, MemberKind.Service)) switch
        {
            (_, false, false) or (MemberKind.Person, false, _) or (MemberKind.Service, _, false) => null,
            (null, true, false) => filter with { Kind = MemberKind.Person },
            (null, false, true) => filter with { Kind = MemberKind.Service },
            _ => filter,
        };

    /// <summary>The live members a call names, and the keys that are nobody's. Changes nothing.</summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="keys">At most 1,000.</param>
    /// <param name="details">What the answer shows besides the members.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<Result<MemberSelection>> FindAsync(
        Actor actor, IReadOnlyList<MemberKey> keys, MemberDetails details, CancellationToken ct)
    {
        if (keys.Count > MaxKeys) return MemberErrors.TooMany;
        var graph = await AccessGraph.ReadAsync(db, Query(actor.OrganizationId, keys, details), ct);
        if (graph is null) return MemberErrors.NotFound;
        var selection = Select(graph, keys, []);
        return selection.Members.All(m => MayRead(actor, m)) && (selection.Members is not [] || actor.MayReadDirectory)
            ? selection
            : MemberErrors.NotAllowed;
    }

    /// <summary>
    /// All live members a filter lets through, in order, read in chunks of a thousand: memory does not grow with their
    /// number.
    /// </summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="order">By creation, identifier or number.</param>
    /// <param name="details">What the answer shows besides the members.</param>
    /// <param name="ct">Cancels.</param>
    /// <param name="filter">Null: all persons.</param>
    public async IAsyncEnumerable<MemberView> StreamAsync(
        Actor actor, MemberOrder order, MemberDetails details, [EnumeratorCancellation] CancellationToken ct,
        MemberFilter? filter = null)
    {
        if (Readable(actor, filter ?? MemberFilter.Persons) is not { } readable) yield break;
        var page = new MemberPage(order, null, ChunkSize) { Filter = Known(readable) };
        var query = new AccessQuery(actor.OrganizationId) { Page = page, AllDefinitions = true, Details = details };
        var graph = await AccessGraph.ReadAsync(db, query, ct);
        while (graph is not null)
        {
            var members = Ordered(graph, page);
            foreach (var member in members) yield return new(member, graph);
            if (members is not [.., var last] || members.Count < ChunkSize) yield break;
            graph = await graph.ReadMoreAsync(db, query with { Page = page with { After = page.KeyOf(last) } }, ct);
        }
    }

    /// <summary>
    /// A run of the live members a filter lets through, of the kinds that the actor may read; see
    /// <see cref="MayRead(Actor, MemberKind)"/>.
    /// </summary>
    /// <returns>Refused with <c>not_allowed</c> when the actor may read none of the kinds asked for, and with
    /// <c>search_too_slow</c>.</returns>
    public Task<Result<MemberRun>> PageAsync(
        Actor actor, MemberPage page, MemberDetails details, CancellationToken ct) =>
        db.SearchAsync(limited => PageOnceAsync(actor, page, details, limited), ct);

    private async Task<Result<MemberRun>> PageOnceAsync(
        Actor actor, MemberPage page, MemberDetails details, CancellationToken ct)
    {
        if (Readable(actor, page.Filter) is not { } readable) return MemberErrors.NotAllowed;
        var query = new AccessQuery(actor.OrganizationId)
        {
            Page = page with { Filter = Known(readable) }, Details = details,
        };
        return await AccessGraph.ReadAsync(db, query, ct) is { } graph
            ? new MemberRun([.. Ordered(graph, page).Select(m => new MemberView(m, graph))], graph.Total)
                : new MemberRun([], 0);
    }

    /// <summary>
    /// Changes one member, or up to 1,000 in the same way: all that are known, or, when one of them is refused, none.
    /// What is given and what is taken away the actor must hold; the address, the SSO id and the standing of a member,
    /// and whatever a pending one is offered, need him to cover the member.
    /// </summary>
    /// <returns>The members as they are then. Refused with <c>member_not_found</c> when none is known.</returns>
    public Task<Result<MemberSelection>> UpdateAsync(
        Actor actor, IReadOnlyList<MemberKey> keys, MemberChange change, MemberUpdateOptions how, CancellationToken ct)
    {
        if (keys.Count > MaxKeys) return Task.FromResult<Result<MemberSelection>>(MemberErrors.TooMany);
        if (Error.Of(Faults(change)) is { } fault) return Task.FromResult<Result<MemberSelection>>(fault);
        var email = change.Email is not null && EmailAddress.TryCanonical(change.Email, out var canonical)
            ? canonical
            : null;
        return change.MayTakeAdminAway || change.Suspended is not null
            ? database.RunLockedAsync(LockedAsync, ct)
            : RunAsync();

        // A sponsor who loses rights is found only by looking. What becomes of the sponsor's invitations then needs a
        // run under lock.
        async Task<Result<MemberSelection>> RunAsync() =>
            await database.RunAsync(OnceAsync, ct) ?? await database.RunLockedAsync(LockedAsync, ct);

        async Task<Result<MemberSelection>> LockedAsync(Unit unit) => (await OnceAsync(unit))!.Value;

        async Task<Result<MemberSelection>?> OnceAsync(Unit unit)
        {
            var query = Query(actor.OrganizationId, keys, how.Details).With(actor);
            query = ReferenceReader.With(query with
            {
                Identifiers = email is null
                    ? query.Identifiers
                    : [.. query.Identifiers, email], LockOrganization = change.MayTakeAdminAway,
            }, change.Groups?.Named ?? [], change.Roles?.Named ?? []);
            query = ReferenceReader.With(query, change.Levels);
            if (await AccessGraph.TrackAsync(unit, query, ct) is not { } graph) return MemberErrors.NotFound;
            var today = graph.Today(actor);
            if (!graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
            var named = new ReferenceReader(graph, how.UnknownReferences);
            var wanted = new Wanted(
                change, email, change.Groups?.As(named.Groups(change.Groups.Elements)),
                change.Roles?.As(named.Roles(change.Roles.Elements)), named.Levels(change.Levels));
            var selection = Select(graph, keys, named.Ignored);
            if (selection.Members is []) return Nobody(graph, keys);
            if (Precondition.Refuses(how.IfMatch, selection) is { } outdated) return outdated;
            if (named.Refused is { } unknown) return unknown;

            if (how.OnlyInvited && selection.Members.Any(m => m.Status is not MemberStatus.Invited))
                return InvitationErrors.AlreadyJoined;
            var plans = new List<MemberPlan>(selection.Members.Count);
            foreach (var member in selection.Members)
            {
                var planned = MemberPlan.Make(graph, today, member, wanted, how);
                if (!planned.TryGet(out var plan, out var refused)) return refused;
                plans.Add(plan);
            }

            Guid[] demoted = [.. plans.Where(p => p.TakesAdminAway).Select(p => p.Member.Id)];
            if (await LastAdmin.WouldGoAsync(db, actor.OrganizationId, demoted, ct)) return MemberErrors.LastAdmin;
            Member[] sponsors = [.. plans.Where(p => p.TakesAway && graph.MaySponsor(p.Member)).Select(p => p.Member)];
            Member[] restored = [.. plans.Where(p => p.Restores).Select(p => p.Member)];
            if (sponsors.Length > 0 && !unit.IsLocked) return null;

            var now = clock.Now();
            var changes = false;
            foreach (var plan in plans)
            {
                if (plan.Readdresses) await Readdressing.VoidAsync(unit.Db, plan.Member, now, ct);
                if (plan.Apply(graph, actor, now) is not { Count: > 0 } details) continue;
                unit.Add(UsherEvent.Record(EventTypes.MemberUpdated, actor, "member", plan.Member.Id, now, details));
                changes = true;
            }

            if (!changes) return selection;
            var invitations = new SponsoredInvitations(unit, graph, today, now);
            if (!(await invitations.SettleAsync(sponsors, how.Sponsored, ct))
                    .TryGet(out var sponsored, out var tooMany))
                return tooMany;
            if (restored.Length > 0) await invitations.UnblockAsync(restored, ct);
            return selection with { Sponsored = sponsored };
        }
    }

    /// <summary>
    /// Ends one membership; see
    /// <see cref="RemoveAsync(Actor, IReadOnlyList{MemberKey}, MemberRemoveOptions, CancellationToken)"/>.
    /// </summary>
    public async Task<Result<Member>> RemoveAsync(Actor actor, Guid memberId, CancellationToken ct) =>
        (await RemoveAsync(actor, [new(Id: memberId)], new(), ct))
            .Match<Result<Member>>(removed => removed.Members[0], error => error);

    /// <summary>
    /// Ends memberships, or the offer of them: permissions, roles, groups and keys go, levels on resources stay for a
    /// re-invite. Acts on the member's very next request. All that are known, at most 1,000, or, when one of them is
    /// refused, none.
    /// </summary>
    /// <returns>Refused with <c>member_not_found</c> when none is known, with <c>last_admin</c> when no active
    /// administrator would be left.</returns>
    public Task<Result<MemberSelection>> RemoveAsync(
        Actor actor, IReadOnlyList<MemberKey> keys, MemberRemoveOptions how, CancellationToken ct) =>
        database.RunLockedAsync<Result<MemberSelection>>(async unit =>
    {
        if (keys.Count > MaxKeys) return MemberErrors.TooMany;
        var graph = await AccessGraph.TrackAsync(
            unit, Query(actor.OrganizationId, keys, how.Details).With(actor) with { LockOrganization = true }, ct);
        if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
        var selection = Select(graph, keys, []);
        if (selection.Members is []) return Nobody(graph, keys);
        if (Precondition.Refuses(how.IfMatch, selection) is { } outdated) return outdated;
        foreach (var member in selection.Members)
            if (RemovalRefusal(graph, today, member, how) is { } refusal) return refusal;

        return (await RemoveAndSettleAsync(
            unit, graph, today, selection.Members, how.Sponsored, EventTypes.MemberRemoved, ct))
            .Match<Result<MemberSelection>>(sponsored => selection with { Sponsored = sponsored }, error => error);
    }, ct);

    /// <summary>
    /// A person leaves an organization: the membership ends as by a removal, levels on resources stay for a re-invite.
    /// Needs no permission. The invitations the member sponsors wait for an administrator's decision.
    /// </summary>
    /// <param name="userId">The person's account.</param>
    /// <param name="memberId">The membership: active or suspended, and the person's own.</param>
    /// <param name="ct">Cancels the operation.</param>
    /// <returns>The member as it is then. Refused with <c>member_not_found</c>, and with <c>last_admin</c> for the last
    /// administrator who can act.</returns>
    public Task<Result<Member>> LeaveAsync(Guid userId, Guid memberId, CancellationToken ct) =>
        database.RunLockedAsync<Result<Member>>(async unit =>
    {
        var organization = await db.Members.Where(m =>
            m.UserId == userId && m.Id == memberId
                && (m.Status == MemberStatus.Active || m.Status == MemberStatus.Suspended))
            .Select(m => (Guid?)m.OrganizationId).SingleOrDefaultAsync(ct);
        if (organization is not { } id) return MemberErrors.NotFound;
        var graph = await AccessGraph.TrackAsync(unit, new(id) { MemberIds = [memberId], LockOrganization = true }, ct);
        if (graph?.Member(memberId) is not { Status: MemberStatus.Active or MemberStatus.Suspended } member
                || member.UserId != userId)
            return MemberErrors.NotFound;
        return (await RemoveAndSettleAsync(
            unit, graph, Actor.Of(member), [member], SponsoredAction.Block, EventTypes.MemberLeft, ct))
            .Match<Result<Member>>(_ => member, error => error);
    }, ct);

    /// <summary>
    /// Ends the offers made to up to 1,000 invited members, each named once. Each is judged alone: a refused one stops
    /// no other.
    /// </summary>
    /// <returns>One outcome per member, in their order: refused with <c>member_not_found</c> where nobody is there any
    /// more, with <c>already_joined</c> where he is in.</returns>
    public Task<IReadOnlyList<Result<Member>>> RemoveInvitedAsync(
        Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct) =>
        database.RunAsync(unit => RemoveInvitedAsync(unit, actor, memberIds, ct), ct);

    /// <summary>The same in a unit.</summary>
    internal async Task<IReadOnlyList<Result<Member>>> RemoveInvitedAsync(
        Unit unit, Actor actor, IReadOnlyList<Guid> memberIds, CancellationToken ct)
    {
        if (memberIds.Count > MaxKeys) return [.. memberIds.Select(_ => (Result<Member>)MemberErrors.TooMany)];
        var graph = await AccessGraph.TrackAsync(
            unit, new AccessQuery(actor.OrganizationId) { MemberIds = memberIds }.With(actor), ct);
        if (graph?.Today(actor) is not { } today || !graph.MayManageUsers(today))
            return [.. memberIds.Select(_ => (Result<Member>)MemberErrors.NotAllowed)];
        Result<Member>[] outcomes = [.. memberIds.Select(Judge)];
        List<Member> removed = [.. outcomes.Where(o => o.Error is null).Select(o => o.Value)];
        if (removed is not []) await RemoveAllAsync(unit, graph, actor, removed, EventTypes.MemberRemoved, ct);
        return outcomes;

        Result<Member> Judge(Guid id)
        {
            if (graph.Member(id) is not { IsLive: true } member) return MemberErrors.NotFound;
            return RemovalRefusal(graph, today, member, new(OnlyInvited: true)) is { } refusal ? refusal : member;
        }
    }

    private static Error? RemovalRefusal(AccessGraph graph, Actor actor, Member member, MemberRemoveOptions how)
    {
        if (how.OnlyInvited && member.Status is not MemberStatus.Invited) return InvitationErrors.AlreadyJoined;
        if (how.RefuseAdmins && member.Role is BuiltInRole.Admin) return MemberErrors.IsAdmin;
        if (how.RefuseSelf && actor.IsMember && actor.Id == member.Id) return MemberErrors.IsSelf;
        return graph.Pass(GrantingRule.RemovalCovers, graph.Covers(actor, member)) ? null : MemberErrors.NotCovered;
    }

    /// <summary>
    /// Removes members together with what becomes of the invitations that they are the sponsors of, and saves. Only in
    /// a run under lock.
    /// </summary>
    /// <returns>Refused with <c>last_admin</c> or <c>too_many_invitations</c>, with nothing changed.</returns>
    internal async Task<Result<SponsoredOutcome>> RemoveAndSettleAsync(
        Unit unit, AccessGraph graph, Actor actor, IReadOnlyList<Member> members, SponsoredAction action,
        string eventType,
        CancellationToken ct)
    {
        Guid[] ids = [.. members.Select(m => m.Id)];
        if (members.Any(m => m.IsAdmin) && await LastAdmin.WouldGoAsync(db, graph.Organization.Id, ids, ct))
            return MemberErrors.LastAdmin;
        Member[] sponsors = [.. members.Where(m => m.Status is not MemberStatus.Invited)];
        await RemoveAllAsync(unit, graph, actor, members, eventType, ct);
        if (!(await new SponsoredInvitations(unit, graph, actor, clock.Now()).SettleAsync(sponsors, action, ct))
                .TryGet(out var settled, out var refused))
            return refused;
        return settled;
    }

    private async Task RemoveAllAsync(
        Unit unit, AccessGraph graph, Actor actor, IReadOnlyList<Member> members, string eventType,
        CancellationToken ct)
    {
        var now = clock.Now();
        Guid[] ids = [.. members.Select(m => m.Id)];
        unit.RemoveRange(
            await db.ApiKeys.Where(k => k.OrganizationId == actor.OrganizationId && ids.Contains(k.MemberId!.Value))
                .ToListAsync(ct));
        foreach (var change in await db.AddressChanges.Where(c =>
                c.OrganizationId == actor.OrganizationId && ids.Contains(c.MemberId)
                    && c.Status == AddressChangeStatus.Pending).ToListAsync(ct))
            change.Supersede(now);
        foreach (var member in members) Remove(unit, graph.Organization, member, actor, eventType, now);
    }

    /// <summary>Takes back the offer made to an invited member, in the caller's save. The member is tracked.</summary>
    /// <param name="reason">The <see cref="Error.Code"/> of why it is taken back.</param>
    internal static void RemoveInvited(
        Unit unit, Organization organization, Member member, Actor actor, DateTimeOffset now, string reason) =>
        Remove(unit, organization, member, actor, EventTypes.MemberRemoved, now, reason);

    private static void Remove(
        Unit unit, Organization organization, Member member, Actor actor, string eventType, DateTimeOffset now,
        string? reason = null)
    {
        foreach (var invitation in member.Invitations)
        {
            invitation.End(InvitationStatus.Revoked, now, reason);
            unit.Add(UsherEvent.Record(
                EventTypes.InvitationRevoked, actor, "invitation", invitation.Id, now,
                new() { ["email"] = member.Identifier }, reason));
        }

        EndMembership(unit, organization, member, actor, eventType, now);
    }

    /// <summary>Ends a membership whose invitations have ended, in the caller's save. The member is tracked.</summary>
    internal static void EndMembership(
        Unit unit, Organization organization, Member member, Actor actor, string eventType, DateTimeOffset now)
    {
        if (member.TakesSeat && organization.SeatLimit is not null) unit.ChangeSeats(organization.Id, -1);
        member.Remove(actor, now);
        unit.Add(UsherEvent.Record(
            eventType, actor, "member", member.Id, now, new() { ["email"] = member.Identifier }));
    }

    /// <summary>What reads the members named.</summary>
    internal static AccessQuery Query(Guid organization, IReadOnlyList<MemberKey> keys, MemberDetails details) =>
        new(organization)
    {
        // Nobody has an identifier with control characters, and PostgreSQL takes no zero.
        MemberIds = [.. keys.Select(k => k.Id).OfType<Guid>().Distinct()],
        Identifiers = [.. keys.Select(k => k.Identifier).OfType<string>().Where(i => Text.IsWellFormed(i)).Distinct()],
        Numbers = [.. keys.Select(k => k.Number).OfType<long>().Distinct()],
        InvitationIds = [.. keys.Select(k => k.InvitationId).OfType<Guid>().Distinct()], Details = details,
    };

    /// <summary>The members named, among those read.</summary>
    internal static MemberSelection Select(
        AccessGraph graph, IReadOnlyList<MemberKey> keys, IReadOnlyList<IgnoredReference> ignored)
    {
        var byNumber = graph.Members.Where(m => m.IsLive).ToDictionary(m => m.Number);
        var byIdentifier = byNumber.Values.ToDictionary(m => m.Identifier);
        List<Member> found = [];
        List<MemberKey> unknown = [];
        foreach (var key in keys.Distinct())
        {
            var member = key switch
            {
                { Id: { } id } => graph.Member(id),
                { Number: { } number } => byNumber.GetValueOrDefault(number),
                { InvitationId: { } invitation } =>
                    graph.Invitation(invitation) is { HasEnded: false } open ? graph.Member(open.MemberId) : null,
                _ => byIdentifier.GetValueOrDefault(key.Identifier ?? ""),
            };
            if (member is { IsLive: true } && (key.Kind ?? member.Kind) == member.Kind) found.Add(member);
            else unknown.Add(key);
        }

        return new([.. found.Distinct()], unknown, ignored, graph)
        {
            Invitation = keys is [{ InvitationId: { } named }] ? graph.Invitation(named) : null,
        };
    }

    /// <summary>Everything that is wrong with a change, whomever it is for.</summary>
    public IEnumerable<Error> Faults(MemberChange change)
    {
        if (change.Email is { } email && !EmailAddress.TryCanonical(email, out _))
            yield return InvitationErrors.EmailInvalid;
        if (change.FirstName is { } first && !Text.IsName(first)) yield return InvitationErrors.FirstNameInvalid;
        if (change.LastName is { } last && !Text.IsName(last)) yield return InvitationErrors.LastNameInvalid;
        if (change.TimeZone.Or(null) is { Length: > 0 } zone && !Text.IsTimeZone(zone))
            yield return InvitationErrors.TimeZoneUnknown;
        if (change.Locale.Or(null) is { } locale && !Text.IsLocale(locale)) yield return InvitationErrors.LocaleInvalid;
        if (change.SsoId.Or(null) is { } sso && !Text.IsName(sso)) yield return MemberErrors.SsoIdInvalid;
        if (change.Description is { } description && !Text.IsDescription(description))
            yield return MemberErrors.DescriptionInvalid;
        foreach (var fault in catalogue.Faults(change.Permissions?.Named ?? [])) yield return fault;
        if (change.Metadata?.Any(m => !Text.IsMetadata(m.Key, m.Value ?? "")) is true)
            yield return MemberErrors.MetadataInvalid;
        if (change.ExpiresAt is { } end && !InvitationOptions.MayEnd(end, clock.Now()))
            yield return InvitationErrors.ExpiryInvalid;
    }

    // Nobody, or, for an invitation, what became of it.
    internal static Error Nobody(AccessGraph graph, IReadOnlyList<MemberKey> keys) =>
        keys is not [{ InvitationId: { } id }]
            ? MemberErrors.NotFound
            : graph.Invitation(id) is { } ended
            ? InvitationErrors.Ended(ended.Status)
            : InvitationErrors.NotFound;

    // Only the catalogue knows which permissions there are, and so what an administrator holds.
    private MemberFilter Known(MemberFilter filter) =>
        filter with { Conditions = [.. filter.Conditions.Select(Known)] };

    internal MemberCondition Known(MemberCondition condition)
    {
        if (condition.Field is not (MemberField.Permission or MemberField.EffectivePermission)) return condition;
        string[] names = [.. catalogue.Names.Where(name => condition.Match.Finds(name, condition.Texts))];
        return condition with { AdminsHoldIt = names.Length > 0, Permissions = names };
    }

    private static Member? Live(AccessGraph graph, MemberKey key) =>
        Select(graph, [key], []).Members is [var member] ? member : null;

    private static List<Member> Ordered(AccessGraph graph, MemberPage page)
    {
        IEnumerable<Member> ordered = page.Order switch
        {
            MemberOrder.Created => graph.Members.OrderBy(m => m.Id),
            MemberOrder.Identifier => graph.Members.OrderBy(m => m.Identifier, Text.KeyOrder),
            MemberOrder.Number => graph.Members.OrderBy(m => m.Number),
            MemberOrder.LastSignIn => graph.Members.OrderBy(m => m.LastSignInAt ?? m.CreatedAt).ThenBy(m => m.Id),
        };
        return page.Descending ? [.. ordered.Reverse()] : [.. ordered];
    }
}
