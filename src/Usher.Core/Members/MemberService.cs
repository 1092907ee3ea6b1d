using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;
using Usher.Core.Users;

namespace Usher.Core.Members;

/// <summary>A member with the access graph used to show it.</summary>
public sealed record MemberView(Member Member, AccessGraph Graph);

/// <summary>A page of members.</summary>
/// <param name="Items">The members in the requested order.</param>
/// <param name="Total">The number of members that match the filter, if <see cref="MemberPage.WithTotal"/> asked for it;
/// otherwise 0.</param>
public sealed record MemberRun(IReadOnlyList<MemberView> Items, int Total);

/// <summary>Identifies a member. Exactly one of id, identifier, number and invitation id is set.</summary>
/// <param name="Id">The member's id.</param>
/// <param name="Identifier">The canonical identifier.</param>
/// <param name="Number">See <see cref="Member.Number"/>.</param>
/// <param name="Kind">The only kind the surface knows; null: any kind. Members of the other kind do not match.</param>
/// <param name="InvitationId">The id of an invitation of the member that has not ended.</param>
public readonly record struct MemberKey(
    Guid? Id = null, string? Identifier = null, long? Number = null, MemberKind? Kind = null,
    Guid? InvitationId = null);

/// <summary>Reads, changes and removes members.</summary>
public sealed partial class MemberService(
    UsherDb db, Database database, PermissionCatalogue catalogue, TimeProvider clock)
{
    /// <summary>The maximum number of members in one call.</summary>
    public const int MaxKeys = 1_000;

    private const int ChunkSize = 1_000;

    /// <summary>
    /// Reads a member that is not removed. Actors may read their own record; other records need the rights of
    /// <see cref="MayRead(Actor, MemberKind)"/>.
    /// </summary>
    /// <param name="actor">The actor that reads.</param>
    /// <param name="key">By id, identifier or number.</param>
    /// <param name="details">What the answer includes besides the member.</param>
    /// <param name="ct">Cancels the read.</param>
    /// <param name="open">Whether the surface documents that every member may read every other.</param>
    /// <returns>Refused with <c>not_allowed</c> or <c>member_not_found</c>.</returns>
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
        if (!allowed) return CommonErrors.NotAllowed;
        return member is null ? MemberErrors.NotFound : new MemberView(member, graph!);
    }

    /// <summary>
    /// Whether an actor may read members of a kind. Persons need <c>user_management</c> or <c>directory_read</c>;
    /// service accounts need <c>user_management</c> or <c>token_management</c>.
    /// </summary>
    public static bool MayRead(Actor actor, MemberKind kind) =>
        kind is MemberKind.Person ? actor.MayReadDirectory : actor.MayReadKeys;

    private static bool MayRead(Actor actor, Member member) =>
        (actor.IsMember && actor.Id == member.Id) || MayRead(actor, member.Kind);

    // Restricts a filter without a kind to the kinds that the actor may read. Null if the actor may read none.
    private static MemberFilter? Readable(Actor actor, MemberFilter filter) =>
        (filter.Kind, MayRead(actor, MemberKind.Person), MayRead(actor, MemberKind.Service)) switch
        {
            (_, false, false) or (MemberKind.Person, false, _) or (MemberKind.Service, _, false) => null,
            (null, true, false) => filter with { Kind = MemberKind.Person },
            (null, false, true) => filter with { Kind = MemberKind.Service },
            _ => filter,
        };

    /// <summary>
    /// Finds the members that a call selects, and lists the keys that match no member. Changes nothing.
    /// </summary>
    /// <param name="actor">The actor that reads.</param>
    /// <param name="keys">At most 1,000.</param>
    /// <param name="details">What the answer includes besides the members.</param>
    /// <param name="ct">Cancels the read.</param>
    /// <returns>Refused with <c>not_allowed</c>, or with <c>too_many_rows</c> for more than 1,000 keys.</returns>
    public async Task<Result<MemberSelection>> FindAsync(
        Actor actor, IReadOnlyList<MemberKey> keys, MemberDetails details, CancellationToken ct)
    {
        if (keys.Count > MaxKeys) return CommonErrors.TooManyEntries;
        var graph = await AccessGraph.ReadAsync(db, Query(actor.OrganizationId, keys, details), ct);
        if (graph is null) return MemberErrors.NotFound;
        var selection = Select(graph, keys, []);
        return selection.Members.All(m => MayRead(actor, m)) && (selection.Members is not [] || actor.MayReadDirectory)
            ? selection
            : CommonErrors.NotAllowed;
    }

    /// <summary>
    /// Streams all members that match a filter and that the actor may read. Reads chunks of 1,000, so memory use does
    /// not depend on their number.
    /// </summary>
    /// <param name="actor">The actor that reads.</param>
    /// <param name="order">The sort order.</param>
    /// <param name="details">What the answer includes besides the members.</param>
    /// <param name="ct">Cancels the read.</param>
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
    /// Reads a page of the members that match a filter, of the kinds that the actor may read; see
    /// <see cref="MayRead(Actor, MemberKind)"/>.
    /// </summary>
    /// <returns>Refused with <c>not_allowed</c> when the actor may read none of the requested kinds, and with
    /// <c>search_too_slow</c>.</returns>
    public Task<Result<MemberRun>> PageAsync(
        Actor actor, MemberPage page, MemberDetails details, CancellationToken ct) =>
        db.SearchAsync(limited => PageOnceAsync(actor, page, details, limited), ct);

    private async Task<Result<MemberRun>> PageOnceAsync(
        Actor actor, MemberPage page, MemberDetails details, CancellationToken ct)
    {
        if (Readable(actor, page.Filter) is not { } readable) return CommonErrors.NotAllowed;
        var query = new AccessQuery(actor.OrganizationId)
        {
            Page = page with { Filter = Known(readable) }, Details = details,
        };
        return await AccessGraph.ReadAsync(db, query, ct) is { } graph
            ? new MemberRun([.. Ordered(graph, page).Select(m => new MemberView(m, graph))], graph.Total)
                : new MemberRun([], 0);
    }

    /// <summary>The query that reads the selected members.</summary>
    internal static AccessQuery Query(Guid organization, IReadOnlyList<MemberKey> keys, MemberDetails details) =>
        new(organization)
    {
        // No identifier contains control characters, and PostgreSQL rejects U+0000.
        MemberIds = [.. keys.Select(k => k.Id).OfType<Guid>().Distinct()],
        Identifiers = [.. keys.Select(k => k.Identifier).OfType<string>().Where(i => Text.IsWellFormed(i)).Distinct()],
        Numbers = [.. keys.Select(k => k.Number).OfType<long>().Distinct()],
        InvitationIds = [.. keys.Select(k => k.InvitationId).OfType<Guid>().Distinct()], Details = details,
    };

    /// <summary>Selects members from a graph by key.</summary>
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

    /// <summary>Lists all faults in a change that do not depend on the member.</summary>
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
            yield return CommonErrors.DescriptionInvalid;
        foreach (var fault in catalogue.Faults(change.Permissions?.Named ?? [])) yield return fault;
        if (change.Metadata?.Any(m => !Text.IsMetadata(m.Key, m.Value ?? "")) is true)
            yield return MemberErrors.MetadataInvalid;
        if (change.ExpiresAt is { } end && !InvitationOptions.MayEnd(end, clock.Now()))
            yield return InvitationErrors.ExpiryInvalid;
    }

    // The error when no member was found. For an invitation id, the error gives the state of the invitation.
    internal static Error NoneFound(AccessGraph graph, IReadOnlyList<MemberKey> keys) =>
        keys is not [{ InvitationId: { } id }]
            ? MemberErrors.NotFound
            : graph.Invitation(id) is { } ended
            ? InvitationErrors.Ended(ended.Status)
            : InvitationErrors.NotFound;

    // Only the catalogue knows all permissions, and administrators hold all of them.
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
