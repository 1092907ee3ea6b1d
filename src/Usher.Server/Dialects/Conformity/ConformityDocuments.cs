using System.Text.Json;
using System.Text.Json.Serialization;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Server.Json;

namespace Usher.Server.Dialects.Conformity;

/// <summary>
/// The documents of answers. Their members are kebab-case, while those of requests are camelCase; dates are
/// milliseconds since the epoch. Source: the vendor's API documentation, read 2026-11-21.
/// </summary>
internal sealed record Document<T>(T Data);

internal sealed record OrganisationLink(ResourceIdentifierData Data)
{
    public static OrganisationLink To(Guid organization) =>
        new(new ResourceIdentifierData("organisations", ShortId.Of(organization)));
}

internal sealed record ResourceIdentifierData(string Type, string Id);

internal sealed record UserDocument(string Type, string Id, UserAttributes Attributes, UserRelationships Relationships)
{
    /// <summary>A user in the list and in the answer to an invite: with <c>has-credentials</c>.</summary>
    public static UserDocument Listed(MemberView view) =>
        From(
            view, UserAttributes.From(view.Member) with { HasCredentials = view.Graph.HasPassword(view.Member) }, null);

    /// <summary>
    /// A single user: with <c>mfa</c> and, for the role USER, the access levels where the caller may see them.
    /// </summary>
    public static UserDocument Single(MemberView view, IReadOnlyList<AccountAccess>? levels) => From(
        view,
        UserAttributes.From(view.Member) with
        {
            Mfa = view.Graph.HasSecondFactor(view.Member), SummaryEmailOptOut = false,
        },
        view.Member.Role is BuiltInRole.User ? levels : null);

    private static UserDocument From(
        MemberView view, UserAttributes attributes, IReadOnlyList<AccountAccess>? levels) =>
        new(
            "users", ShortId.Of(view.Member.Id), attributes,
            new(OrganisationLink.To(view.Member.OrganizationId), levels));
}

internal sealed record UserAttributes
{
    [JsonPropertyName("first-name")]
    public required string FirstName { get; init; }

    [JsonPropertyName("last-name")]
    public required string LastName { get; init; }

    /// <summary><c>ADMIN</c>, <c>POWER_USER</c>, <c>READ_ONLY</c> or <c>USER</c>.</summary>
    public required string Role { get; init; }

    /// <summary>Absent for a service account.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Email { get; init; }

    /// <summary><c>INVITED</c> or <c>ACTIVE</c>; a suspended member is shown as active.</summary>
    public required string Status { get; init; }

    [JsonPropertyName("last-login-date")]
    public required long? LastLoginDate { get; init; }

    [JsonPropertyName("created-date")]
    public required long CreatedDate { get; init; }

    [JsonPropertyName("has-credentials"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? HasCredentials { get; init; }

    [JsonPropertyName("mfa"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Mfa { get; init; }

    [JsonPropertyName("summary-email-opt-out"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? SummaryEmailOptOut { get; init; }

    public static UserAttributes From(Member member) => new()
    {
        FirstName = member.FirstName, LastName = member.LastName, Role = ConformityWords.Of(member.Role),
        Email = member.Email,
        Status = member.Status is MemberStatus.Invited ? "INVITED" : "ACTIVE",
        LastLoginDate = member.LastSignInAt?.ToUnixTimeMilliseconds(),
        CreatedDate = member.CreatedAt.ToUnixTimeMilliseconds(),
    };
}

internal sealed record UserRelationships(
    OrganisationLink Organisation,
    [
        property: JsonIgnore(
            Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<AccountAccess>? AccountAccessList);

internal sealed record AccountAccess(string Account, string Level);

internal sealed record ApiKeyDocument(
    string Type, string Id, ApiKeyAttributes Attributes, EmptyRelationships Relationships)
{
    public static ApiKeyDocument From(ApiKey key) => new("api-keys", ShortId.Of(key.Id), new()
    {
        CreatedDate = key.CreatedAt.ToUnixTimeMilliseconds(),
        Status = key.Status is ApiKeyStatus.Enabled ? "ENABLED" : "DISABLED",
        LastUsedDate = key.LastUsedAt?.ToUnixTimeMilliseconds(),
    }, new());
}

internal sealed record ApiKeyAttributes
{
    [JsonPropertyName("created-date")]
    public required long CreatedDate { get; init; }

    public required string Status { get; init; }

    [JsonPropertyName("last-used-date")]
    public required long? LastUsedDate { get; init; }
}

internal sealed record EmptyRelationships;

internal sealed record AccountDocument(
    string Type, string Id, AccountAttributes Attributes, AccountRelationships Relationships)
{
    public static AccountDocument From(Resource resource) => new("accounts", ShortId.Of(resource.Id), new()
    {
        Name = resource.Name, Environment = resource.Attributes.GetValueOrDefault("environment"),
        AwsAccountId = resource.Attributes.GetValueOrDefault("awsaccount-id"),
        CreatedDate = resource.CreatedAt.ToUnixTimeMilliseconds(),
    }, new(OrganisationLink.To(resource.OrganizationId)));
}

internal sealed record AccountAttributes
{
    public required string Name { get; init; }

    public required string? Environment { get; init; }

    [JsonPropertyName("awsaccount-id"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? AwsAccountId { get; init; }

    /// <summary>Clients read it without checking whether it exists.</summary>
    [JsonPropertyName("cloud-type")]
    public string CloudType { get; } = "aws";

    public string Status { get; } = "ACTIVE";

    [JsonPropertyName("has-real-time-monitoring")]
    public bool HasRealTimeMonitoring { get; } = false;

    [JsonPropertyName("subscription-type")]
    public string SubscriptionType { get; } = "advanced";

    [JsonPropertyName("created-date")]
    public required long CreatedDate { get; init; }

    [JsonPropertyName("last-checked-date")]
    public long? LastCheckedDate { get; }

    [JsonPropertyName("last-notified-date")]
    public long? LastNotifiedDate { get; }

    [JsonPropertyName("last-monitoring-event-date")]
    public long? LastMonitoringEventDate { get; }
}

internal sealed record AccountRelationships(OrganisationLink Organisation);

/// <summary>The answer to a revoke.</summary>
internal sealed record MetaDocument(MetaStatus Meta);

internal sealed record MetaStatus(string Status);

internal sealed record ErrorDocument(IReadOnlyList<ErrorEntry> Errors);

/// <summary>An error. Unlike in JSON:API, the status is a number and the text is in <c>details</c>.</summary>
internal sealed record ErrorEntry(
    int Status, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ErrorSource? Source,
    string Details);

internal sealed record ErrorSource(string Pointer);

/// <summary>An error of the vendor's gateway, whose member is written either "Message" or "message".</summary>
internal sealed record GatewayError(
    [
        property: JsonPropertyName("Message"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull),
    ] string? Capital,
    [property: JsonPropertyName("message"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Small);

/// <summary>Conformity's names for roles and access levels.</summary>
internal static class ConformityWords
{
    public static string Of(BuiltInRole role) => role switch
    {
        BuiltInRole.Admin => "ADMIN",
        BuiltInRole.PowerUser => "POWER_USER",
        BuiltInRole.ReadOnly => "READ_ONLY",
        BuiltInRole.User => "USER",
    };

    public static BuiltInRole? Role(string? text) => text switch
    {
        "ADMIN" => BuiltInRole.Admin,
        "POWER_USER" => BuiltInRole.PowerUser,
        "READ_ONLY" => BuiltInRole.ReadOnly,
        "USER" => BuiltInRole.User,
        _ => null,
    };

    public static string Of(AccessLevel level) => level switch
    {
        AccessLevel.Full => "FULL",
        AccessLevel.ReadOnly => "READONLY",
        AccessLevel.None => "NONE",
    };

    public static AccessLevel? Level(string? text) => text switch
    {
        "FULL" => AccessLevel.Full,
        "READONLY" => AccessLevel.ReadOnly,
        "NONE" => AccessLevel.None,
        _ => null,
    };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Document<UserDocument>))]
// Metadata mode, because the generated writer cannot stream, and the serializer switches to it after small answers.
[JsonSerializable(typeof(Document<IAsyncEnumerable<UserDocument>>), GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(Document<ApiKeyDocument>))]
[JsonSerializable(typeof(Document<IEnumerable<ApiKeyDocument>>))]
[JsonSerializable(typeof(Document<AccountDocument>))]
[JsonSerializable(
    typeof(Document<IAsyncEnumerable<AccountDocument>>), GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(MetaDocument))]
[JsonSerializable(typeof(ErrorDocument))]
[JsonSerializable(typeof(GatewayError))]
internal sealed partial class ConformityJson : JsonSerializerContext;
