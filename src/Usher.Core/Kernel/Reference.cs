namespace Usher.Core;

/// <summary>A reference in a request: the text that the caller wrote and, if the text is an id, the id.</summary>
public readonly record struct Reference(string Text, Guid? Id)
{
    public static Reference To(Guid id) => new(id.ToString(), id);

    /// <summary>A reference to a group or role by its name, ignoring case.</summary>
    public static Reference Named(string name) => new(name, null) { ByName = true };

    /// <summary>Whether the text is a name to look up. If false, groups and roles are found only by id.</summary>
    public bool ByName { get; init; }
}
