using System.Text.RegularExpressions;
using Usher.Core.Roles;
using Usher.Server.Api.Http;
using Usher.Server.Json;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>
/// What a call names, looked up in the state before it: the most that it can be meant to give, and the receivers.
/// </summary>
internal sealed partial class Naming(
    State state, string slug, Func<string, string> identifierOf, Func<string, Guid?> keyOf)
{
    private readonly List<Guid> resources = [];
    private readonly List<string> levels = [];
    private readonly List<string> capabilities = [];
    private readonly Held given = new();

    /// <summary>The members and groups named, the holders of the roles named, by id.</summary>
    public HashSet<Guid> Subjects { get; } = [];

    /// <summary>The identifiers named, whether or not a member has them.</summary>
    public HashSet<string> Identifiers { get; } = [];

    /// <summary>Whether everything named exists.</summary>
    public bool IsComplete { get; private set; } = true;

    /// <summary>All that the call can be meant to give.</summary>
    public Held Given
    {
        get
        {
            foreach (var resource in resources)
            {
                foreach (var level in levels) given.AddLevel(resource, new(level, ""));
                foreach (var capability in capabilities) given.Add(Right.May(resource, capability));
            }

            return given;
        }
    }

    /// <summary>The text with everything named in it replaced by what the wire has: ids, addresses, words.</summary>
    public string Resolve(string text) =>
        Token().Replace(text, found => Resolve(found.Groups["kind"].Value, found.Groups["name"].Value) ?? Missing());

    private string Missing()
    {
        IsComplete = false;
        return "";
    }

    private string? Resolve(string kind, string name) => kind switch
    {
        "org" => slug,
        "p" => Give(name, given.Add(Right.Permission(name))),
        "q" => Give("", given.Add(Right.Permission(name))), // for a flag: the body has the flag's own name
        "role" => Give(name, given.AddRole(name)),
        "ROLE" => Give(name, given.AddRole(FromConformity(name))),
        "admin" => Give("", given.Add(Right.Admin)),
        "all" => Give("", given.Add(Right.Everywhere("full"))),
        "defaults" => Give("", given.Add(state.Defaults())),
        "lv" => Note(levels, name, name),
        "LV" => Note(levels, FromConformity(name), name),
        "cap" => Note(capabilities, name, name),
        ['g', ..] => Group(kind, name),
        ['r', 'o', 'l', ..] => Role(kind, name),
        ['r', 'e', 's', ..] => Resource(kind, name),
        ['m', ..] => Member(kind, name),
        "a" => Address(name),
        "i" => Invitation(name),
        ['k', ..] => keyOf(name) is { } id ? kind is "k" ? Ids.ApiKey.Of(id) : id.ToString() : null,
        _ => throw new InvalidOperationException($"<{kind}:{name}>"),
    };

    // Conformity's READONLY is Usher's read_only.
    private static string FromConformity(string name) =>
        name.ToLowerInvariant().Replace("readonly", "read_only", StringComparison.Ordinal);

    private static string Give(string shown, Held _) => shown;

    private static string Note<T>(List<T> list, T what, string shown)
    {
        list.Add(what);
        return shown;
    }

    // A group by its Usher id (g), UUID (gu) or name (gn).
    private string? Group(string kind, string name)
    {
        if (state.Groups.Values.FirstOrDefault(g => g.Name == name) is not { } group) return null;
        given.Add(state.Of(group));
        Subjects.Add(group.Id);
        return kind switch { "g" => Ids.Group.Of(group.Id), "gu" => group.Id.ToString(), _ => name };
    }

    // A role by its Usher id (rol), UUID (rolu) or name (roln).
    private string? Role(string kind, string name)
    {
        if (state.Roles.Values.FirstOrDefault(r => r.Name == name) is not { } role) return null;
        given.Add(State.Of(role));
        Subjects.Add(role.Id);
        return kind switch { "rol" => Ids.Role.Of(role.Id), "rolu" => role.Id.ToString(), _ => name };
    }

    // A resource by its Usher id (res), slug (ress) or Conformity's id (resc).
    private string? Resource(string kind, string name)
    {
        if (state.Resources.Values.FirstOrDefault(r => r.Name == name) is not { } resource) return null;
        resources.Add(resource.Id);
        return kind switch
        {
            "res" => Ids.Resource.Of(resource.Id),
            "ress" => resource.Slug,
            _ => ShortId.Of(resource.Id),
        };
    }

    // A live member by its Usher id (m), UUID (mu), number (mn) or Conformity's id (mc).
    private string? Member(string kind, string name)
    {
        if (state.Named(identifierOf(name)) is not { } member) return null;
        Subjects.Add(member.Id);
        Identifiers.Add(member.Identifier);
        return kind switch
        {
            "m" => Ids.Member.Of(member.Id),
            "mu" => member.Id.ToString(),
            "mn" => $"{member.Number}",
            _ => ShortId.Of(member.Id),
        };
    }

    // An address, known or not; a member that was removed may come back by it with the levels it had.
    private string Address(string name)
    {
        var identifier = identifierOf(name);
        Identifiers.Add(identifier);
        if (state.Named(identifier) is { } member)
        {
            Subjects.Add(member.Id);
            return identifier;
        }

        foreach (var removed in state.Members.Values.Where(m => m.Identifier == identifier))
        {
            Subjects.Add(removed.Id);
            given.AddLevels(removed.Levels);
        }

        return identifier;
    }

    // The invitation of a live member that was made last.
    private string? Invitation(string name)
    {
        if (state.Named(identifierOf(name)) is not { } member) return null;
        Subjects.Add(member.Id);
        Identifiers.Add(member.Identifier);
        return state.Invitations.Values.Where(i => i.Member == member.Id).MaxBy(i => i.Id) is { } invitation
            ? Ids.Invitation.Of(invitation.Id)
            : null;
    }

    [GeneratedRegex("<(?<kind>[a-zA-Z]+):(?<name>[^<>]*)>", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Token();
}
