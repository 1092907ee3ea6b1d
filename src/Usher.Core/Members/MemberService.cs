using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;

namespace Usher.Core.Members;

/// <summary>A member with the graph to show him by.</summary>
public sealed record MemberView(Member Member, AccessGraph Graph);

/// <summary>How a surface names a member.</summary>
public readonly record struct MemberKey(Guid? Id = null, string? Identifier = null, long? Number = null);

/// <summary>Seeing and ending memberships.</summary>
public sealed class MemberService(UsherDb db, TimeProvider clock)
{
    private const int ChunkSize = 1_000;

    /// <summary>A live member of the actor's organization. Anybody may look himself up; for others a surface may ask for more.</summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="key">By id, identifier or number.</param>
    /// <param name="details">What the answer shows besides the member.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<Result<MemberView>> GetAsync(Actor actor, MemberKey key, MemberDetails details, CancellationToken ct)
    {
        var query = new AccessQuery(actor.OrganizationId)
        {
            MemberIds = key.Id is { } id ? [id] : [], Identifiers = key.Identifier is { } identifier ? [identifier] : [],
            Numbers = key.Number is { } number ? [number] : [], Details = details,
        };
        var graph = await AccessGraph.ReadAsync(db, query, ct);
        return graph?.Members.FirstOrDefault(m => m.IsLive) is { } member ? new MemberView(member, graph) : MemberErrors.NotFound;
    }

    /// <summary>All live persons of the actor's organization, in order, read in chunks of a thousand: memory does not grow with their number.</summary>
    public async IAsyncEnumerable<MemberView> StreamAsync(Actor actor, MemberOrder order, MemberDetails details, [EnumeratorCancellation] CancellationToken ct)
    {
        var page = new MemberPage(order, null, ChunkSize);
        var query = new AccessQuery(actor.OrganizationId) { Page = page, AllDefinitions = true, Details = details };
        var graph = await AccessGraph.ReadAsync(db, query, ct);
        while (graph is not null)
        {
            var members = Ordered(graph, order);
            foreach (var member in members) yield return new(member, graph);
            if (members is not [.., var last] || members.Count < ChunkSize) yield break;
            graph = await graph.ReadMoreAsync(db, query with { Page = page with { After = last } }, ct);
        }
    }

    /// <summary>
    /// Ends a membership, or the offer of one: permissions, roles, groups and keys go, levels on resources stay for a re-invite. Acts on the member's very next request.
    /// </summary>
    /// <returns>Refused with <c>last_admin</c> for the only active administrator.</returns>
    public Task<Result<Member>> RemoveAsync(Actor actor, Guid memberId, CancellationToken ct) => db.RunLockedAsync<Result<Member>>(async () =>
    {
        var query = new AccessQuery(actor.OrganizationId) { MemberIds = [memberId, actor.Id], LockOrganization = true };
        var graph = await AccessGraph.TrackAsync(db, query, ct);
        if (graph?.Today(actor).May(Permissions.UserManagement) is not true) return MemberErrors.NotAllowed;
        if (graph.Member(memberId) is not { IsLive: true } member) return MemberErrors.NotFound;
        if (!graph.Today(actor).Covers(graph.Of(member))) return MemberErrors.NotCovered;
        if (IsActiveAdmin(member) && !await HasOtherAdminAsync(member, ct)) return MemberErrors.LastAdmin;

        var now = clock.Now();
        db.RemoveRange(await db.ApiKeys.Where(k => k.OrganizationId == member.OrganizationId && k.MemberId == member.Id).ToListAsync(ct));
        if (member.TakesSeat && graph.Organization.SeatLimit is not null) db.ChangeSeats(member.OrganizationId, -1);
        foreach (var invitation in member.Invitations)
        {
            invitation.End(InvitationStatus.Revoked, now);
            db.Add(UsherEvent.Record(EventTypes.InvitationRevoked, actor, "invitation", invitation.Id, now, new() { ["email"] = member.Identifier }));
        }

        member.Remove(actor, now);
        db.Add(UsherEvent.Record(EventTypes.MemberRemoved, actor, "member", member.Id, now, new() { ["email"] = member.Identifier }));
        await db.SaveChangesAsync(ct);
        return member;
    }, ct);

    private static bool IsActiveAdmin(Member member) => member is { Status: MemberStatus.Active, Kind: MemberKind.Person, Role: BuiltInRole.Admin };

    private Task<bool> HasOtherAdminAsync(Member member, CancellationToken ct) => db.Members.AnyAsync(
        m => m.OrganizationId == member.OrganizationId && m.Id != member.Id && m.Status == MemberStatus.Active && m.Kind == MemberKind.Person && m.Role == BuiltInRole.Admin, ct);

    private static List<Member> Ordered(AccessGraph graph, MemberOrder order) => order switch
    {
        MemberOrder.Created => [.. graph.Members.OrderBy(m => m.Id)],
        MemberOrder.Identifier => [.. graph.Members.OrderBy(m => m.Identifier, Text.KeyOrder)],
        MemberOrder.Number => [.. graph.Members.OrderBy(m => m.Number)],
    };
}
