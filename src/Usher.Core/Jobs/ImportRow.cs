using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Roles;

namespace Usher.Core.Jobs;

/// <summary>A fault in one row.</summary>
/// <param name="Code">See <see cref="Error.Code"/>.</param>
/// <param name="Field">The field in the row, such as <c>email</c> or <c>groups/1</c>; null if the fault concerns the
/// whole row.</param>
/// <param name="Detail">A text for people.</param>
public sealed record RowFault(string Code, string? Field, string Detail)
{
    public static RowFault Of(Error error) => new(error.Code, error.Field?.Text, error.Message);
}

/// <summary>A level on a resource, as the file contains it.</summary>
public sealed record ImportLevel(Reference Resource, AccessLevel Level, IReadOnlyList<string> Capabilities);

/// <summary>The content of one row. Null: absent from the row.</summary>
/// <param name="Email">The address as the file contains it; cut if it is far too long for an address.</param>
public sealed record ImportRow(string Email)
{
    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    public BuiltInRole? Role { get; init; }

    public IReadOnlyList<string>? Permissions { get; init; }

    public IReadOnlyList<Reference>? Groups { get; init; }

    public IReadOnlyList<Reference>? Roles { get; init; }

    public IReadOnlyList<ImportLevel>? Levels { get; init; }

    public bool? AllResources { get; init; }

    public string? Locale { get; init; }

    public string? TimeZone { get; init; }

    public Dictionary<string, string>? Metadata { get; init; }

    /// <summary>The faults found while reading; null if there are none. A row with faults is never processed.</summary>
    public IReadOnlyList<RowFault>? Faults { get; init; }

    /// <summary>Converts the row to an invitation.</summary>
    public NewInvitation ToInvitation() => new(Email)
    {
        FirstName = FirstName, LastName = LastName, Role = Role, Permissions = Permissions, Groups = Groups,
        Roles = Roles
            ?? [],
        Levels = [.. (Levels ?? []).Select(l => new NewLevel(l.Resource, l.Level) { Capabilities = l.Capabilities })],
        AllResources = AllResources, Locale = Locale, TimeZone = TimeZone, Metadata = Metadata ?? [],
    };
}

/// <summary>
/// Parses the ids of the surface that receives the file. Each function returns null for text that is not an id.
/// </summary>
public sealed record ImportIds(Func<string, Guid?> Group, Func<string, Guid?> Role, Func<string, Guid?> Resource);

/// <summary>Builds a row from the text values of a file and collects their faults.</summary>
internal sealed class ImportDraft(ImportIds ids)
{
    private static readonly string[] KnownCapabilities = [
        Capabilities.DeployAll, Capabilities.UpdateConfig, Capabilities.ManageConfigFiles,
    ];
    private static readonly Dictionary<string, BuiltInRole> BuiltInRoles = Enum.GetValues<BuiltInRole>()
        .ToDictionary(r => Data.SnakeCaseName.Of(r));
    private static readonly Dictionary<string, AccessLevel> AccessLevels = Enum.GetValues<AccessLevel>()
        .ToDictionary(l => Data.SnakeCaseName.Of(l));

    private readonly List<RowFault> faults = [];

    public string Email { get; set; } = "";

    public string? FirstName { get; set; }

    public string? LastName { get; set; }

    public string? Locale { get; set; }

    public string? TimeZone { get; set; }

    public bool? AllResources { get; set; }

    public IReadOnlyList<string>? Permissions { get; set; }

    public Dictionary<string, string>? Metadata { get; set; }

    private BuiltInRole? role;
    private IReadOnlyList<Reference>? groups;
    private IReadOnlyList<Reference>? roles;
    private List<ImportLevel>? levels;

    public void Fault(Error error) => faults.Add(RowFault.Of(error));

    public void Role(string text)
    {
        if (BuiltInRoles.TryGetValue(text.ToLowerInvariant(), out var known)) role = known;
        else Fault(JobErrors.RoleUnknown(text));
    }

    public void Groups(IEnumerable<string> texts) =>
        groups = [.. texts.Select(t => ids.Group(t) is { } id ? new Reference(t, id) : Reference.Named(t))];

    public void Roles(IEnumerable<string> texts) =>
        roles = [.. texts.Select(t => ids.Role(t) is { } id ? new Reference(t, id) : Reference.Named(t))];

    /// <summary>Sets the levels from CSV items of the form <c>resource=level+capability</c>.</summary>
    public void Levels(IReadOnlyList<string> texts)
    {
        levels = [];
        for (var i = 0; i < texts.Count; i++)
        {
            if (texts[i].Split('=', StringSplitOptions.TrimEntries) is [{ Length: > 0 } resource, var reach])
                Level(i, resource, reach.Split('+', StringSplitOptions.TrimEntries), texts[i]);
            else Fault(JobErrors.LevelInvalid(i, texts[i]));
        }
    }

    /// <summary>Adds a level. At most one word is an access level; the others are capabilities.</summary>
    public void Level(int index, string resource, IReadOnlyList<string> words, string shown)
    {
        string[] lower = [.. words.Select(w => w.ToLowerInvariant())];
        string[] named = [.. lower.Where(AccessLevels.ContainsKey)], capabilities = [.. lower.Except(named)];
        if (named.Length > 1 || lower.Length is 0 || capabilities.Except(KnownCapabilities).Any())
            Fault(JobErrors.LevelInvalid(index, shown));
        else
            (levels ??= []).Add(new(
                new(resource, ids.Resource(resource)), named is [var level] ? AccessLevels[level] : AccessLevel.None,
                capabilities));
    }

    public void NoLevels() => levels = [];

    public ImportRow ToRow() =>
        new(Email.Length > EmailAddress.MaxLength + 64 ? Email[..EmailAddress.MaxLength] : Email)
    {
        FirstName = FirstName, LastName = LastName, Role = role, Permissions = Permissions, Groups = groups,
        Roles = roles, Levels = levels, AllResources = AllResources,
        Locale = Locale, TimeZone = TimeZone, Metadata = Metadata, Faults = faults is [] ? null : faults,
    };
}
