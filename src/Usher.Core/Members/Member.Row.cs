using System.Text.Json;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Roles;

namespace Usher.Core.Members;

public sealed partial class Member
{
    /// <summary>The columns that <see cref="Read"/> reads. The table alias is <c>m</c>.</summary>
    internal const string Columns = """
        m.id, m.number, m.identifier, m.email, m.first_name, m.last_name, m.description, m.locale, m.time_zone, m.kind,
            m.status, m.role,
        m.role_granted_by, m.role_granted_at, m.all_resources, m.all_resources_granted_by, m.all_resources_granted_at,
            m.user_id, m.sso_id,
        m.metadata, m.sponsor_id, m.sponsor_kind, m.sponsor_name, m.created_at, m.last_sign_in_at, m.removed_at,
            m.version, m.grants,
        m.grant_log, m.has_levels
        """;

    /// <summary>The number of columns in <see cref="Columns"/>.</summary>
    internal const int ColumnCount = 30;

    /// <summary>
    /// Reads a member from a row that contains <see cref="Columns"/>, starting at column <paramref name="at"/>.
    /// </summary>
    internal static Member Read(in Row row, int at, Guid organization) => new()
    {
        OrganizationId = organization, Id = row.Id(at), Number = row.Long(at + 1), Identifier = row.Text(at + 2),
        Email = row.TextOrNull(at + 3),
        FirstName = row.Text(at + 4), LastName = row.Text(at + 5), Description = row.Text(at + 6),
        Locale = row.TextOrNull(at + 7),
        TimeZone = row.TextOrNull(at + 8), Kind = row.Enum<MemberKind>(at + 9),
        Status = row.Enum<MemberStatus>(at + 10),
        Role = row.Enum<BuiltInRole>(at + 11), RoleGrantedBy = row.Id(at + 12),
        RoleGrantedAt = row.InstantOrNull(at + 13),
        AllResources = row.Flag(at + 14), AllResourcesGrantedBy = row.Id(at + 15),
        AllResourcesGrantedAt = row.InstantOrNull(at + 16),
        UserId = row.IdOrNull(at + 17), SsoId = row.TextOrNull(at + 18), Metadata = ReadMetadata(row.Text(at + 19)),
        SponsorId = row.Id(at + 20), SponsorKind = row.Enum<ActorKind>(at + 21), SponsorName = row.Text(at + 22),
        CreatedAt = row.Instant(at + 23), LastSignInAt = row.InstantOrNull(at + 24),
        RemovedAt = row.InstantOrNull(at + 25),
        Version = row.Int(at + 26), Grants = Grants.Parse(row.Text(at + 27)),
        GrantLog = GrantLog.Parse(row.Text(at + 28)),
        HasLevels = row.Flag(at + 29),
    };

    /// <summary>
    /// Adds the levels from a JSON array of arrays: id, resource, level, capabilities, granter, and time in Unix
    /// milliseconds.
    /// </summary>
    internal void ReadLevels(string? json)
    {
        if (json is null) return;
        using var levels = JsonDocument.Parse(json);
        foreach (var level in levels.RootElement.EnumerateArray())
        {
            Levels.Add(new()
            {
                OrganizationId = OrganizationId, Id = IdOf(level[0]), ResourceId = IdOf(level[1]), MemberId = Id,
                Level = SnakeCaseName.Parse<AccessLevel>(level[2].GetString()!),
                Capabilities = [.. level[3].EnumerateArray().Select(c => c.GetString()!)],
                GrantedBy = IdOf(level[4]), GrantedAt = DateTimeOffset.FromUnixTimeMilliseconds(level[5].GetInt64()),
            });
        }

        static Guid IdOf(JsonElement id) => Guid.Parse(id.GetString()!);
    }

    private static Dictionary<string, string> ReadMetadata(string json) =>
        json is "{}"
            ? []
            : JsonSerializer.Deserialize<Dictionary<string, string>>(json, JsonSerializerOptions.Default)!;
}
