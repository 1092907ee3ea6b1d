using System.Text.Json.Serialization;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Resources;
using Usher.Core.Roles;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>
/// A user, with exactly these thirteen members. All flags of an administrator are true. Source: the vendor's API pages
/// and OpenAPI document, read 2026-11-21.
/// </summary>
internal sealed record UserDocument
{
    public required long Id { get; init; }

    /// <summary>The UUID, which URLs contain.</summary>
    public required Guid Identifier { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    public required string EmailAddress { get; init; }

    /// <summary>TZ database name; by default the account's time zone; null where none is set on purpose.</summary>
    public required string? TimeZone { get; init; }

    public required bool AccountAdministrator { get; init; }

    public required bool Activated { get; init; }

    public required bool CanManageUsers { get; init; }

    public required bool CanManageBilling { get; init; }

    public required bool CanCreateProjects { get; init; }

    public required bool CanManageAgents { get; init; }

    public required bool AllProjectsAllowed { get; init; }

    /// <summary>The fourteenth member, only in the profile.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AccountDocument? Account { get; init; }

    public static UserDocument From(Member member, string organizationTimeZone)
    {
        var admin = member.Role is BuiltInRole.Admin;
        return new()
        {
            Id = member.Number, Identifier = member.Id, FirstName = member.FirstName, LastName = member.LastName,
            EmailAddress = member.ShownAs,
            TimeZone = member.TimeZone is "" ? null : member.TimeZone ?? organizationTimeZone,
            AccountAdministrator = admin, Activated = member.Status is not MemberStatus.Invited,
            CanManageUsers = Holds(Permissions.UserManagement), CanManageBilling = Holds(Permissions.BillingManagement),
            CanCreateProjects = Holds(Permissions.ResourceCreation),
            CanManageAgents = Holds(Permissions.AgentManagement),
            AllProjectsAllowed = admin || member.AllResources,
        };

        bool Holds(string permission) => admin || member.Permissions.Contains(permission);
    }
}

/// <summary>
/// A team. All flags of a team of administrators are true. A team with access to all projects lists no single projects.
/// </summary>
internal sealed record TeamDocument
{
    public required Guid Identifier { get; init; }

    public required string Name { get; init; }

    public required bool IsAdmin { get; init; }

    public required bool CanManageUsers { get; init; }

    public required bool CanManageBilling { get; init; }

    public required bool CanManageAgents { get; init; }

    public required bool CanCreateProjects { get; init; }

    public required bool AllProjectsAllowed { get; init; }

    /// <summary>The members. There may be very many, so they are read while the answer is written.</summary>
    public required IAsyncEnumerable<TeamMemberDocument> Members { get; init; }

    public required IEnumerable<AssignmentDocument> ProjectAssignments { get; init; }

    public static TeamDocument From(GroupView view, IAsyncEnumerable<TeamMemberDocument> members)
    {
        var (group, graph) = (view.Group, view.Graph);
        var all = group.IsAdmin || group.AllResources;
        return new()
        {
            Identifier = group.Id, Name = group.Name, IsAdmin = group.IsAdmin,
            CanManageUsers = Gives(Permissions.UserManagement), CanManageBilling = Gives(Permissions.BillingManagement),
            CanManageAgents = Gives(Permissions.AgentManagement),
            CanCreateProjects = Gives(Permissions.ResourceCreation), AllProjectsAllowed = all, Members = members,
            ProjectAssignments = all ? [] : AssignmentDocument.From(graph.LevelsOf(group), graph),
        };

        bool Gives(string permission) => group.IsAdmin || group.Permissions.Contains(permission);
    }
}

internal sealed record TeamMemberDocument(
    long Id, Guid Identifier, string FirstName, string LastName, string EmailAddress)
{
    public static TeamMemberDocument From(Member member) =>
        new(member.Number, member.Id, member.FirstName, member.LastName, member.ShownAs);
}

/// <summary>Access to a project. The project's identifier is its permalink here.</summary>
internal sealed record AssignmentDocument(
    string Name, string Identifier, bool CanDeployAll, bool CanUpdateConfig, bool CanManageConfigFiles)
{
    /// <summary>Ordered by the projects' names. The level none is no assignment.</summary>
    public static IReadOnlyList<AssignmentDocument> From(IEnumerable<ResourceAccess> levels, AccessGraph graph) =>
    [
        .. from level in levels
           where !level.Reach.IsNone
           let project = graph.Resource(Core.Reference.To(level.ResourceId))
           where project is not null
           select From(project, level.Reach) into shown
           orderby shown.Name, shown.Identifier
           select shown,
    ];

    private static AssignmentDocument From(ResourceName project, Reach reach)
    {
        return new(
            project.Name, project.Slug, May(Capabilities.DeployAll), May(Capabilities.UpdateConfig),
            May(Capabilities.ManageConfigFiles));

        bool May(string capability) => reach.Level is AccessLevel.Full || reach.Capabilities.Contains(capability);
    }
}

/// <summary>
/// A project. Usher does not deploy, so the members about deployment have the values of a new project, in the types
/// that the vendor's Go client decodes.
/// </summary>
internal sealed record ProjectDocument(string Name, string Permalink, Guid Identifier)
{
    public string PublicKey { get; } = "";

    /// <summary>An object in the vendor's API.</summary>
    public string? Repository { get; }

    public string? RepositoryUrl { get; }

    public string Zone { get; } = "";

    /// <summary>An ISO 8601 text in the vendor's API.</summary>
    public string? LastDeployedAt { get; }

    public string AutoDeployUrl { get; } = "";

    public bool Starred { get; }

    public static ProjectDocument From(Resource resource) => new(resource.Name, resource.Slug, resource.Id);
}

/// <summary>
/// The organization. Usher has no plans, so there is no package, no trial and no limit on projects. Of the last four
/// members, the first is shown for the account alone and the others in the profile.
/// </summary>
internal sealed record AccountDocument(string Name, string Permalink, string TimeZone)
{
    public string? Package { get; }

    public bool Trialling { get; }

    /// <summary>Always false: the keys of a suspended organization are refused before.</summary>
    public bool Suspended { get; }

    public required int ProjectCount { get; init; }

    public int? ProjectLimit { get; }

    /// <summary>Whether there is a free seat.</summary>
    public required bool UsersAllowed { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? AiFeaturesDisabled { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? BetaFeatures { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? StaticHostingEligible { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? ManagedVpsEligible { get; init; }

    public static AccountDocument Alone(OrganizationView view) => From(view) with { AiFeaturesDisabled = true };

    public static AccountDocument InProfile(OrganizationView view) =>
        From(view) with { BetaFeatures = false, StaticHostingEligible = false, ManagedVpsEligible = false };

    private static AccountDocument From(OrganizationView view) =>
        new(view.Organization.Name, view.Organization.Slug, view.Organization.TimeZone)
    {
        ProjectCount = view.ResourceCount,
        UsersAllowed = view.Organization.SeatLimit is not { } limit || view.Organization.SeatsUsed < limit,
    };
}

/// <summary>Nothing is billed. The frequency, in months, must still be a number.</summary>
internal sealed record BillingDocument
{
    public string? Package { get; }

    public int Frequency { get; } = 1;

    public bool Trialling { get; }

    public bool Suspended { get; }

    public string? ScheduledChange { get; }
}

/// <summary>A new API key. Its secret is shown only in this answer.</summary>
internal sealed record ApiKeyDocument(
    string ApiKey, Guid Identifier, string Description, long UserId, string? Device, bool ReadOnly)
{
    public static ApiKeyDocument From(CreatedApiKey made) =>
        new(made.Secret, made.Key.Id, made.Key.Name, made.Member.Number, null, made.Key.ReadOnly);
}

internal sealed record StatusDocument(string Status);

/// <summary>The general error. The status is a number, or, for 404, the text <c>not_found</c>.</summary>
internal sealed record ErrorDocument(object Status, string Error, string ErrorCode, string Hint);

internal sealed record StateError(string Error);

internal sealed record RuleError(string Error, string ErrorCode);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(UserDocument))]
[JsonSerializable(typeof(IAsyncEnumerable<UserDocument>))]
// Metadata mode, because the generated writer cannot stream, and the serializer switches to it after small answers.
[JsonSerializable(typeof(TeamDocument), GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(IAsyncEnumerable<TeamDocument>), GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ProjectDocument))]
[JsonSerializable(typeof(IAsyncEnumerable<ProjectDocument>))]
[JsonSerializable(typeof(AccountDocument))]
[JsonSerializable(typeof(BillingDocument))]
[JsonSerializable(typeof(ApiKeyDocument))]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(ErrorDocument))]
[JsonSerializable(typeof(StateError))]
[JsonSerializable(typeof(RuleError))]
[JsonSerializable(typeof(Dictionary<string, List<string>>))]
[JsonSerializable(typeof(int))]
internal sealed partial class DeployHqJson : JsonSerializerContext;
