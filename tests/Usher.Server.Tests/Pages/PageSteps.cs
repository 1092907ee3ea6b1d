using Microsoft.Playwright;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Pages;

/// <summary>What people do on the pages, whichever test they are in.</summary>
internal static class PageSteps
{
    extension(IPage page)
    {
        /// <summary>Opens a mailed link, or, without script, enters its code by hand.</summary>
        public async Task OpenAsync(Guest guest, bool script = true)
        {
            await page.GotoAsync(guest.Mailed);
            if (!script) await page.EnterCodeAsync(guest.Link.Secret);
            else await page.WaitForURLAsync(url => !url.Contains('#', StringComparison.Ordinal));
        }

        public async Task EnterCodeAsync(string code)
        {
            await page.GetByLabel("Code from your e-mail").FillAsync(code);
            await page.GetByRole(AriaRole.Button, new() { Name = "Open the invitation" }).ClickAsync();
        }

        /// <summary>Fills in the sign-in page.</summary>
        public async Task SignInAsync(string email)
        {
            await page.GetByLabel("E-mail", new() { Exact = true }).FillAsync(email);
            await page.GetByLabel("Password").FillAsync(TestOrganization.Password);
            await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        }
    }
}
