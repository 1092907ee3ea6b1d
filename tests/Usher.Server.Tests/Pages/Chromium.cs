using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Usher.Server.Tests.Pages.Chromium))]

namespace Usher.Server.Tests.Pages;

/// <summary>The installed Chromium, started with the first test that looks at a page.</summary>
public sealed class Chromium : IAsyncDisposable
{
    private const int PhoneWidth = 360;

    // What a sandboxed machine without a display or a network needs, and nothing fetched in the background.
    private static readonly string[] Flags =
    [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
    ];

    // All that the dark style sheet can change.
    private static readonly AxeRunOptions ContrastOnly = new()
    {
        RunOnly = new RunOnlyOptions { Type = "rule", Values = ["color-contrast"] },
    };

    private readonly Lazy<Task<(IPlaywright Playwright, IBrowser Browser)>> started = new(StartAsync);

    /// <summary>A new visitor: no cookies, nothing cached.</summary>
    public async Task<IPage> VisitAsync(string site, bool script = true)
    {
        var (_, browser) = await started.Value;
        var context = await browser.NewContextAsync(
            new() { BaseURL = site, JavaScriptEnabled = script, ReducedMotion = ReducedMotion.Reduce });
        context.SetDefaultTimeout(20_000);
        return await context.NewPageAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!started.IsValueCreated) return;
        var (playwright, browser) = await started.Value;
        await browser.DisposeAsync();
        playwright.Dispose();
    }

    /// <summary>
    /// What must hold for every page: no axe finding in light or dark, nothing to scroll sideways on a phone, nothing
    /// too small to hit with a finger.
    /// </summary>
    /// <param name="page">The page.</param>
    /// <param name="script">Whether its visitor has script; axe is one, and would wait for ever.</param>
    public static async Task AssertFitAsync(IPage page, bool script = true)
    {
        if (script) await AssertAccessibleAsync(page);
        await page.SetViewportSizeAsync(PhoneWidth, 760);
        Assert.Equal(PhoneWidth, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        Assert.Empty(await page.EvaluateAsync<string[]>("""
            [...document.querySelectorAll('a, button, input:not([type=hidden]), summary')]
                .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)
            """));
    }

    private static async Task AssertAccessibleAsync(IPage page)
    {
        foreach (var (scheme, options) in new[]
            {
                (ColorScheme.Light, new AxeRunOptions()), (ColorScheme.Dark, ContrastOnly),
            })
        {
            await page.EmulateMediaAsync(new() { ColorScheme = scheme });
            var result = await page.RunAxe(options);
            Assert.Empty(result.Violations.Select(v =>
                $"{scheme}, {v.Id}: {v.Help} ({string.Join("; ", v.Nodes.Select(n => n.Html))})"));
        }
    }

    private static async Task<(IPlaywright Playwright, IBrowser Browser)> StartAsync()
    {
        var playwright = await Playwright.CreateAsync();
        var path = Environment.GetEnvironmentVariable("USHER_TEST_CHROMIUM") is { Length: > 0 } given
            ? given
            : "/usr/bin/chromium";
        return (playwright, await playwright.Chromium.LaunchAsync(new() { ExecutablePath = path, Args = Flags }));
    }
}
