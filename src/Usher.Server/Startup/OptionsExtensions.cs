using Microsoft.AspNetCore.Identity;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;

namespace Usher.Server.Startup;

internal static class OptionsExtensions
{
    /// <summary>Binds and validates the settings that belong to no other part of the server.</summary>
    public static void AddUsherOptions(this IServiceCollection services)
    {
        services.AddOptions<ServerOptions>().BindConfiguration(ServerOptions.Section).ValidateOnStart()
            .Validate(
                o =>
                    Uri.TryCreate(o.PublicUrl, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
                        && url.PathAndQuery is "/" && !o.PublicUrl.EndsWith('/'),
                "Usher:PublicUrl must be http:// or https:// and a host, without a path or a trailing slash.")
            .Validate(
                o => o.Operator.ApiKey is not { } key || ApiKeyService.IsAcceptable(key),
                "Usher:Operator:ApiKey must be 32 to 128 characters of A-Z a-z 0-9 _ and -.");
        services.AddOptions<InvitationOptions>().BindConfiguration(InvitationOptions.Section).ValidateOnStart()
            .Validate(
                o => o.Lifetime >= InvitationOptions.Shortest && o.Lifetime <= InvitationOptions.Longest,
                "Usher:Invitations:Lifetime must be 1 hour to 90 days (01:00:00 to 90.00:00:00).");
        services.AddOptions<AccessOptions>().BindConfiguration(AccessOptions.Section).ValidateOnStart()
            .Validate(
                o =>
                    o.Permissions.All(p =>
                        p.Length is > 0 and <= 64
                            && p.All(c =>
                                   char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)
                                       || c is '_' or '.' or ':' or '-')),
                "Usher:Access:Permissions: a name must be 1 to 64 characters of a-z, 0-9, '_', '.', ':' and '-'.");
        services.AddOptions<BootstrapOptions>().BindConfiguration(BootstrapOptions.Section).ValidateOnStart();
        services.AddOptions<PasswordHasherOptions>().Configure<IConfiguration>((hasher, configuration) =>
            hasher.IterationCount = configuration.GetValue("Usher:Passwords:HashIterations", 210_000))
            .Validate(o => o.IterationCount > 0, "Usher:Passwords:HashIterations must be at least 1.")
                .ValidateOnStart();
    }
}
