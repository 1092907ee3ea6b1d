using System.Text.Json.Serialization;
using Usher.Core.Access;
using Usher.Core.Members;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>Exactly these thirteen members. An administrator is shown with every flag true. Source: the vendor's API pages and OpenAPI document, read 2026-11-21.</summary>
internal sealed record UserDocument
{
    public required long Id { get; init; }

    /// <summary>A UUID; what addresses have.</summary>
    public required Guid Identifier { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    public required string EmailAddress { get; init; }

    public required string TimeZone { get; init; }

    public required bool AccountAdministrator { get; init; }

    public required bool Activated { get; init; }

    public required bool CanManageUsers { get; init; }

    public required bool CanManageBilling { get; init; }

    public required bool CanCreateProjects { get; init; }

    public required bool CanManageAgents { get; init; }

    public required bool AllProjectsAllowed { get; init; }

    public static UserDocument From(Member member, string organizationTimeZone)
    {
        var admin = member.Role is BuiltInRole.Admin;
        return new()
        {
            Id = member.Number, Identifier = member.Id, FirstName = member.FirstName, LastName = member.LastName, EmailAddress = member.Email ?? member.Identifier,
            TimeZone = member.TimeZone ?? organizationTimeZone, AccountAdministrator = admin, Activated = member.Status is not MemberStatus.Invited,
            CanManageUsers = Holds(Permissions.UserManagement), CanManageBilling = Holds(Permissions.BillingManagement),
            CanCreateProjects = Holds(Permissions.ResourceCreation), CanManageAgents = Holds(Permissions.AgentManagement),
            AllProjectsAllowed = admin || member.AllResources,
        };

        bool Holds(string permission) => admin || member.Permissions.Exists(p => p.Permission == permission);
    }
}

internal sealed record StatusDocument(string Status);

/// <summary>The general error. Its status is a number, but for 404 the text <c>not_found</c>.</summary>
internal sealed record ErrorDocument(object Status, string Error, string ErrorCode, string Hint);

internal sealed record StateError(string Error);

internal sealed record RuleError(string Error, string ErrorCode);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(UserDocument))]
[JsonSerializable(typeof(IAsyncEnumerable<UserDocument>))]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(ErrorDocument))]
[JsonSerializable(typeof(StateError))]
[JsonSerializable(typeof(RuleError))]
[JsonSerializable(typeof(Dictionary<string, List<string>>))]
[JsonSerializable(typeof(int))]
internal sealed partial class DeployHqJson : JsonSerializerContext;
