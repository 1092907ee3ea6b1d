using System.Text.Json.Serialization;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>A question about access: a permission, access to a resource, or both.</summary>
internal record CheckQuestion
{
    /// <summary>The member: id, e-mail address or `sa::` name. Default: yourself.</summary>
    public string? Member { get; init; }

    /// <summary>The name of a permission from the catalogue.</summary>
    public string? Permission { get; init; }

    /// <summary>The resource: id or slug. Without `level` and `capability`, any access counts.</summary>
    public string? Resource { get; init; }

    /// <summary>The access level that is needed at least: `read_only` or `full`.</summary>
    public AccessLevel? Level { get; init; }

    public string? Capability { get; init; }

    [JsonIgnore]
    public bool IsOne => (Member ?? Permission ?? Resource ?? Capability) is not null || Level is not null;

    public AccessCheck ToCheck() => new()
    {
        Member = Member is null ? null : Named.Member(Member), Permission = Permission,
        Resource = Resource is null ? null : Named.Resource(Resource), Level = Level, Capability = Capability,
    };
}

/// <summary>One question, or a list of questions.</summary>
internal sealed record CheckRequest : CheckQuestion
{
    /// <summary>Up to 1,000 questions, instead of a single one.</summary>
    public IReadOnlyList<CheckQuestion>? Checks { get; init; }
}

/// <summary>The answer to one question, or to all questions of a list.</summary>
internal sealed record CheckAnswer
{
    /// <summary>Whether everything asked for is allowed.</summary>
    public required bool Allowed { get; init; }

    /// <summary>Why it is not allowed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AccessDenial? Reason { get; init; }

    /// <summary>The grants that allow it, each as a chain of steps. Only with `explain=true`.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? Grants { get; init; }

    /// <summary>The answer to each question of a list, in the order of the questions.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CheckResult>? Results { get; init; }
}

/// <summary>The answer to one question of a list.</summary>
internal sealed record CheckResult
{
    /// <summary>The member the question was about.</summary>
    public required string MemberId { get; init; }

    public required bool Allowed { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AccessDenial? Reason { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? Grants { get; init; }

    public static CheckResult From(AccessAnswer answer) =>
        new()
        {
            MemberId = Ids.Member.Of(answer.Member.Id), Allowed = answer.Allowed, Reason = answer.Reason,
            Grants = GrantStep.From(answer.Grants),
        };
}

/// <summary>One step in the chain from a member to a grant, for example membership in a group.</summary>
internal sealed record GrantStep
{
    public required AccessStepKind Kind { get; init; }

    /// <summary>The id of the group, role or resource.</summary>
    public required string? Id { get; init; }

    /// <summary>The name of the group, role, permission or resource.</summary>
    public required string? Name { get; init; }

    /// <summary>The access level, where the step is an access level.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AccessLevel? Level { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Capabilities { get; init; }

    /// <summary>
    /// The name of the actor who granted it; `Usher` is the installation itself. Null where access is implied.
    /// </summary>
    public required string? GrantedBy { get; init; }

    /// <summary>When it was granted. Null where it was never granted explicitly.</summary>
    public required DateTimeOffset? GrantedAt { get; init; }

    public static IReadOnlyList<IReadOnlyList<GrantStep>>? From(IReadOnlyList<AccessPath>? paths) =>
        paths is null ? null : [.. paths.Select(p => (IReadOnlyList<GrantStep>)[.. p.Steps.Select(From)])];

    private static GrantStep From(AccessStep step) => new()
    {
        Kind = step.Kind, Name = step.SubjectName, GrantedBy = step.Granted?.Name, GrantedAt = step.Granted?.At,
        Level = step.Reach?.Level, Capabilities = step.Reach?.Capabilities,
        Id = step.SubjectId is not { } id
            ? null
            : step.Kind switch
            {
                AccessStepKind.Role => Ids.Role.Of(id), AccessStepKind.Level => Ids.Resource.Of(id),
                _ => Ids.Group.Of(id),
            },
    };
}

/// <summary>A member's effective access, from all sources combined.</summary>
internal sealed record MemberAccessDocument
{
    public required string MemberId { get; init; }

    public required MemberStatus Status { get; init; }

    public required BuiltInRole Role { get; init; }

    /// <summary>Whether the member is an administrator, by role or through a group.</summary>
    public required bool IsAdmin { get; init; }

    /// <summary>The grants that make the member an administrator. Only with `explain=true`.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? AdminGrants { get; init; }

    public required IReadOnlyList<HeldPermissionDocument> Permissions { get; init; }

    /// <summary>The access level on every resource, present and future.</summary>
    public required AccessLevel Everywhere { get; init; }

    /// <summary>The grants that reach every resource. Only with `explain=true`.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? EverywhereGrants { get; init; }

    /// <summary>The resources the member reaches by an access level of their own or of a group.</summary>
    public required IReadOnlyList<ReachedResourceDocument> Resources { get; init; }

    public static MemberAccessDocument From(MemberAccess access) => new()
    {
        MemberId = Ids.Member.Of(access.Member.Id), Status = access.Member.Status, Role = access.Member.Role,
        IsAdmin = access.IsAdmin, AdminGrants = GrantStep.From(access.AdminGrants),
        Permissions = [
            .. access.Permissions.Select(p =>
                new HeldPermissionDocument { Name = p.Name, Grants = GrantStep.From(p.Grants) })],
        Everywhere = access.Everywhere, EverywhereGrants = GrantStep.From(access.EverywhereGrants),
        Resources =
        [
            .. access.Resources.Select(r => new ReachedResourceDocument
            {
                Resource = Ids.Resource.Of(r.Resource.Id), Name = r.Resource.Name, Slug = r.Resource.Slug,
                Level = r.Reach.Level, Capabilities = r.Reach.Capabilities, Grants = GrantStep.From(r.Grants),
            }),
        ],
    };
}

/// <summary>A permission a member holds.</summary>
internal sealed record HeldPermissionDocument
{
    public required string Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? Grants { get; init; }
}

/// <summary>A resource a member reaches.</summary>
internal sealed record ReachedResourceDocument
{
    /// <summary>The resource's id.</summary>
    public required string Resource { get; init; }

    public required string Name { get; init; }

    public required string Slug { get; init; }

    public required AccessLevel Level { get; init; }

    public required IReadOnlyList<string> Capabilities { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? Grants { get; init; }
}

/// <summary>A member who reaches a resource, or would reach it once active.</summary>
internal sealed record ReachingMemberDocument
{
    public required string MemberId { get; init; }

    public required MemberKind Kind { get; init; }

    public required MemberStatus Status { get; init; }

    public required string DisplayName { get; init; }

    public required string? Email { get; init; }

    public required AccessLevel Level { get; init; }

    public required IReadOnlyList<string> Capabilities { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? Grants { get; init; }

    public static ReachingMemberDocument From(ReachingMember reaching) => new()
    {
        MemberId = Ids.Member.Of(reaching.Member.Id), Kind = reaching.Member.Kind, Status = reaching.Member.Status,
        DisplayName = reaching.Member.DisplayName, Email = reaching.Member.Email,
        Level = reaching.Reach.Level, Capabilities = reaching.Reach.Capabilities,
        Grants = GrantStep.From(reaching.Grants),
    };
}
