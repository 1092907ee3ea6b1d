using Microsoft.AspNetCore.Antiforgery;
using Usher.Core;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Pages.Codes;
using Usher.Server.Pages.Confirm;
using Usher.Server.Pages.Docs;
using Usher.Server.Pages.Join;
using Usher.Server.Pages.Me;
using Usher.Server.Pages.Reset;
using Usher.Server.Pages.SignIn;

namespace Usher.Server.Pages;

/// <summary>
/// The hosted pages: Razor components, rendered on the server, that work without scripts. Each handler answers with one
/// of <see cref="PageResults"/>.
/// </summary>
public static class PagesExtensions
{
    internal static readonly string[] Read = [HttpMethods.Get, HttpMethods.Head];

    public static IServiceCollection AddUsherPages(this IServiceCollection services)
    {
        services.AddRazorComponents();
        services.AddAntiforgery();
        services.AddOptions<AntiforgeryOptions>().Configure<SiteCookies>((antiforgery, site) =>
        {
            antiforgery.Cookie.Name = site.HostName("usher_form");
            antiforgery.Cookie.Path = "/";
            // Not Strict: a link opened from a web mail would be sent without the cookie, and the new cookie would make
            // all forms that are already open invalid.
            antiforgery.Cookie.SameSite = SameSiteMode.Lax;
            antiforgery.Cookie.SecurePolicy = site.Secure ? CookieSecurePolicy.Always : CookieSecurePolicy.None;
            antiforgery.SuppressXFrameOptionsHeader = true; // SecurityHeaders sets a stricter one
        });
        services.AddSingleton<SiteCookies>();
        services.AddSingleton<SessionCookie>();
        services.AddSingleton<InvitationCodes>();
        services.AddSingleton<AddressCodes>();
        services.AddSingleton<OwnAddressCodes>();
        services.AddSingleton<ResetCodes>();
        return services;
    }

    public static void MapUsherPages(this IEndpointRouteBuilder app)
    {
        app.MapStaticAssets();
        var pages = app.MapGroup("").ExcludeFromDescription().WithMetadata(PageErrors.Instance)
            .AddEndpointFilter(RequireOwnFormAsync);
        pages.MapJoin();
        pages.MapConfirm();
        pages.MapConfirmOwn();
        pages.MapReset();
        pages.MapSignIn();
        pages.MapMe();
        pages.MapDocs();
    }

    // Replaces the framework's middleware, which answers an invalid form with an exception or an empty page. This shows
    // a page that says what to do.
    private static async ValueTask<object?> RequireOwnFormAsync(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        // Behind a proxy that terminates TLS, the request itself is plain HTTP, and the framework would refuse to set
        // the form's secure cookie.
        if (http.RequestServices.GetRequiredService<SiteCookies>().Secure) http.Request.Scheme = Uri.UriSchemeHttps;
        if (!HttpMethods.IsPost(http.Request.Method)) return await next(context);
        if ((await PostedForm.ReadAsync(http.Request, http.RequestAborted)).Error is { } refused)
        {
            var message = refused.Kind is ErrorKind.WrongMediaType
                ? "Only the form on the page can be sent to this URL."
                : "The form could not be read.";
            return PageResults.Error(refused.StatusCode, message);
        }

        if (OwnPage.Sent(http)
                || await http.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(http))
            return await next(context);
        return PageResults.Error(
            StatusCodes.Status400BadRequest,
            "The form was sent without its cookie. Either cookies are disabled, or the page was open for a very long "
            + "time. Open the page, or the link in your mail, once more.");
    }
}
