using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Data.Sqlite;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Idempotency;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Core.Users;

namespace Usher.Core;

/// <summary>Registers the services of the core.</summary>
public static class CoreServices
{
    /// <summary>
    /// Registers everything in the core. The host registers the context pool of <see cref="UsherDb"/>, Data Protection
    /// and the options.
    /// </summary>
    public static IServiceCollection AddUsherCore(this IServiceCollection services) => services
        .AddSingleton(TimeProvider.System)
        // Data
        .AddScoped<Database>().AddSingleton<UsherDbRuntime>().AddSingleton<WriteGate>().AddSingleton<WriteMeter>()
        .AddScoped<IdempotencyService>()
        // Organizations and what they have
        .AddScoped<OrganizationService>().AddScoped<ResourceService>().AddScoped<GroupService>()
        .AddScoped<RoleService>()
        .AddSingleton(s => new PermissionCatalogue(s.GetRequiredService<IOptions<AccessOptions>>().Value.Permissions))
        .AddScoped<AccessService>()
        // Members and invitations
        .AddScoped<MemberService>().AddScoped<ServiceAccountService>().AddScoped<ProfileService>()
        .AddScoped<AddressChangeService>().AddScoped<MemberGrantSweep>().AddSingleton<MemberNumbers>()
        .AddScoped<InvitationService>().AddScoped<GuestService>().AddSingleton<InvitationMails>()
        // Keys, users and sessions
        .AddScoped<ApiKeyService>().AddScoped<CallerService>().AddSingleton<ApiKeyUsage>()
        .AddScoped<UserService>().AddScoped<UserAddressService>().AddScoped<MembershipService>()
        .AddScoped<AccountTakeover>().AddScoped<PasswordResetService>().AddSingleton<PasswordService>()
        .AddSingleton<IPasswordHasher<User>, PasswordHasher<User>>().AddSingleton<AccountMails>()
        .AddScoped<SessionService>().AddScoped<OwnSessionService>().AddScoped<SignInGuard>()
        .AddSingleton<SessionUsage>()
        // Outbox and jobs
        .AddSingleton<OutboxDoorbell>().AddSingleton<OutboxSecrets>()
        .AddScoped<JobService>().AddScoped<JobRunner>().AddSingleton<JobDoorbell>();
}
