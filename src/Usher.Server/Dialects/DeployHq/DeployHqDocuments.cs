using System.Text.Json.Serialization;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Resources;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>
/// Exactly these thirteen members. An administrator is shown with every flag true. Source: the vendor's API pages and
/// OpenAPI document, read 2026-11-21.
/// </summary>
internal sealed record UserDocument
{
    public required long Id { get; init; }

    /// <summary>A UUID; what addresses have.</summary>
    public required Guid Identifier { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    public required string EmailAddress { get; init; }

    /// <summary>TZ database name, the account's where none was said; null where none was said on purpose.</summary>
    public required string? TimeZone { get; init; }

    public required bool AccountAdministrator { get; init; }

    public required bool Activated { get; init; }

    public required bool CanManageUsers { get; init; }

    public required bool CanManageBilling { get; init; }

    public required bool CanCreateProjects { get; init; }

    public required bool CanManageAgents { get; init; }

    public required bool AllProjectsAllowed { get; init; }

    /// <summary>In the profile alone, as a fourteenth.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AccountDocument? Account { get; init; }

    public static UserDocument From(Member member, string organizationTimeZone)
    {
        var admin = member.Role is BuiltInRole.Admin;
        return new()
        {
            Id = member.Number, Identifier = member.Id, FirstName = member.FirstName, LastName = member.LastName,
            EmailAddress = member.ShownAs,
            TimeZone = member.TimeZone is ""
                ? null
                : member.TimeZone
                    ?? organizationTimeZone, AccountAdministrator = admin,
                       Activated = member.Status is not MemberStatus.Invited,
            CanManageUsers = Holds(Permissions.UserManagement), CanManageBilling = Holds(Permissions.BillingManagement),
            CanCreateProjects = Holds(Permissions.ResourceCreation),
            CanManageAgents = Holds(Permissions.AgentManagement),
            AllProjectsAllowed = admin || member.AllResources,
        };

        bool Holds(string permission) => admin || member.Permissions.Contains(permission);
    }
}

/// <summary>
/// A group. One whose members are administrators is shown with every flag true, and with one for all projects no single
/// project is named.
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

    /// <summary>There may be as many as the organization has: they are read while they are written.</summary>
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

/// <summary>How far a project is reached. Its identifier here is the permalink.</summary>
internal sealed record AssignmentDocument(
    string Name, string Identifier, bool CanDeployAll, bool CanUpdateConfig, bool CanManageConfigFiles)
{
    /// <summary>By the projects' names. A level of none is no assignment.</summary>
    public static IReadOnlyList<AssignmentDocument> From(IEnumerable<ResourceAccess> levels, AccessGraph graph) =>
    [
        .. from level in levels
           where !level.Reach.IsNone
           let project = graph.Resource(Core.Invitations.Reference.To(level.ResourceId))
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
/// A resource. Of what DeployHQ deploys from and to Usher knows nothing: those members have the values of a project
/// just made, in the types the vendor's Go client decodes.
/// </summary>
internal sealed record ProjectDocument(string Name, string Permalink, Guid Identifier)
{
    public string PublicKey { get; } = "";

    /// <summary>An object, where there is one.</summary>
    public string? Repository { get; }

    public string? RepositoryUrl { get; }

    public string Zone { get; } = "";

    /// <summary>ISO 8601, where there is one.</summary>
    public string? LastDeployedAt { get; }

    public string AutoDeployUrl { get; } = "";

    public bool Starred { get; }

    public static ProjectDocument From(Resource resource) => new(resource.Name, resource.Slug, resource.Id);
}

/// <summary>
/// The organization. Usher sells no plans: no package, no trial, no limit on projects. The last members are shown
/// either alone or in the profile.
/// </summary>
internal sealed record AccountDocument(string Name, string Permalink, string TimeZone)
{
    public string? Package { get; }

    public bool Trialling { get; }

    /// <summary>In a suspended one no key would have got here.</summary>
    public bool Suspended { get; }

    public required int ProjectCount { get; init; }

    public int? ProjectLimit { get; }

    /// <summary>Whether another person may be invited.</summary>
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
        ProjectCount = view.ResourceCount, UsersAllowed = view.Organization.SeatLimit is not { } limit
            || view.Organization.SeatsUsed < limit,
    };
}

/// <summary>Nothing is billed; the frequency, in months, must be a number.</summary>
internal sealed record BillingDocument
{
    public string? Package { get; }

    public int Frequency { get; } = 1;

    public bool Trialling { get; }

    public bool Suspended { get; }

    public string? ScheduledChange { get; }
}

/// <summary>A key just made, the only time its secret is shown.</summary>
internal sealed record ApiKeyDocument(
    string ApiKey, Guid Identifier, string Description, long UserId, string? Device, bool ReadOnly)
{
    public static ApiKeyDocument From(CreatedApiKey made) =>
        new(made.Secret, made.Key.Id, made.Key.Name, made.Member.Number, null, made.Key.ReadOnly);
}

internal sealed record StatusDocument(string Status);

/// <summary>The general error. Its status is a number, but for 404 the text <c>not_found</c>.</summary>
internal sealed record ErrorDocument(object Status, string Error, string ErrorCode, string Hint);

internal sealed record StateError(string Error);

internal sealed record RuleError(string Error, string ErrorCode);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(UserDocument))]
[JsonSerializable(typeof(IAsyncEnumerable<UserDocument>))]
// Without the generated writer, which cannot stream and is taken after the first few small answers.
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
