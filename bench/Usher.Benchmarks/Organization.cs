using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server;

namespace Usher.Benchmarks;

/// <summary>
/// The server's own services on a SQLite database of their own, with one organization of a thousand invited people.
/// Nothing listens, nothing works by itself.
/// </summary>
internal sealed class Organization : IAsyncDisposable
{
    public const string Key = "benchmarks_benchmarks_benchmarks_key";

    private readonly string directory = Directory.CreateTempSubdirectory("usher-benchmarks-").FullName;
    private WebApplication? app;

    public Actor Owner { get; private set; } = null!;

    public Guid MemberId { get; private set; }

    public static async Task<Organization> CreateAsync()
    {
        var made = new Organization();
        await made.BeginAsync();
        return made;
    }

    /// <summary>In a scope of its own, as a request does.</summary>
    public async Task<T> WithAsync<TService, T>(Func<TService, Task<T>> work)
        where TService : notnull
    {
        await using var scope = app!.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<TService>());
    }

    public async ValueTask DisposeAsync()
    {
        await app!.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    private async Task BeginAsync()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Usher:DataDirectory"] = directory, ["Usher:Bootstrap:Organization:Name"] = "Acme",
            ["Usher:Bootstrap:Organization:Slug"] = "acme", ["Usher:Bootstrap:Owner:Email"] = "owner@acme.test",
            ["Usher:Bootstrap:Owner:ApiKey"] = Key,
        });
        builder.AddUsher();
        app = builder.Build();
        await app.PrepareUsherAsync();
        Owner = (await WithAsync<CallerService, Caller?>(s => s.FindAsync(Key, default)))!.Actor;
        NewInvitation[] people = [
            .. Enumerable.Range(0, 1_000)
                .Select(i =>
                    new NewInvitation($"person{i}@acme.test") { Permissions = [Permissions.AgentManagement] })];
        var invited = await WithAsync<InvitationService, IReadOnlyList<Result<Invited>>>(s =>
            s.InviteAsync(
                Owner, people,
                new(OnPending.Skip, OnActive.Skip, OnRemoved.New, SendMail: false, UnknownReferences.Refuse), default));
        MemberId = invited[500].Value.Member.Id;
    }
}
