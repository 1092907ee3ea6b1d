using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Usher.Server.Pages;

/// <summary>The answers of pages.</summary>
public static class PageResults
{
    /// <summary>A component as a whole page.</summary>
    public static IResult Page<TPage>(object parameters, int status = StatusCodes.Status200OK)
        where TPage : IComponent =>
        new RazorComponentResult<TPage>(parameters) { StatusCode = status };

    /// <summary>
    /// An error page for browsers. It can also be written after another page has failed while rendering.
    /// </summary>
    /// <param name="status">400 to 599.</param>
    /// <param name="message">One or two sentences for the person, without secrets and internal causes.</param>
    public static IResult Error(int status, string message) => new ErrorResult(status, message);

    /// <summary>A redirect with 303, so that reloading the next page posts nothing again.</summary>
    /// <param name="path">A path on this site. Redirects never leave the site, because the form-action of our content
    /// security policy applies to them too.</param>
    public static IResult SeeOther(string path) => new SeeOtherResult(path);

    /// <summary>The error page for 429, with Retry-After.</summary>
    public static IResult TooMany(HttpContext http, TimeSpan wait)
    {
        http.Response.Headers.RetryAfter = Errors.ErrorResult.Seconds(wait);
        return TooMany(wait);
    }

    internal static IResult TooMany(TimeSpan wait)
    {
        var time = wait < TimeSpan.FromMinutes(2)
            ? "in a minute or two"
            : $"in about {(int)Math.Ceiling(wait.TotalMinutes)} minutes";
        return Error(
            StatusCodes.Status429TooManyRequests,
            $"There were too many attempts in a short time. Nothing is lost; try again {time}.");
    }

    private sealed class SeeOtherResult(string path) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = path;
            return Task.CompletedTask;
        }
    }

    private sealed class ErrorResult(int status, string message) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            // A page that failed has already initialised the request's services, which refuse a second initialisation.
            var services = httpContext.RequestServices;
            await using var scope = services.CreateAsyncScope();
            httpContext.RequestServices = scope.ServiceProvider;
            try
            {
                var id = status >= StatusCodes.Status500InternalServerError ? httpContext.TraceIdentifier : null;
                await Page<ErrorPage>(new { Status = status, Message = message, RequestId = id }, status)
                    .ExecuteAsync(httpContext);
            }
            finally
            {
                httpContext.RequestServices = services;
            }
        }
    }
}
