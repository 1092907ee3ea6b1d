using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>Access checks: what members may do, and which grants allow it.</summary>
internal static class AccessEndpoints
{
    public static void MapAccess(this RouteGroupBuilder organization)
    {
        organization.MapPost("/access/check", CheckAsync).WithName("checkAccess").OnlyReads().CanRepeat()
            .Takes(QueryParameter.Explain)
            .WithTags("Access").WithDocs<CheckAnswer>("Check access", """
            Answers one question, or up to 1,000 questions in `checks`, in the order given. Every member may ask about
            themselves; asking about others needs `user_management`. Invited and suspended members are allowed nothing.
            """);
        organization.MapGet("/members/{member}/access", OfMemberAsync).WithName("getMemberAccess")
            .Takes(QueryParameter.Explain).WithTags("Access")
            .WithDocs<MemberAccessDocument>("Get a member's effective access", """
            Combines all sources: role, permissions, roles, groups and access levels. For an invited or suspended
            member it shows the access the member would have once active. Every member may read their own; reading that
            of others needs `user_management`.
            """);
        organization.MapGet("/resources/{resource}/access", OfResourceAsync).WithName("listResourceAccess")
            .TakesPages(QueryParameter.Explain)
            .WithTags("Access").WithDocs<Page<ReachingMemberDocument>>("List the members who reach a resource", """
            Lists every member with access to the resource from any source, oldest member first. Invited and suspended
            members are included and marked by their status. Needs `user_management`.
            """);
    }

    private static async Task<IResult> CheckAsync(
        ApiQuery query, ApiBody<CheckRequest> body, Once once, Actor actor, AccessService access, CancellationToken ct)
    {
        var explain = query.Flag("explain");
        if ((query.Refusal ?? body.Refusal()) is { } refusal) return refusal;
        var given = body.Value;
        if (given.Checks is not null && given.IsOne)
            return ShapeErrors.Invalid("checks", "either `checks` or a single question, not both").ToHttp();
        var checks = given.Checks is { } many ? many : [given];
        return await once.AnswerAsync<CheckAnswer>(async () =>
        {
            var answers = await access.CheckAsync(actor, [.. checks.Select(c => c.ToCheck())], explain, ct);
            // A single question is not in a list, so its error paths must not start with "checks/0".
            if (answers.Error is { } error) return given.Checks is null ? error.Below("checks/0") : error;
            var results = answers.Value.Select(CheckResult.From).ToList();
            return given.Checks is not null
                ? new CheckAnswer { Allowed = results.TrueForAll(r => r.Allowed), Results = results }
                : new CheckAnswer
                {
                    Allowed = results[0].Allowed, Reason = results[0].Reason, Grants = results[0].Grants,
                };
        }, found => Answers.Ok(found));
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
