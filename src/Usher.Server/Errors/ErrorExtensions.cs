namespace Usher.Server.Errors;

internal static class ErrorExtensions
{
    /// <summary>Registers what answers errors in the format of their surface.</summary>
    public static void AddUsherErrors(this IServiceCollection services)
    {
        services.AddSingleton<Surfaces>();
        services.AddExceptionHandler<UsherExceptionHandler>();
        services.AddProblemDetails();
    }
}
