using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>
/// Organizations, which operators create and delete, and an organization's settings, which its administrators change.
/// </summary>
internal static class OrganizationEndpoints
{
    /// <summary>Maps the routes over all organizations.</summary>
    public static void MapOrganizations(this RouteGroupBuilder api)
    {
        var organizations = api.MapGroup("/organizations").WithTags("Organizations")
            .RequireAuthorization(Policies.Api, Policies.Operator);
        organizations.MapGet("", ListAsync).WithName("listOrganizations").TakesPages()
            .WithDocs<Page<OrganizationDocument>>("List organizations", "Oldest first. Needs an operator's key.");
        organizations.MapPost("", MakeAsync).WithName("createOrganization").AnswersETag().CanRepeat()
            .WithDocs<NewOrganizationDocument>("Create an organization", """
            Creates the organization with its first administrator, who is active from the start. The administrator's key
            and the link to set their password are shown once. Needs an operator's key.
            """, StatusCodes.Status201Created);
    }

    /// <summary>Maps the routes of one organization.</summary>
    public static void MapOrganization(this RouteGroupBuilder organization)
    {
        organization.MapGet("", GetAsync).WithName("getOrganization").AnswersETag().WithTags("Organizations")
            .WithDocs<OrganizationDocument>(
                "Get an organization", "Your key's organization, by slug or id; with an operator's key, any.");
        var ending = organization.MapGroup("").WithTags("Organizations").RequireAuthorization(Policies.Operator);
        ending.MapPost("/suspend", SuspendAsync).WithName("suspendOrganization").AnswersETag().TakesIfMatch()
            .SupportsDryRun().CanRepeat()
            .WithDocs<OrganizationDocument>(
                "Suspend an organization",
                "While suspended, all keys and sessions are refused in it, and its links do not work. No data is lost. "
                + "Needs an operator's key.");
        ending.MapPost("/resume", ResumeAsync).WithName("resumeOrganization").AnswersETag().TakesIfMatch()
            .SupportsDryRun().CanRepeat()
            .WithDocs<OrganizationDocument>("Resume an organization", "Needs an operator's key.");
        ending.MapDelete("", DeleteAsync).WithName("deleteOrganization").TakesIfMatch().SupportsDryRun()
            .WithDocs<DeletedOrganizationDocument>("Delete an organization", """
            Deletes all data of a suspended organization, including its events. People keep their accounts. With
            `dryRun=true` the answer says what would be deleted. Needs an operator's key.
            """);

        var settings = organization.MapGroup("/settings").WithTags("Settings");
        settings.MapGet("", GetSettingsAsync).WithName("getSettings").AnswersETag()
            .WithDocs<SettingsDocument>("Get the settings", "Only for administrators.");
        settings.MapPatch("", ChangeSettingsAsync).WithName("updateSettings").AnswersETag().TakesIfMatch()
            .SupportsDryRun()
            .WithDocs<SettingsDocument>("Change the settings", """
            The defaults for new members need `user_management`, and you must hold everything that you add or remove.
            The seat limit needs an operator's key. All other settings need an administrator.
            """);
    }

    private static async Task<IResult> ListAsync(
        ApiQuery query, Actor actor, OrganizationService organizations, CancellationToken ct)
    {
        var (limit, after) = (query.Limit, query.After("created"));
        if (query.Refusal is { } refusal) return refusal;
        return (await organizations.PageAsync(actor, after?.Id, limit + 1, ct)).ToHttp(read =>
            Answers.Ok(Cursor.Page(read, limit, OrganizationDocument.From, o => new Cursor("created", null, o.Id))));
    }

    private static async Task<IResult> MakeAsync(
        ApiBody<OrganizationRequest> body, Once once, Actor actor, OrganizationService organizations, Links links,
        CancellationToken ct)
    {
        if (body.Refusal(given => OrganizationService.Faults(given.ToOrganization())) is { } refusal) return refusal;
        return await once.AnswerAsync(
            () => organizations.CreateAsync(actor, body.Value.ToOrganization(), ct),
            made => Answers.Created(
                new NewOrganizationDocument
                {
                    Organization = OrganizationDocument.From(made.Organization), OwnerId = Ids.Member.Of(made.Owner.Id),
                    ApiKey = made.ApiKey, Link = made.OwnerLink is { } link ? links.Join(link) : null,
                },
                $"{UsherApi.Prefix}/organizations/{made.Organization.Slug}", Precondition.TagOf(made.Organization)));
    }

    private static async Task<IResult> GetAsync(Actor actor, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.GetAsync(actor, ct)).ToHttp(view => Show(view.Organization));

    private static Task<IResult> SuspendAsync(
        HttpRequest request, Once once, Actor actor, OrganizationService organizations, CancellationToken ct) =>
        once.AnswerAsync(() => organizations.SuspendAsync(actor, suspended: true, request.IfMatch, ct), Show);

    private static Task<IResult> ResumeAsync(
        HttpRequest request, Once once, Actor actor, OrganizationService organizations, CancellationToken ct) =>
        once.AnswerAsync(() => organizations.SuspendAsync(actor, suspended: false, request.IfMatch, ct), Show);

    private static async Task<IResult> DeleteAsync(
        HttpRequest request, Actor actor, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.DeleteAsync(actor, request.IfMatch, ct))
            .ToHttp(gone => Answers.Ok(new DeletedOrganizationDocument(gone)));

    private static async Task<IResult> GetSettingsAsync(
        Actor actor, OrganizationService organizations, CancellationToken ct) =>
        (await organizations.GetSettingsAsync(actor, ct)).ToHttp(ShowSettings);

    private static async Task<IResult> ChangeSettingsAsync(
        ApiBody<SettingsRequest> body, HttpRequest request, Actor actor, OrganizationService organizations,
        CancellationToken ct)
    {
        if (body.Refusal(given => organizations.Faults(given.ToChange())) is { } refusal) return refusal;
        return (await organizations.ChangeAsync(
            actor, body.Value.ToChange() with { IfMatch = request.IfMatch }, MemberDetails.None,
            ct)).ToHttp(ShowSettings);
    }

    private static IResult Show(Organization organization) =>
        Answers.Ok(OrganizationDocument.From(organization), Precondition.TagOf(organization));

    private static IResult ShowSettings(DefaultsView view) =>
        Answers.Ok(SettingsDocument.From(view), Precondition.TagOf(view.Organization));
}
