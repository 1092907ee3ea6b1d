using System.Globalization;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Json;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>
/// Reads the members in the wrapper object of a body. Faults are collected, so that one answer reports all of them.
/// </summary>
internal sealed class DeployHqForm(JsonElement members, JsonElement body)
{
    private const string AssignmentsName = "project_assignments";

    // The flags that stand for permissions.
    private static readonly (string Member, string Permission)[] Flags =
    [
        ("can_manage_users", Core.Access.Permissions.UserManagement),
        ("can_manage_billing", Core.Access.Permissions.BillingManagement),
        ("can_create_projects", Core.Access.Permissions.ResourceCreation),
        ("can_manage_agents", Core.Access.Permissions.AgentManagement),
    ];

    private static readonly (string Member, string Capability)[] AssignmentFlags =
        [
            ("can_deploy_all", Capabilities.DeployAll), ("can_update_config", Capabilities.UpdateConfig),
            ("can_manage_config_files", Capabilities.ManageConfigFiles),
        ];

    public FaultList Faults { get; } = [];

    /// <summary>Reads a body. The error is <c>not_json</c>, or that the wrapper is missing.</summary>
    public static async Task<Result<DeployHqForm>> ReadAsync(HttpRequest request, string wrapper, CancellationToken ct)
    {
        if (!(await JsonBody.ReadAsync(request, ct)).TryGet(out var document, out var refused)) return refused;
        return document.Member(wrapper) is { IsObject: true } members
            ? new DeployHqForm(members, document)
            : DeployHqErrors.WrapperMissing(wrapper);
    }

    public void Refuse(string member, string text) => Faults.Add(DeployHqErrors.Fault(member, text));

    /// <summary>
    /// A text; "" for null and white space; null when the member is absent or, which is a fault, not a text.
    /// </summary>
    public string? Text(string member)
    {
        if (!members.Has(member)) return null;
        if (members.Member(member) is not { } given) return "";
        if (given.Text is { } text) return string.IsNullOrWhiteSpace(text) ? "" : text;
        Refuse(member, "is invalid");
        return null;
    }

    /// <summary>
    /// A text that must not be blank or, if it is required, absent. Null when it is absent or has a fault.
    /// </summary>
    public string? Filled(string member, bool required)
    {
        var text = members.Has(member) || !required ? Text(member) : "";
        if (text is not "") return text;
        Refuse(member, "can't be blank");
        return null;
    }

    /// <summary>A flag; null when it is absent or has a fault. A JSON null is a fault.</summary>
    public bool? Flag(string member)
    {
        if (!members.Has(member)) return null;
        var value = LooseBoolean.Read(members.Member(member));
        if (value is null) Refuse(member, "is not included in the list");
        return value;
    }

    /// <summary>The permissions to grant and to revoke, by the given flags. Null when no flag is given.</summary>
    public SetChange<string>? Permissions()
    {
        var given = Flags.ToLookup(f => Flag(f.Member), f => f.Permission);
        return given[true].Any() || given[false].Any()
            ? SetChange.Edit<string>([.. given[true]], [.. given[false]])
            : null;
    }

    /// <summary>
    /// The access levels on projects; null when they are absent. They stand beside the wrapper; for teams they may also
    /// stand inside it.
    /// </summary>
    public IReadOnlyList<NewLevel>? Assignments(bool inside = false)
    {
        if (((inside ? members.Member(AssignmentsName) : null) ?? body.Member(AssignmentsName)) is not { } given)
            return null;
        JsonElement[] entries = given.IsArray ? [.. given.EnumerateArray()] : [];
        List<NewLevel> levels = new(entries.Length);
        foreach (var entry in entries)
        {
            var flags = AssignmentFlags.ToLookup(
                f => entry.Has(f.Member) ? LooseBoolean.Read(entry.Member(f.Member)) : false, f => f.Capability);
            if (flags.Contains(null) || entry.Member("identifier")?.Text is not { } written
                    || DeployHqProjects.Reference(written) is not { } project)
                break;
            levels.Add(
                flags.Contains(false)
                    ? new(project, AccessLevel.ReadOnly) { Capabilities = [.. flags[true]] }
                    : new(project, AccessLevel.Full));
        }

        if (!given.IsArray || levels.Count < entries.Length) Refuse(AssignmentsName, "is invalid");
        return levels;
    }

    /// <summary>Members by number, also written as strings; null when the list is absent.</summary>
    public IReadOnlyList<MemberKey>? Numbers(string member)
    {
        if (!members.Has(member)) return null;
        if (members.Member(member) is { IsArray: true } given)
        {
            List<MemberKey> keys = new(given.GetArrayLength());
            foreach (var id in given.EnumerateArray())
            {
                if (!long.TryParse(
                        id.ValueKind is JsonValueKind.Number ? id.GetRawText() : id.Text, NumberStyles.None,
                        CultureInfo.InvariantCulture, out var number))
                    break;
                keys.Add(new(Number: number));
            }

            if (keys.Count == given.GetArrayLength()) return keys;
        }

        Refuse(member, "is invalid");
        return null;
    }
}

/// <summary>
/// Reads booleans like a Rails application: one of the vendor's clients can send only strings and numbers.
/// </summary>
internal static class LooseBoolean
{
    public static bool? Read(JsonElement? value) => value?.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => value.Value.GetRawText() switch { "1" => true, "0" => false, _ => null },
        JsonValueKind.String => value.Value.Text switch { "1" or "true" => true, "0" or "false" => false, _ => null },
        _ => null,
    };
}
