using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Organizations;
using Usher.Core.Sessions;

namespace Usher.Server.Tests.Pages;

/// <summary>Somebody with a link in his mailbox.</summary>
internal sealed record Guest(Organization Organization, Guid MemberId, string Email, InvitationLink Link)
{
    public const string Password = "seven small grey herons";

    /// <summary>The link's path.</summary>
    public string Path => $"/join/{Link.OrganizationSlug}/{Link.InvitationId}";

    /// <summary>The link as it stands in the mail, without the site.</summary>
    public string Mailed => $"{Path}#{Link.Secret}";
}

/// <summary>Makes guests, and brings their invitations into every state. What the mail would carry is minted instead: the mail itself has its own tests.</summary>
internal sealed class Guests(IServiceProvider services)
{
    public const string ReturnOrigin = "http://localhost:1";

    private static int last;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A new organization's first guest, Ada, or whoever has the address.</summary>
    public async Task<Guest> InviteAsync(string? email = null, string? returnOrigin = null)
    {
        email ??= NewEmail("ada");
        await using var scope = services.CreateAsyncScope();
        var name = $"Acme {Interlocked.Increment(ref last)}";
        var slug = $"acme-{Guid.NewGuid():N}";
        var system = Actor.System(Guid.Empty);
        var made = (await scope.ServiceProvider.GetRequiredService<OrganizationService>()
            .CreateAsync(system, new(slug, name, $"owner@{slug}.test") { OwnerFirstName = "Olivia", OwnerLastName = "Owner" }, Ct)).Value;
        var owner = new Actor(ActorKind.Member, made.Owner.Id, "Olivia Owner", made.Organization.Id, Usher.Core.Access.EffectiveAccess.Everything);
        var options = new InviteOptions(OnPending.Refuse, OnActive.Refuse, OnRemoved.New, SendMail: false, UnknownReferences.Refuse);
        var outcome = await scope.ServiceProvider.GetRequiredService<InvitationService>().InviteAsync(owner, [new(email) { FirstName = "Ada" }], options, Ct);
        var member = outcome[0].Value.Member;
        if (returnOrigin is not null)
        {
            var db = scope.ServiceProvider.GetRequiredService<UsherDb>();
            (await db.Organizations.SingleAsync(o => o.Id == made.Organization.Id, Ct)).ReturnOrigins.Add(returnOrigin);
            await db.SaveChangesAsync(Ct);
        }

        return new(made.Organization, member.Id, email, await SendAsync(owner, member.Id));
    }

    /// <summary>A newer mail; the guest's older link is replaced.</summary>
    public async Task<Guest> ResendAsync(Guest guest) => guest with { Link = await SendAsync(sponsor: null, guest.MemberId) };

    public Task ExpireAsync(Guest guest) => ChangeAsync(guest, i => i.ExecuteUpdateAsync(set => set.SetProperty(x => x.ExpiresAt, x => x.CreatedAt.AddMilliseconds(-1)), Ct));

    public Task EndAsync(Guest guest, InvitationStatus status, string? reason = null) =>
        ChangeAsync(guest, i => i.ExecuteUpdateAsync(set => set.SetProperty(x => x.Status, status).SetProperty(x => x.EndReason, reason), Ct));

    public async Task JoinAsync(Guest guest)
    {
        await using var scope = services.CreateAsyncScope();
        var joined = await scope.ServiceProvider.GetRequiredService<GuestService>().JoinAsync(guest.Link, new("Ada", "Lovelace", Guest.Password), null, Ct);
        Assert.Null(joined.Error);
    }

    /// <summary>An account for an address, proven by an invitation somewhere else.</summary>
    public async Task MakeAccountAsync(string email) => await JoinAsync(await InviteAsync(email));

    /// <summary>A session's secret for an account's address.</summary>
    public async Task<string> SignInAsync(string email)
    {
        await using var scope = services.CreateAsyncScope();
        return (await scope.ServiceProvider.GetRequiredService<SessionService>().SignInAsync(email, Guest.Password, null, Ct)).Value.Secret;
    }

    public async Task<InvitationStatus> StatusAsync(Guest guest)
    {
        await using var scope = services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<UsherDb>().Invitations.Where(i => i.Id == guest.Link.InvitationId).Select(i => i.Status).SingleAsync(Ct);
    }

    /// <summary>How many mails to an address were queued or sent.</summary>
    public async Task<int> MailsToAsync(string email)
    {
        await using var scope = services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<UsherDb>().OutboxMessages.CountAsync(m => m.Recipient == email, Ct);
    }

    /// <summary>An address nobody else uses: accounts are the whole installation's.</summary>
    public static string NewEmail(string name) => $"{name}.{Guid.NewGuid().ToString("N")[..8]}@example.test";

    private async Task<InvitationLink> SendAsync(Actor? sponsor, Guid memberId)
    {
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<UsherDb>();
        var member = await db.Members.Include(m => m.Invitations).SingleAsync(m => m.Id == memberId, Ct);
        var organization = await db.Organizations.SingleAsync(o => o.Id == member.OrganizationId, Ct);
        var now = scope.ServiceProvider.GetRequiredService<TimeProvider>().Now();
        var link = scope.ServiceProvider.GetRequiredService<InvitationMails>()
            .Mint(db, organization, member, sponsor ?? Actor.System(organization.Id), provesAddress: true, now);
        await db.SaveChangesAsync(Ct);
        return link;
    }

    private async Task ChangeAsync(Guest guest, Func<IQueryable<Invitation>, Task> change)
    {
        await using var scope = services.CreateAsyncScope();
        await change(scope.ServiceProvider.GetRequiredService<UsherDb>().Invitations.Where(i => i.Id == guest.Link.InvitationId));
    }
}
