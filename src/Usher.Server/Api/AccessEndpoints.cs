using System.Text.Json.Serialization;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Who may do what, and why.</summary>
internal static class AccessEndpoints
{
    public static void MapAccess(this RouteGroupBuilder organization)
    {
        organization.MapPost("/access/check", CheckAsync).OnlyReads().CanRepeat().Takes(QueryParameter.Explain)
            .WithTags("Access").Says<CheckAnswer>("May somebody do something?", """
            One question, or with `checks` up to 1,000, answered in their order. About yourself freely, about others with `user_management`. Nobody who is invited or suspended may do anything.
            """);
        organization.MapGet("/members/{member}/access", OfMemberAsync).Takes(QueryParameter.Explain).WithTags("Access")
            .Says<MemberAccessDocument>("What a member holds", """
            All sources united: role, permissions, roles, groups, levels. Of somebody invited or suspended, what he would hold. Yours freely, that of others with `user_management`.
            """);
        organization.MapGet("/resources/{resource}/access", OfResourceAsync).TakesPages(QueryParameter.Explain)
            .WithTags("Access").Says<Page<ReachingMemberDocument>>("Who reaches a resource", """
            Everybody who reaches it by any way, oldest member first; also those who are invited or suspended, with that status. Needs `user_management`.
            """);
    }

    private static async Task<IResult> CheckAsync(
        ApiQuery query, ApiBody<CheckRequest> body, Actor actor, AccessService access, CancellationToken ct)
    {
        var explain = query.Flag("explain");
        if ((query.Refusal ?? body.Refusal()) is { } refusal) return refusal;
        var given = body.Value;
        if (given.Checks is not null && given.IsOne)
            return ShapeErrors.Invalid("checks", "either many checks here, or one beside").ToHttp();
        var checks = given.Checks is { } many ? many : [given];
        var answers = await access.CheckAsync(actor, [.. checks.Select(c => c.ToCheck())], explain, ct);
        // Of a single question there is no list to point into.
        if (answers.Error is { } error)
            return (given.Checks is null ? Error.Of(error.Also.Prepend(error).Select(Alone))! : error).ToHttp();
        var results = answers.Value.Select(CheckResult.From).ToList();
        return Answers.Ok(
            given.Checks is null
                ? new CheckAnswer
                {
                    Allowed = results[0].Allowed, Reason = results[0].Reason, Grants = results[0].Grants,
                }
                : new CheckAnswer { Allowed = results.TrueForAll(r => r.Allowed), Results = results });

        static Error Alone(Error fault) =>
            fault with
            {
                Also = [],
                Field = fault.Field?.StartsWith("checks/0", StringComparison.Ordinal) is true
                    ? fault.Field["checks/0".Length..].TrimStart('/')
                    : fault.Field,
            };
    }

    private static async Task<IResult> OfMemberAsync(
        string member, ApiQuery query, Actor actor, AccessService access, CancellationToken ct)
    {
        var explain = query.Flag("explain");
        if (query.Refusal is { } refusal) return refusal;
        return (await access.OfMemberAsync(actor, new(Id: Ids.Member.Parse(member)), explain, ct))
            .ToHttp(found => Answers.Ok(MemberAccessDocument.From(found)));
    }

    private static async Task<IResult> OfResourceAsync(
        string resource, ApiQuery query, Actor actor, AccessService access, CancellationToken ct)
    {
        var (explain, limit, after) = (query.Flag("explain"), query.Limit, query.After("created"));
        if (query.Refusal is { } refusal) return refusal;
        return (await access.OfResourceAsync(actor, Named.Resource(resource), new(after?.Id, limit), explain, ct))
            .ToHttp(audience => Answers.Ok(
            new Page<ReachingMemberDocument>(
                [.. audience.Members.Select(ReachingMemberDocument.From)],
                audience.Next is { } next ? new Cursor("created", null, next).ToString() : null)));
    }
}

/// <summary>A question.</summary>
internal record CheckQuestion
{
    /// <summary>By id, address or `sa::` name; left out: yourself.</summary>
    public string? Member { get; init; }

    /// <summary>A name of the catalogue.</summary>
    public string? Permission { get; init; }

    /// <summary>By id or slug; without level or capability it is asked whether he reaches it at all.</summary>
    public string? Resource { get; init; }

    /// <summary>`read_only` or `full`, at least.</summary>
    public AccessLevel? Level { get; init; }

    public string? Capability { get; init; }

    [JsonIgnore]
    public bool IsOne => (Member ?? Permission ?? Resource ?? Capability) is not null || Level is not null;

    public AccessCheck ToCheck() => new()
    {
        Member = Member is null
            ? null
            : Named.Member(Member), Permission = Permission, Resource = Resource is null
            ? null
            : Named.Resource(Resource), Level = Level, Capability = Capability,
    };
}

/// <summary>One question, or many.</summary>
internal sealed record CheckRequest : CheckQuestion
{
    /// <summary>Up to 1,000 questions, instead of one beside.</summary>
    public IReadOnlyList<CheckQuestion>? Checks { get; init; }
}

/// <summary>What the question, or all the questions together, came to.</summary>
internal sealed record CheckAnswer
{
    /// <summary>Whether all that was asked holds.</summary>
    public required bool Allowed { get; init; }

    /// <summary>Why not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AccessDenial? Reason { get; init; }

    /// <summary>Each grant that gives a part of what was asked; with `explain=true`.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? Grants { get; init; }

    /// <summary>Where many were asked, each, in their order.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CheckResult>? Results { get; init; }
}

/// <summary>What one of many questions came to.</summary>
internal sealed record CheckResult
{
    /// <summary>Whom it was about.</summary>
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

/// <summary>One step from a member to what he holds, such as: he is in this group.</summary>
internal sealed record GrantStep
{
    public required AccessStepKind Kind { get; init; }

    /// <summary>The group's, role's or resource's id.</summary>
    public required string? Id { get; init; }

    /// <summary>What it is called; a permission's or built-in role's name.</summary>
    public required string? Name { get; init; }

    /// <summary>Of a level: how far.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AccessLevel? Level { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Capabilities { get; init; }

    /// <summary>Who gave it, by name; `Usher` is the installation itself. Null for what is implied.</summary>
    public required string? GrantedBy { get; init; }

    /// <summary>When; null for what has been so from the beginning.</summary>
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

/// <summary>What a member holds, all sources united.</summary>
internal sealed record MemberAccessDocument
{
    public required string MemberId { get; init; }

    public required MemberStatus Status { get; init; }

    public required BuiltInRole Role { get; init; }

    /// <summary>By his role or by a group.</summary>
    public required bool IsAdmin { get; init; }

    /// <summary>What makes him one; with `explain=true`.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? AdminGrants { get; init; }

    public required IReadOnlyList<HeldPermissionDocument> Permissions { get; init; }

    /// <summary>The level on every resource, present and future.</summary>
    public required AccessLevel Everywhere { get; init; }

    /// <summary>What reaches every resource; with `explain=true`.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<GrantStep>>? EverywhereGrants { get; init; }

    /// <summary>Resources that a level of his own or of a group leads to.</summary>
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

/// <summary>Somebody who reaches a resource, or would if he were active.</summary>
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
