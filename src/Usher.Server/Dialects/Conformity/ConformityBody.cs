using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.RegularExpressions;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Json;

namespace Usher.Server.Dialects.Conformity;

/// <summary>Reads request bodies. All faults of a body are reported together.</summary>
internal static partial class ConformityBody
{
    // Source: Conformity's API reference, "Invite a user". One entry per problem, in the order in which the members are
    // documented.
    public static bool TryRead(
        JsonElement document, [NotNullWhen(true)] out NewInvitation? row, out FaultList faults)
    {
        (row, faults) = (null, []);
        if (document.Member("data")?.Member("attributes") is not { IsObject: true } given)
        {
            faults.Add(AttributesMissing(document));
            return false;
        }

        var firstName = Required("firstName", "First name", faults, given);
        var lastName = Required("lastName", "Last name", faults, given);
        var email = Required("email", "Email", faults, given);
        if (email is not null && !EmailAddress.TryCanonical(email, out _))
            faults.Add(ConformityErrors.Fault("/data/attributes/email", "Email is invalid"));
        BuiltInRole? role = given.Member("role") is not { } roleGiven
            ? null
            : roleGiven.Text switch { "ADMIN" => BuiltInRole.Admin, "USER" => BuiltInRole.User, _ => null };
        if (role is null)
            faults.Add(ConformityErrors.Fault(
                "/data/attributes/role", given.Member("role") is null ? "Role is required" : "Role is invalid"));
        var levels = Levels(given.Member("accessList"), "/data/attributes/accessList", faults);
        if (faults.Count > 0) return false;
        row = new(email!) { FirstName = firstName, LastName = lastName, Role = role!.Value, Levels = levels };
        return true;
    }

    public static bool TryRead(
        JsonElement document, [NotNullWhen(true)] out MemberChange? change, out FaultList faults)
    {
        (change, faults) = (null, []);
        if (document.Member("data") is not { IsObject: true } given)
        {
            faults.Add(ConformityErrors.Fault("/data", "Attributes are required"));
            return false;
        }

        var role = ConformityWords.Role(given.Member("role")?.Text);
        if (role is null)
            faults.Add(ConformityErrors.Fault(
                "/data/role", given.Member("role") is null ? "Role is required" : "Role is invalid"));
        if (role is BuiltInRole.User && given.Member("accessList") is null)
            faults.Add(ConformityErrors.Fault("/data/accessList", "Access list is required"));
        var levels = Levels(given.Member("accessList"), "/data/accessList", faults);
        if (faults.Count > 0) return false;
        change = new() { Role = role, Levels = levels };
        return true;
    }

    /// <summary>
    /// An account to create. Of <c>access.keys</c>, only the number of the AWS account is kept, taken from the role's
    /// ARN. The rest contains secrets that Usher does not need.
    /// </summary>
    public static Result<NewAccount> Account(JsonElement document)
    {
        if (document.Member("data")?.Member("attributes") is not { IsObject: true } attributes)
            return AttributesMissing(document);
        if (attributes.Member("name")?.Text is not { } name || string.IsNullOrWhiteSpace(name))
            return ConformityErrors.Fault("/data/attributes/name", "Name is required");
        Dictionary<string, string> kept = [];
        if (attributes.Member("environment") is { } environment)
        {
            if (environment.Text is not { } text)
                return ConformityErrors.Fault("/data/attributes/environment", "Environment is invalid");
            kept["environment"] = text;
        }

        var role = attributes.Member("access")?.Member("keys")?.Member("roleArn")?.Text;
        if (role is not null && AwsAccount().Match(role) is { Success: true } number)
            kept["awsaccount-id"] = number.Groups["id"].Value;
        return new NewAccount(name, kept);
    }

    private static Error AttributesMissing(JsonElement document) =>
        ConformityErrors.Fault(
            document.Member("data") is { IsObject: true } ? "/data/attributes" : "/data", "Attributes are required");

    private static string? Required(string member, string label, FaultList faults, JsonElement given)
    {
        var text = given.Member(member)?.Text;
        if (!string.IsNullOrWhiteSpace(text)) return text;
        faults.Add(ConformityErrors.Fault($"/data/attributes/{member}", $"{label} is required"));
        return null;
    }

    private static List<NewLevel> Levels(JsonElement? list, string pointer, FaultList faults)
    {
        List<NewLevel> levels = [];
        if (list is null) return levels;
        if (list is not { IsArray: true } entries)
        {
            faults.Add(ConformityErrors.Fault(pointer, "Access list is invalid"));
            return levels;
        }

        var index = 0;
        foreach (var entry in entries.EnumerateArray())
        {
            if (faults.IsFull) break;
            var (account, level) = (entry.Member("account")?.Text, ConformityWords.Level(entry.Member("level")?.Text));
            if (string.IsNullOrEmpty(account))
                faults.Add(ConformityErrors.Fault($"{pointer}/{index}/account", "Account is required"));
            if (level is null) faults.Add(ConformityErrors.Fault($"{pointer}/{index}/level", "Level is invalid"));
            // An account is named by its id, never by its slug.
            if (!string.IsNullOrEmpty(account) && level is { } known)
                levels.Add(new(new(account, ShortId.Parse(account) ?? Guid.Empty), known));
            index++;
        }

        return levels;
    }

    [GeneratedRegex("^arn:aws[a-z-]*:iam::(?<id>[0-9]{12}):", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex AwsAccount();
}

/// <summary>An account in a request.</summary>
internal sealed record NewAccount(string Name, IReadOnlyDictionary<string, string> Attributes);
