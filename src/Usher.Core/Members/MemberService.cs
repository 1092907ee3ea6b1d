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
public sealed partial class MemberService(UsherDb db, Database database, PermissionCatalogue catalogue, TimeProvider clock)
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
