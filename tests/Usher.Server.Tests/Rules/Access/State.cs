using System.Globalization;
using Usher.Core.Roles;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>A member as it is stored, with what it was granted directly.</summary>
internal sealed record MemberRow(
    Guid Id, long Number, string Identifier, bool IsPerson, string Status, string Role, bool AllResources, string Other)
{
    public SortedSet<string> Permissions { get; } = new(StringComparer.Ordinal);

    public SortedSet<Guid> Groups { get; } = [];

    public SortedSet<Guid> Roles { get; } = [];

    public SortedDictionary<Guid, Level> Levels { get; } = [];

    public bool IsLive => Status is not "removed";

    public bool IsActive => Status is "active";

    public bool IsPending => Status is "invited";

    public string SsoId { get; init; } = "";

    public Guid? User { get; init; }

    /// <summary>Everything but <see cref="Other"/>: names, zone and metadata say nothing about access.</summary>
    public string Access => AccessOf(Levels);

    public string Text => $"{Access}|{Other}";

    /// <summary>Like <see cref="Access"/>, without levels on resources that another state does not have.</summary>
    public string AccessIn(State state) => AccessOf(Levels.Where(l => state.Resources.ContainsKey(l.Key)));

    private string AccessOf(IEnumerable<KeyValuePair<Guid, Level>> levels) => string.Join(
        '|', Identifier, Status, Role, AllResources, SsoId, string.Join(' ', Permissions), string.Join(' ', Groups),
        string.Join(' ', Roles), string.Join(' ', levels));
}

/// <summary>A group as it is stored.</summary>
internal sealed record GroupRow(
    Guid Id, string Name, string Description, string System, bool IsAdmin, bool AllResources, bool IsDefault)
{
    public SortedSet<string> Permissions { get; } = new(StringComparer.Ordinal);

    public SortedSet<Guid> Roles { get; } = [];

    public SortedDictionary<Guid, Level> Levels { get; } = [];

    public string Text => TextOf(Roles, Levels);

    /// <summary>The same without the roles and the levels on resources that another state no longer has.</summary>
    public string TextIn(State state) =>
        TextOf(Roles.Where(state.Roles.ContainsKey), Levels.Where(l => state.Resources.ContainsKey(l.Key)));

    private string TextOf(IEnumerable<Guid> roles, IEnumerable<KeyValuePair<Guid, Level>> levels) => string.Join(
        '|', Name, Description, IsAdmin, AllResources, IsDefault, string.Join(' ', Permissions),
        string.Join(' ', roles), string.Join(' ', levels));
}

/// <summary>A role of the organization as it is stored.</summary>
internal sealed record RoleRow(Guid Id, string Name, string Description)
{
    public SortedSet<string> Permissions { get; } = new(StringComparer.Ordinal);

    public string Text => string.Join('|', Name, Description, string.Join(' ', Permissions));
}

internal sealed record ResourceRow(Guid Id, string Name, string Slug, string Attributes);

internal sealed record KeyRow(Guid Id, Guid Member, string Name, bool ReadOnly);

/// <summary>
/// An invitation as it is stored. Sent changes with every new link, every new end and every new sponsor.
/// </summary>
internal sealed record InvitationRow(Guid Id, Guid Member, string Status, string Sent)
{
    public bool IsOpen => Status is "pending" or "expired";
}

/// <summary>Everything in one organization that has to do with access, read from the tables in one go.</summary>
internal sealed class State
{
    public Dictionary<Guid, MemberRow> Members { get; } = [];

    public Dictionary<Guid, GroupRow> Groups { get; } = [];

    public Dictionary<Guid, RoleRow> Roles { get; } = [];

    public Dictionary<Guid, ResourceRow> Resources { get; } = [];

    public Dictionary<Guid, KeyRow> Keys { get; } = [];

    public Dictionary<Guid, InvitationRow> Invitations { get; } = [];

    public SortedSet<string> DefaultPermissions { get; } = new(StringComparer.Ordinal);

    /// <summary>The settings that only administrators change.</summary>
    public string Settings { get; set; } = "";

    public IEnumerable<MemberRow> Live => Members.Values.Where(m => m.IsLive);

    public MemberRow? Named(string identifier) =>
        Members.Values.SingleOrDefault(m => m.IsLive && m.Identifier == identifier);

    /// <summary>What a role gives.</summary>
    public static Held Of(RoleRow role) => new Held().AddPermissions(role.Permissions);

    /// <summary>What a group gives to each of its members.</summary>
    public Held Of(GroupRow group)
    {
        var held = new Held().AddPermissions(group.Permissions).AddLevels(group.Levels);
        if (group.IsAdmin) held.Add(Right.Admin);
        if (group.AllResources) held.Add(Right.Everywhere("full"));
        foreach (var role in group.Roles) held.Add(Of(Roles[role]));
        return held;
    }

    /// <summary>What a member has, or, while it is invited or suspended, would have.</summary>
    /// <param name="member">The member, of this state.</param>
    /// <param name="implied">Whether the rights of the system group that it belongs to by its kind count.</param>
    public Held Of(MemberRow member, bool implied = true)
    {
        var held = new Held().AddRole(member.Role).AddPermissions(member.Permissions).AddLevels(member.Levels);
        if (member.AllResources) held.Add(Right.Everywhere("full"));
        foreach (var role in member.Roles) held.Add(Of(Roles[role]));
        foreach (var group in member.Groups) held.Add(Of(Groups[group]));
        return implied ? held.Add(Implied(member.IsPerson)) : held;
    }

    /// <summary>What each person, or each service account, has through the system group.</summary>
    public Held Implied(bool isPerson)
    {
        var held = new Held();
        foreach (var group in SystemGroups(isPerson)) held.Add(Of(group));
        return held;
    }

    /// <summary>The groups that every person, or every service account, is in.</summary>
    public IEnumerable<GroupRow> SystemGroups(bool isPerson) =>
        Groups.Values.Where(g => g.System == (isPerson ? "everyone" : "service_accounts"));

    /// <summary>What an invitation gives that names neither permissions nor groups.</summary>
    public Held Defaults()
    {
        var held = new Held().AddPermissions(DefaultPermissions);
        foreach (var group in Groups.Values.Where(g => g.IsDefault && g.System is "none")) held.Add(Of(group));
        return held;
    }

    /// <summary>Everything as text, line by line, to tell whether and where two states differ.</summary>
    public IEnumerable<string> Lines(bool invitations = true)
    {
        foreach (var member in Members.Values) yield return $"member {member.Id} {member.Text}";
        foreach (var group in Groups.Values) yield return $"group {group.Id} {group.Text}";
        foreach (var role in Roles.Values) yield return $"role {role.Id} {role.Text}";
        foreach (var resource in Resources.Values) yield return $"resource {resource}";
        foreach (var key in Keys.Values) yield return $"key {key}";
        yield return string.Create(CultureInfo.InvariantCulture,
            $"settings {Settings} {string.Join(' ', DefaultPermissions)}");
        if (!invitations) yield break;
        foreach (var invitation in Invitations.Values) yield return $"invitation {invitation}";
    }
}
