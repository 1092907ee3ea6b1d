using Usher.Core.Guests;
using Usher.Core.Roles;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>What a step did that the design does not allow.</summary>
/// <param name="Rule">Which part of the design.</param>
/// <param name="What">What was done.</param>
internal sealed record Violation(string Rule, string What)
{
    public override string ToString() => $"{Rule}: {What}";
}

/// <summary>
/// Judges each step of a story by the stored rows before and after it. A call is judged by what its names mean when it
/// is made. That suffices: moving a name or an address to another thing needs all that the thing gives.
/// </summary>
internal sealed class Oracle
{
    private const string UserManagement = "user_management";

    // The sponsor of each member that has not joined; null: the installation.
    private readonly Dictionary<Guid, Guid?> sponsors = [];

    public IReadOnlyList<Violation> Judge(Step step)
    {
        List<Violation> violations = [.. step.Call.By is Call.Guest ? OfGuest(step) : OfCaller(step)];
        Remember(step);
        return violations;
    }

    // The caller that changes what a pending member is offered, or sends a link, becomes its sponsor.
    private void Remember(Step step)
    {
        if (step.Call.By is Call.Guest || step.Caller is null) return;
        foreach (var member in step.After.Live.Where(m => m.IsPerson && IsOfferChanged(step, m)))
            sponsors[member.Id] = step.Caller.Member;
    }

    private static bool IsOfferChanged(Step step, MemberRow after)
    {
        if (!step.Before.Members.TryGetValue(after.Id, out var before) || !before.IsLive) return true;
        if (IsSent(step, after.Id)) return true;
        return after.IsPending
            && (after.Identifier != before.Identifier || GrantsOf(step, before) != GrantsOf(step, after));
    }

    private static bool IsSent(Step step, Guid member) => step.After.Invitations.Values.Any(after =>
        after.Member == member && after.IsOpen
        && (!step.Before.Invitations.TryGetValue(after.Id, out var before) || before.Sent != after.Sent));

    // What is granted directly, without what went because a group, role or resource was deleted.
    private static string GrantsOf(Step step, MemberRow member) => string.Join(
        '|',
        member.Role,
        member.AllResources,
        string.Join(' ', member.Permissions),
        string.Join(' ', member.Groups.Where(step.After.Groups.ContainsKey)),
        string.Join(' ', member.Roles.Where(step.After.Roles.ContainsKey)),
        string.Join(' ', member.Levels.Where(l => step.After.Resources.ContainsKey(l.Key))));

    // Guests: what the holder of a link, or the owner of a new address, may do.

    private IEnumerable<Violation> OfGuest(Step step)
    {
        var identifier = step.Naming.Identifiers.Single();
        var member = step.Before.Named(identifier) ?? step.After.Named(identifier);
        if (!step.IsAccepted) return Unchanged(step, "a refused guest changes nothing", invitations: false);
        return step.Call.Kind switch
        {
            CallKind.JoinByMail or CallKind.JoinByLink => Joined(step, member!),
            CallKind.Decline or CallKind.Leave => OnlyChanged(step, member!.Id),
            // A link that was used before is accepted again, also after its member moved on to another address.
            CallKind.ConfirmAddress when member is null => Unchanged(step, "a used link changes nothing"),
            CallKind.ConfirmAddress => [.. OnlyChanged(step, member.Id), .. GrantsKept(step, member.Id)],
            _ => Unchanged(step, "asking for a link changes no access", invitations: false),
        };
    }

    private IEnumerable<Violation> Joined(Step step, MemberRow before)
    {
        foreach (var violation in OnlyChanged(step, before.Id).Concat(GrantsKept(step, before.Id)))
            yield return violation;
        if (!before.IsPending || sponsors.GetValueOrDefault(before.Id) is not { } sponsorId) yield break;
        var sponsor = step.Before.Members[sponsorId];
        var held = step.Before.Of(sponsor);
        var name = $"the sponsor {sponsor.Identifier} of {before.Identifier}";
        if (!sponsor.IsActive)
            yield return new("sponsor is active", $"{name} is {sponsor.Status}");
        else if (!held.May(UserManagement))
            yield return new("sponsor may invite", $"{name} no longer holds {UserManagement}");
        else if (held.Lacks(step.Before.Of(before, implied: false)) is [var lacks, ..])
            yield return new("sponsor covers", $"{name} does not hold {lacks.Name}");
    }

    private static IEnumerable<Violation> OnlyChanged(Step step, Guid member)
    {
        var (before, after) = (Others(step.Before), Others(step.After));
        foreach (var line in after.Except(before)) yield return new("a guest changes one member", line);

        IEnumerable<string> Others(State state) =>
            state.Lines(invitations: false).Where(line =>
                !line.StartsWith("key ", StringComparison.Ordinal)
                && !line.StartsWith($"member {member} ", StringComparison.Ordinal));
    }

    private static IEnumerable<Violation> GrantsKept(Step step, Guid member)
    {
        var (before, after) = (GrantsOf(step, step.Before.Members[member]), GrantsOf(step, step.After.Members[member]));
        if (before != after) yield return new("a guest grants nothing", $"{before} became {after}");
    }

    private static IEnumerable<Violation> Unchanged(Step step, string rule, bool invitations = true)
    {
        var (before, after) = (step.Before.Lines(invitations).ToHashSet(), step.After.Lines(invitations).ToHashSet());
        foreach (var line in before.Except(after)) yield return new(rule, "gone: " + line);
        foreach (var line in after.Except(before)) yield return new(rule, "new: " + line);
    }

    // Callers with a key.

    private static IEnumerable<Violation> OfCaller(Step step)
    {
        if (step.Caller is not { } key || !step.Before.Members.TryGetValue(key.Member, out var actor))
            return Unchanged(step, "a key that is gone changes nothing");
        if (!actor.IsActive) return Unchanged(step, $"a key acts only while its member is active ({actor.Status})");
        if (key.ReadOnly) return Unchanged(step, "a read-only key changes nothing");
        if (!step.IsAccepted) return Unchanged(step, "a refused call changes nothing");
        if (step.Call.Path.Contains("dryRun=true", StringComparison.Ordinal))
            return Unchanged(step, "a dry run changes nothing");
        return new Judgement(step, actor, step.Before.Of(actor)).All();
    }
}
