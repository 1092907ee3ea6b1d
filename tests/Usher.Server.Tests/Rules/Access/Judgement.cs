using Usher.Core.Guests;
using Usher.Core.Roles;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>One accepted call of an active member, judged by what that member held before it.</summary>
internal sealed class Judgement(Step step, MemberRow actor, Held held)
{
    private readonly List<Violation> violations = [];
    private readonly State before = step.Before;
    private readonly State after = step.After;

    public IReadOnlyList<Violation> All()
    {
        JudgeEach(before.Members, after.Members, (was, member) => JudgeMember(was, member!));
        JudgeEach(before.Groups, after.Groups, JudgeGroup);
        JudgeEach(before.Roles, after.Roles, JudgeRole);
        JudgeEach(before.Resources, after.Resources, JudgeResource);
        JudgeEach(before.Keys, after.Keys, JudgeKey);
        JudgeOrganization();
        if (before.Live.Any(IsAdministrator) && !after.Live.Any(IsAdministrator))
            Found("an administrator stays", "no active administrator is left");
        return violations;
    }

    private static void JudgeEach<T>(Dictionary<Guid, T> before, Dictionary<Guid, T> after, Action<T?, T?> judge)
        where T : class
    {
        foreach (var id in before.Keys.Union(after.Keys))
            judge(before.GetValueOrDefault(id), after.GetValueOrDefault(id));
    }

    private static bool IsAdministrator(MemberRow member) =>
        member is { IsActive: true, IsPerson: true, Role: "admin" };

    private void Found(string rule, string what) => violations.Add(new(rule, what));

    private void Needs(string permission, string what)
    {
        if (!held.May(permission)) Found($"needs {permission}", what);
    }

    private void NeedsAll(string rule, Held needed, string what)
    {
        if (held.Lacks(needed) is [var lacks, ..]) Found(rule, $"{what}, without holding {lacks.Name}");
    }

    // Members.

    private void JudgeMember(MemberRow? was, MemberRow member)
    {
        JudgeGain(was, member);
        if (was is not null && was.Text == member.Text)
        {
            if (IsSent(member)) NeedsCover(was, "sent a link");
            return;
        }

        var (self, name) = (member.Id == actor.Id, member.Identifier);
        if (was is null or { IsLive: false })
        {
            if (member.IsLive) Needs("user_management", $"made {name}");
            if (was is not null && member.IsLive) NeedsCover(was, "brought back");
            if (was is null && !member.IsPerson) JudgeServiceAccount(null, member);
            return;
        }

        // Every member may change its own names and zone, and reaches the resources that it makes. What members lose
        // because a resource is deleted needs no more than the deleting.
        if (was.AccessIn(after) == member.AccessIn(before) && (self || was.Other == member.Other)) return;
        var leaves = self && !member.IsLive;
        if (!leaves) Needs("user_management", $"changed {name}");
        if (!leaves && was.Status != member.Status) NeedsCover(was, $"made {member.Status}");
        if (!member.IsLive) return;
        if (was.Identifier != member.Identifier)
        {
            NeedsCover(was, "moved to another address");
            if (!was.IsPending && !held.IsAdmin)
                Found("address of a joined member", $"{was.Identifier} became {name}");
        }

        if (was.SsoId != member.SsoId) NeedsCover(was, "given another SSO id");
        JudgeGrants(was, member);
        if (!was.IsPerson) JudgeServiceAccount(was, member);
    }

    // What every member has through the system groups needs no cover.
    private void NeedsCover(MemberRow member, string what) =>
        NeedsAll("cover", before.Of(member, implied: false), $"{member.Identifier} was {what}");

    private bool IsSent(MemberRow member) => member.IsLive && after.Invitations.Values.Any(i =>
        i.Member == member.Id && i.IsOpen
        && (!before.Invitations.TryGetValue(i.Id, out var old) || old.Sent != i.Sent));

    // The actor holds what a member gains, and the call names both the right and the member.
    private void JudgeGain(MemberRow? was, MemberRow member)
    {
        if (!member.IsLive) return;
        var had = was is { IsLive: true } ? before.Of(was) : after.Implied(member.IsPerson);
        // The maker of a resource reaches it.
        var made = member.Id == actor.Id ? after.Resources.Keys.Except(before.Resources.Keys).ToHashSet() : [];
        List<Right> gained = [.. had.Lacks(after.Of(member)).Where(r => !made.Contains(r.Resource))];
        foreach (var right in gained)
        {
            if (!held.Has(right)) Found("grant", $"{member.Identifier} gained {right.Name}");
            if (!step.Naming.Given.Has(right))
                Found("intent", $"{member.Identifier} gained {right.Name}, which is not named");
        }

        if (gained.Count > 0 && !IsNamed(member))
            Found("intent", $"{member.Identifier} gained a right and is not named");
    }

    private bool IsNamed(MemberRow member)
    {
        var naming = step.Naming;
        if (naming.Subjects.Contains(member.Id) || naming.Identifiers.Contains(member.Identifier)
            || member.Roles.Overlaps(naming.Subjects)) return true;
        var groups = member.Groups.Select(id => after.Groups[id]).Concat(after.SystemGroups(member.IsPerson));
        return groups.Any(g => naming.Subjects.Contains(g.Id) || g.Roles.Overlaps(naming.Subjects));
    }

    // All that is given and all that is taken is held; and a change to an offer needs what is offered.
    private void JudgeGrants(MemberRow was, MemberRow member)
    {
        var moved = new Held();
        if (was.Role != member.Role) moved.AddRole(was.Role).AddRole(member.Role);
        if (was.AllResources != member.AllResources) moved.Add(Right.Everywhere("full"));
        moved.AddPermissions(Differing(was.Permissions, member.Permissions));
        foreach (var group in Differing(was.Groups, member.Groups).Where(after.Groups.ContainsKey))
            moved.Add(before.Groups.TryGetValue(group, out var old) ? before.Of(old) : after.Of(after.Groups[group]));
        foreach (var role in Differing(was.Roles, member.Roles).Where(after.Roles.ContainsKey))
            moved.Add(State.Of(after.Roles[role]));
        var levels = was.Levels.Except(member.Levels).Concat(member.Levels.Except(was.Levels))
            .Where(l => before.Resources.ContainsKey(l.Key) && after.Resources.ContainsKey(l.Key));
        moved.AddLevels(levels);
        NeedsAll("give and take", moved, $"{member.Identifier} was given or lost a grant");
        if (was.IsPending && (!moved.IsEmpty || IsSent(member))) NeedsCover(was, "offered something else");
    }

    private static IEnumerable<T> Differing<T>(ISet<T> one, ISet<T> other) =>
        one.Except(other).Concat(other.Except(one));

    private void JudgeServiceAccount(MemberRow? was, MemberRow member)
    {
        if (member.Permissions.Contains("token_management")
            && was?.Permissions.Contains("token_management") is not true)
            Found("service accounts", $"{member.Identifier} was given token_management");
    }

    // Groups and roles: any change needs everything they give, before and after.

    private void JudgeGroup(GroupRow? was, GroupRow? group)
    {
        // Deleting a role or a resource is no edit of the groups that had it.
        if (was?.TextIn(after) == group?.Text) return;
        var name = was?.Name ?? group!.Name;
        Needs("user_management", $"changed the group {name}");
        if (was is not null)
            NeedsAll("edit of a group", before.Of(was), $"changed the group {name} into {group?.Text ?? "nothing"}");
        if (group is not null) NeedsAll("edit of a group", after.Of(group), $"changed the group {name} into more");
    }

    private void JudgeRole(RoleRow? was, RoleRow? role)
    {
        if (was?.Text == role?.Text) return;
        var name = was?.Name ?? role!.Name;
        Needs("user_management", $"changed the role {name}");
        if (was is not null)
            NeedsAll("edit of a role", State.Of(was), $"changed the role {name} into {role?.Text ?? "nothing"}");
        if (role is not null) NeedsAll("edit of a role", State.Of(role), $"changed the role {name} into more");
    }

    // The rest.

    private void JudgeResource(ResourceRow? was, ResourceRow? resource)
    {
        if (was == resource) return;
        Needs("resource_creation", $"changed the resource {was?.Name ?? resource!.Name}");
        if (was is not null && !held.ReachesFully(was.Id))
            Found("resource", $"changed the resource {was.Name} without reaching it fully");
    }

    private void JudgeKey(KeyRow? was, KeyRow? key)
    {
        if (was == key) return;
        var (member, now) = (before.Members[(was ?? key)!.Member], after.Members[(was ?? key)!.Member]);
        if (was is null && !member.IsActive)
            Found("key of an active member", $"{member.Identifier} is {member.Status}");
        if (member.Id == actor.Id || !now.IsLive) return; // the keys of a removed member go with it
        Needs("token_management", $"changed a key of {member.Identifier}");
        NeedsAll("key of another member", before.Of(member, implied: false), $"changed a key of {member.Identifier}");
    }

    private void JudgeOrganization()
    {
        if (before.Settings != after.Settings && !held.IsAdmin)
            Found("settings", "changed without being an administrator");
        var defaults = Differing(before.DefaultPermissions, after.DefaultPermissions).ToList();
        if (defaults.Count is 0) return;
        Needs("user_management", "changed the default permissions");
        NeedsAll("defaults", new Held().AddPermissions(defaults), "changed the default permissions");
    }
}
