using System.Text.Json.Nodes;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Usher.Server.Api.OpenApi;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Pages;

/// <summary>The documentation as people read it, on a machine that reaches no other.</summary>
public sealed class DocsPageTests(UsherApp app, Chromium chromium)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task All_operations_can_be_read_and_nothing_is_asked_of_another_server()
    {
        var page = await chromium.VisitAsync(app.Url);
        List<string> complaints = [], elsewhere = [];
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning") complaints.Add(message.Text);
        };
        page.PageError += (_, error) => complaints.Add(error);
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(app.Url + "/", StringComparison.Ordinal)
                    && !request.Url.StartsWith("data:", StringComparison.Ordinal))
                elsewhere.Add(request.Url);
        };

        await page.GotoAsync("/docs");
        await page.Locator(".opblock").First.WaitForAsync();
        using var client = app.CreateClient();
        var documented = JsonNode.Parse(await client.GetStringAsync("/openapi/v1.json", Ct))!["paths"]!.AsObject()
            .Sum(path => path.Value!.AsObject().Count);
        Assert.Equal(documented, await page.Locator(".opblock").CountAsync());

        await page.GetByText("Sign in", new() { Exact = true }).ClickAsync();
        await page.GetByText("With e-mail address and password.").WaitForAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Try it out" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Execute" }).ClickAsync();
        await page.GetByText("credentials_wrong").First.WaitForAsync(); // the example's person is nobody here

        // the browser's own word about that answer
        complaints.RemoveAll(c => c.Contains("401", StringComparison.Ordinal));
        Assert.Empty(complaints);
        Assert.Empty(elsewhere);
    }

    // What Swagger UI makes is not ours to change; what stands around it is.
    [Fact]
    public async Task The_frame_around_them_is_accessible_and_fits_a_phone()
    {
        var page = await chromium.VisitAsync(app.Url);
        await page.GotoAsync("/docs");
        await page.Locator(".opblock").First.WaitForAsync();
        var result = await page.RunAxe(new AxeRunContext { Exclude = [new(".swagger-ui")] });
        Assert.Empty(result.Violations.Select(v =>
            $"{v.Id}: {v.Help} ({string.Join("; ", v.Nodes.Select(n => n.Html))})"));
        await page.SetViewportSizeAsync(360, 760);
        Assert.Equal(360, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
    }

    [Fact]
    public async Task Every_code_has_a_place_that_a_problem_leads_to()
    {
        var page = await chromium.VisitAsync(app.Url);
        await page.GotoAsync("/docs/errors#email_invalid");
        Assert.Contains(
            "Not a valid e-mail address.", await page.Locator(":target").InnerTextAsync(),
            StringComparison.Ordinal);
        foreach (var entry in ErrorCatalogue.All) Assert.Equal(1, await page.Locator("#" + entry.Code).CountAsync());
        await Chromium.AssertFitAsync(page);
    }
}
