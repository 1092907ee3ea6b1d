using Usher.Core;
using Usher.Core.Access;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Dialects.DeployHq.Answers;

namespace Usher.Server.Tests.Dialects.DeployHq;

/// <summary>Projects, as far as access needs.</summary>
public sealed class DeployHqProjectTests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_list_is_alphabetical_and_each_project_decodes()
    {
        var org = await app.CreateOrganizationAsync();
        var (production, sandbox, staging) = (
            org.Created.Resources[0], org.Created.Resources[2], org.Created.Resources[1]);
        string Shown(Core.Resources.Resource r) => $$"""
            { "name": "{{r.Name}}", "permalink": "{{r.Slug}}", "identifier": "{{r.Id}}", "public_key": "",
              "repository": null, "repository_url": null, "zone": "",
              "last_deployed_at": null, "auto_deploy_url": "", "starred": false }
            """;
        await org.Admin.GetAsync("/projects.json?page=2", Ct)
            .AssertAsync(200, $"[{Shown(production)}, {Shown(sandbox)}, {Shown(staging)}]");
        foreach (var written in new[] { "sandbox", $"{sandbox.Id}", "sandbox.json", $"{sandbox.Id}/" })
            await org.Admin.GetAsync("/projects/" + written, Ct).AssertAsync(200, Shown(sandbox));
    }

    [Fact]
    public async Task Only_projects_reached_are_seen_and_the_others_do_not_exist()
    {
        var (org, other) = (await app.CreateOrganizationAsync(), await app.CreateOrganizationAsync());
        var noor = await org.ActiveAsync("noor@acme.test", r => r with
        {
            Levels = [
                new(Reference.To(org.Created.Resources[0].Id), AccessLevel.ReadOnly),
                new(Reference.To(org.Created.Resources[1].Id), AccessLevel.None),
            ],
        });
        Assert.Equal(["production"], await noor.Client.ProjectsAsync());
        foreach (var written in new[]
            {
                "staging", $"{org.Created.Resources[1].Id}", "sandbox", $"{other.Created.Resources[0].Id}", "nowhere",
                "Production", "%00", "a%20b", "..%2fusers",
            })
            Assert.Contains(
                (int)(await noor.Client.GetAsync(Wire.Raw(app.Url, "/projects/" + written), Ct)).StatusCode,
                new[] { 400, 404 });
        await noor.Client.GetAsync("/projects/staging", Ct).AssertAsync(404, NotFound);
    }

    [Fact]
    public async Task The_most_permissive_of_own_and_teams_rights_wins()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync(
            "noor@acme.test",
            r => r with { Levels = [new(Reference.To(org.Created.Resources[0].Id), AccessLevel.ReadOnly)] });
        var team = await org.Admin.PostTeamAsync($$"""
            { "name": "Crew", "user_ids": [{{noor.Member.Number}}], "project_assignments": [{ "identifier": "staging",
              "can_deploy_all": true }, { "identifier": "production" }] }
            """).OkAsync(201);
        Assert.Equal(["production", "staging"], await noor.Client.ProjectsAsync());

        await org.Admin.PutTeamAsync(team.TextAt("identifier")!, """{ "all_projects_allowed": true }""").OkAsync();
        Assert.Equal(["production", "sandbox", "staging"], await noor.Client.ProjectsAsync());
        // his own flags alone
        Assert.Empty((await org.Admin.GetAsync($"/users/{noor.Member.Id}", Ct).OkAsync()).TrueFlags());
        await org.Admin.PutTeamAsync(team.TextAt("identifier")!, """{ "all_projects_allowed": false }""").OkAsync();
        Assert.Equal(["production"], await noor.Client.ProjectsAsync());
    }

    [Fact]
    public async Task Whoever_may_create_projects_creates_one_and_then_sees_it()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync(
            "noor@acme.test", r => r with { Permissions = [Permissions.ResourceCreation] });
        var project = await noor.Client.PostTextAsync(
            "/projects", """{ "project": { "name": " Web Shop ", "zone_id": 3, "template_id": null } }""").OkAsync();

        Assert.Equal(("Web Shop", "web-shop"), (project.TextAt("name"), project.TextAt("permalink")));
        Assert.Equal(["web-shop"], await noor.Client.ProjectsAsync());
        await noor.Client.PostTextAsync("/projects", """{ "project": { "name": "WEB SHOP" } }""")
            .AssertAsync(422, Fault("name", "has already been taken"));
    }

    [Fact]
    public async Task Others_create_none()
    {
        var org = await app.CreateOrganizationAsync();
        var noor = await org.ActiveAsync("noor@acme.test", r => r with { AllResources = true });
        await noor.Client.PostTextAsync("/projects", """{ "project": { "name": "Web Shop" } }""")
            .AssertAsync(403, Forbidden("This needs the permission resource_creation."));
        Assert.Equal(3, (await noor.Client.ProjectsAsync()).Length);
    }

    [Theory]
    [InlineData("{}", "name", "can't be blank")]
    [InlineData("""{ "name": null }""", "name", "can't be blank")]
    [InlineData("""{ "name": " " }""", "name", "can't be blank")]
    [InlineData("""{ "name": ["a"] }""", "name", "is invalid")]
    [InlineData("""{ "name": "a\u0000b" }""", "name", "is invalid")]
    public async Task A_project_needs_a_name(string project, string field, string text)
    {
        var org = await app.CreateOrganizationAsync();
        await org.Admin.PostTextAsync("/projects", $$"""{ "project": {{project}} }""")
            .AssertAsync(422, Fault(field, text));
        await org.Admin.PostTextAsync("/projects", project).AssertAsync(400, WrapperMissing("project"));
    }
}
