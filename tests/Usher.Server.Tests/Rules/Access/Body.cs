namespace Usher.Server.Tests.Rules.Access;

/// <summary>A JSON object that is put together member by member. Texts need no escaping here.</summary>
internal sealed class Body
{
    private readonly List<string> members = [];

    public bool IsEmpty => members is [];

    public Body Text(string name, string value) => Raw(name, $"\"{value}\"");

    public Body Flag(string name, bool value, string also = "") => Raw(name, (value ? "true" : "false") + also);

    public Body Texts(string name, IEnumerable<string> values) => Raw(name, ListOf(values.Select(v => $"\"{v}\"")));

    public Body Objects(string name, IEnumerable<Body> values) => Raw(name, ListOf(values));

    public Body Raw(string name, string json)
    {
        members.Add($"\"{name}\":{json}");
        return this;
    }

    /// <summary>Puts more members in, or none.</summary>
    public Body With(Body more)
    {
        members.AddRange(more.members);
        return this;
    }

    /// <summary>Puts a member in if the condition holds.</summary>
    public Body If(bool condition, Action<Body> put)
    {
        if (condition) put(this);
        return this;
    }

    public bool Has(string name) => members.Exists(m => m.StartsWith($"\"{name}\":", StringComparison.Ordinal));

    /// <summary>This object as the one member of another.</summary>
    public Body In(string wrapper) => new Body().Raw(wrapper, ToString());

    public override string ToString() => "{" + string.Join(',', members) + "}";

    /// <summary>A JSON array.</summary>
    public static string ListOf<T>(IEnumerable<T> items) => "[" + string.Join(',', items) + "]";
}
