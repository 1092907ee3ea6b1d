namespace Usher.Server.Tests.Rules.Access;

/// <summary>One right. Resource is set for the rights on one resource only.</summary>
internal readonly record struct Right(string Name, Guid Resource = default)
{
    public static readonly Right Admin = new("admin");

    public static Right Permission(string name) => new("permission " + name);

    public static Right Everywhere(string level) => new($"{level} everywhere");

    public static Right On(Guid resource, string level) => new($"{level} on", resource);

    public static Right May(Guid resource, string capability) => new($"may {capability} on", resource);
}

/// <summary>A level on one resource, with single capabilities below the level full.</summary>
internal sealed record Level(string Name, string Capabilities)
{
    public IEnumerable<string> Single => Capabilities.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    public bool IsNone => Name is "none" && Capabilities is "";
}

/// <summary>
/// A set of rights. The tests compute it from stored rows by themselves and use nothing of the code under test, so that
/// a mistake there is not repeated here.
/// </summary>
internal sealed class Held
{
    private readonly HashSet<Right> rights = [];

    public bool IsEmpty => rights.Count is 0;

    public bool IsAdmin => rights.Contains(Right.Admin);

    public bool May(string permission) => Has(Right.Permission(permission));

    public bool ReachesFully(Guid resource) => Has(Right.On(resource, "full"));

    public Held Add(Right right)
    {
        rights.Add(right);
        return this;
    }

    public Held Add(Held other)
    {
        rights.UnionWith(other.rights);
        return this;
    }

    public Held AddPermissions(IEnumerable<string> names)
    {
        rights.UnionWith(names.Select(Right.Permission));
        return this;
    }

    /// <summary>Adds what one of the four built-in roles gives.</summary>
    public Held AddRole(string role) => role switch
    {
        "admin" => Add(Right.Admin),
        "power_user" => Add(Right.Everywhere("full")),
        "read_only" => Add(Right.Everywhere("read_only")),
        _ => this,
    };

    public Held AddLevel(Guid resource, Level level)
    {
        if (level.Name is not "none") Add(Right.On(resource, level.Name));
        foreach (var capability in level.Single) Add(Right.May(resource, capability));
        return this;
    }

    public Held AddLevels(IEnumerable<KeyValuePair<Guid, Level>> levels)
    {
        foreach (var (resource, level) in levels) AddLevel(resource, level);
        return this;
    }

    /// <summary>The rights of <paramref name="other"/> that this set does not include.</summary>
    public IReadOnlyList<Right> Lacks(Held other) => [.. other.rights.Where(right => !Has(right))];

    public bool Includes(Held other) => Lacks(other) is [];

    public bool Has(Right right)
    {
        if (rights.Contains(Right.Admin) || rights.Contains(right)) return true;
        var full = Has(rights, "full everywhere")
            || (right.Resource != default && rights.Contains(Right.On(right.Resource, "full")));
        if (right.Resource != default)
            return full || (right.Name is "read_only on" && Has(rights, "read_only everywhere"));
        return right.Name is "read_only everywhere" && Has(rights, "full everywhere");
    }

    private static bool Has(HashSet<Right> rights, string name) => rights.Contains(new(name));
}
