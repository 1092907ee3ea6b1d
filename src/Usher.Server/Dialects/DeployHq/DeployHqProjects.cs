using Usher.Core;
using Usher.Core.ApiKeys;
using Usher.Core.Organizations;
using Usher.Core.Resources;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>Projects, which are resources. Usher manages access to them and does not deploy.</summary>
internal static class DeployHqProjects
{
    public static void MapDeployHqProjects(this RouteGroupBuilder projects)
    {
        projects.MapGet("", List);
        projects.MapPost("", CreateAsync);
        projects.MapGet("/{identifier}", GetAsync);
    }

    /// <summary>A project by its UUID or its permalink; null for a text that is neither.</summary>
    public static Reference? Reference(string written) =>
        DeployHqDialect.Identifier(written) is { } id
            ? new(written, id)
            : OrganizationService.IsSlug(written)
            ? new(written, null)
            : null;

    private static IResult List(Caller caller, ResourceService resources, CancellationToken ct) => TypedResults.Json(
        resources.StreamAsync(caller.Actor, ResourceOrder.Name, ct).Select(ProjectDocument.From),
        DeployHqJson.Default.IAsyncEnumerableProjectDocument);

    private static async Task<IResult> GetAsync(
        string identifier, Caller caller, ResourceService resources, CancellationToken ct) =>
        Reference(identifier) is { } project
        ? (await resources.GetAsync(caller.Actor, project, ct)).ToHttp(Shown)
        : new ErrorResult(ResourceErrors.NotFound);

    // Answers 200, while users and teams answer 201. Source: the vendor's OpenAPI document.
    private static async Task<IResult> CreateAsync(
        HttpRequest request, Caller caller, ResourceService resources, CancellationToken ct)
    {
        if (!(await DeployHqForm.ReadAsync(request, "project", ct)).TryGet(out var form, out var refused))
            return new ErrorResult(refused);
        var name = form.Filled("name", required: true);
        if (form.Faults.Count > 0) return new ErrorResult(form.Faults);
        return (await resources.CreateAsync(caller.Actor, name!, new Dictionary<string, string>(), ct)).ToHttp(Shown);
    }

    private static IResult Shown(Resource resource) =>
        TypedResults.Json(ProjectDocument.From(resource), DeployHqJson.Default.ProjectDocument);
}
