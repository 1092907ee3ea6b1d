using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.RouteTable;

/// <summary>
/// A server and an organization with one caller of each kind, and something of each kind to reach for. All names in it
/// contain "quokka". Nothing happens in it by itself.
/// </summary>
public sealed class RouteWorld : IAsyncLifetime
{
    // The rows that thousands of calls make would have to be read after each of the following calls.
    private const int BetweenSweeps = 10;

    private readonly Dictionary<Caller, string?> keys = [];
    private UsherApp app = null!;
    private TestOrganization org = null!;
    private OrganizationDigest digest = null!;
    private WriteSignal writes = null!;
    private HashSet<Guid> kept = [];
    private Things? things;
    private bool isChanged;
    private int built;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public HttpClient Http { get; private set; } = null!;

    public string Slug => org.Slug;

    public string ForeignSlug { get; private set; } = "";

    /// <summary>All routes of all surfaces.</summary>
    public IReadOnlyList<ApiRoute> Routes { get; private set; } = [];

    /// <summary>What the organization has, in the forms that paths and bodies have it.</summary>
    public IReadOnlyDictionary<string, string> Ids { get; private set; } = new Dictionary<string, string>();

    /// <summary>The same forms, of nothing that exists.</summary>
    public IReadOnlyDictionary<string, string> MadeUp { get; } = Forms(
        "no-such-organization", Guid.NewGuid(), 999_999_999_999, "unknown@example.test", Guid.NewGuid(),
        Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), "sa::unknown", Guid.NewGuid(),
        Guid.NewGuid());

    /// <summary>All ids of the organization's rows, as UUIDs and in short.</summary>
    public IReadOnlyList<string> AllIds => digest.Ids;

    /// <summary>The caller's key; null: it sends none.</summary>
    public string? KeyOf(Caller caller) => keys[caller];

    public async ValueTask InitializeAsync()
    {
        app = await UsherApp.StartAsync([], workers: false);
        (Http, Routes) = (app.CreateClient(), ApiRoute.Of(app));
        org = await app.CreateOrganizationAsync(o => o.Name = "Quokka Inc");
        var other = await app.CreateOrganizationAsync();
        ForeignSlug = other.Slug;
        digest = new(app, org.Id);
        writes = await WriteSignal.CreateAsync(app);
        await MakeCallersAsync(other);
        kept = await app.QueryAsync(async db =>
            (await db.Members.Where(m => m.OrganizationId == org.Id).Select(m => m.Id)
                .Concat(db.ApiKeys.Where(k => k.OrganizationId == org.Id).Select(k => k.Id))
                .Concat(db.Resources.Where(r => r.OrganizationId == org.Id).Select(r => r.Id))
                .ToListAsync(Ct)).ToHashSet());
        await RebuildAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await writes.DisposeAsync();
        await app.DisposeAsync();
    }

    /// <summary>
    /// Whether all is as it was when this was asked last. The rows are only read when something was written.
    /// </summary>
    public async Task<bool> IsUnchangedAsync()
    {
        var unchanged = !await writes.MayHaveChangedAsync() || await digest.IsUnchangedAsync();
        isChanged |= !unchanged;
        return unchanged;
    }

    /// <summary>Makes new things to reach for in place of those that a call changed or used up.</summary>
    public async Task RebuildIfChangedAsync()
    {
        var wasChanged = isChanged;
        await IsUnchangedAsync();
        if (wasChanged) things = null; // by a call that should not have: which of them is not known any more
        if (isChanged) await RebuildAsync();
    }

    private async Task MakeCallersAsync(TestOrganization other)
    {
        Caller[] special = [Caller.ReadOnlyRole, Caller.PowerUser, Caller.ServiceAccount, Caller.Admin];
        foreach (var caller in Caller.Members.Except(special))
            keys[caller] = await MakeAsync(caller.Name, row => row with { Permissions = caller.Permissions });
        keys[Caller.ReadOnlyRole] = await MakeAsync("reader", row => row with { Role = BuiltInRole.ReadOnly });
        keys[Caller.PowerUser] = await MakeAsync("power", row => row with { Role = BuiltInRole.PowerUser });
        keys[Caller.ServiceAccount] = (await org.ServiceAccountAsync("quokka-service")).Key;
        keys[Caller.Admin] = org.Key;
        keys[Caller.ReadOnlyKey] = (await org.WithKeyAsync(org.Created.Owner, readOnly: true)).Key;
        keys[Caller.Foreigner] = other.Key;
        keys[Caller.WithoutKey] = null;
        keys[Caller.UnknownKey] = "usk_0000000000000000000000000000000000000000000000000";
        var suspended = await org.ActiveAsync(
            "quokka-suspended@example.test", row => row with { Role = BuiltInRole.Admin });
        await org.SetStatusAsync(suspended.Member, MemberStatus.Suspended);
        keys[Caller.Suspended] = suspended.Key;
    }

    private async Task<string> MakeAsync(string name, Func<NewInvitation, NewInvitation> change) =>
        (await org.ActiveAsync($"quokka-{name.Replace(' ', '-')}@example.test", change)).Key;

    private Task<int> SweepAsync() => app.QueryAsync(async db =>
    {
        await db.ApiKeys.Where(k => k.OrganizationId == org.Id && !kept.Contains(k.Id)).ExecuteDeleteAsync(Ct);
        await db.Jobs.Where(j => j.OrganizationId == org.Id).ExecuteDeleteAsync(Ct);
        await db.OutboxMessages.Where(m => m.OrganizationId == org.Id).ExecuteDeleteAsync(Ct);
        await db.Groups.Where(g => g.OrganizationId == org.Id && g.SystemKind == SystemGroup.None)
            .ExecuteDeleteAsync(Ct);
        await db.Roles.Where(r => r.OrganizationId == org.Id).ExecuteDeleteAsync(Ct);
        await db.Resources.Where(r => r.OrganizationId == org.Id && !kept.Contains(r.Id)).ExecuteDeleteAsync(Ct);
        await db.Invitations.Where(i => i.OrganizationId == org.Id && !kept.Contains(i.MemberId))
            .ExecuteDeleteAsync(Ct);
        return await db.Members.Where(m => m.OrganizationId == org.Id && !kept.Contains(m.Id))
            .ExecuteDeleteAsync(Ct);
    });

    private async Task RebuildAsync()
    {
        if (built++ % BetweenSweeps is 0)
        {
            await SweepAsync();
            things = null;
        }

        things = await MakeAsync(things, $"quokka{built}");
        var (group, role, member, resource, bot, key, job) = things;
        Ids = Forms(
            org.Slug, member.Id, member.Number, member.Identifier, member.Invitations[0].Id, group.Id, role.Id,
            resource.Id, key.Id, bot.Identifier, bot.Id, job.Id);
        await IsUnchangedAsync();
        isChanged = false;
    }

    // Makes again what a call changed. A caller who manages users covers them: group and role grant nothing.
    private async Task<Things> MakeAsync(Things? before, string name)
    {
        var group = IsAsItWas(before?.Group.Id) ? before!.Group : await org.GroupAsync(new(name));
        var role = IsAsItWas(before?.Role.Id) ? before!.Role : await org.RoleAsync(name);
        var member = before?.Member;
        if (!IsAsItWas(member?.Id) || group != before!.Group || role != before.Role)
            member = await org.InviteAsync(name + "@example.test", row => row with
            {
                FirstName = name, LastName = "Quokka", Groups = [Reference.To(group.Id)],
                Roles = [Reference.To(role.Id)],
            });
        var resource = IsAsItWas(before?.Resource.Id)
            ? before!.Resource
            : (await app.WithAsync<ResourceService, Result<Resource>>(s =>
                s.CreateAsync(org.System, name, new Dictionary<string, string>(), Ct))).Value;
        var bot = IsAsItWas(before?.Bot.Id) ? before!.Bot : (await org.ServiceAccountAsync(name)).Member;
        var key = IsAsItWas(before?.Key.Id) && bot == before!.Bot
            ? before.Key
            : (await app.WithAsync<ApiKeyService, Result<CreatedApiKey>>(s =>
                s.CreateAsync(org.System, bot.Id, name, false, null, Ct))).Value.Key;
        var job = IsAsItWas(before?.Job.Id) && group == before!.Group
            ? before.Job
            : (await app.WithAsync<JobService, Result<Job>>(s =>
                s.ResendAllAsync(org.System, new() { GroupId = group.Id }, dryRun: false, Ct))).Value;
        return new(group, role, member!, resource, bot, key, job);
    }

    // No row with this id came, went or changed.
    private bool IsAsItWas(Guid? id) =>
        id is { } known && !digest.Difference.Any(row => row.Contains($"{known}", StringComparison.Ordinal));

    private static Dictionary<string, string> Forms(
        string organization, Guid member, long number, string email, Guid invitation, Guid group, Guid role,
        Guid resource, Guid key, string bot, Guid botId, Guid job) => new()
    {
        ["{organization}"] = organization,
        ["{member}"] = member.ToString(), ["{member.short}"] = ShortId.Of(member), ["{number}"] = $"{number}",
        ["{email}"] = email, ["{bot}"] = bot,
        ["{group}"] = group.ToString(), ["{role}"] = role.ToString(), ["{resource}"] = resource.ToString(),
        ["{resource.short}"] = ShortId.Of(resource),
        ["{key}"] = key.ToString(), ["{key.short}"] = ShortId.Of(key),
        ["{member.id}"] = "mem_" + ShortId.Of(member), ["{bot.id}"] = "mem_" + ShortId.Of(botId),
        ["{invitation.id}"] = "inv_" + ShortId.Of(invitation), ["{group.id}"] = "grp_" + ShortId.Of(group),
        ["{role.id}"] = "rol_" + ShortId.Of(role), ["{resource.id}"] = "res_" + ShortId.Of(resource),
        ["{key.id}"] = "key_" + ShortId.Of(key), ["{job.id}"] = "job_" + ShortId.Of(job),
        ["{user.id}"] = "usr_" + ShortId.Of(member), ["{session.id}"] = "ses_" + ShortId.Of(member),
        ["{reset.id}"] = "rst_" + ShortId.Of(member), ["{change.id}"] = "adc_" + ShortId.Of(member),
    };

    private sealed record Things(
        Group Group, Role Role, Member Member, Resource Resource, Member Bot, ApiKey Key, Job Job);
}
