using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Data;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Sessions;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Pages;

/// <summary>Somebody with a link in his mailbox.</summary>
internal sealed record Guest(TestOrganization Organization, Member Member, InvitationLink Link)
{
    public string Email => Member.Identifier;

    public string Place => Organization.Created.Organization.Name;

    /// <summary>The link's path.</summary>
    public string Path => $"/join/{Link.OrganizationSlug}/{Link.InvitationId}";

    /// <summary>The link as it stands in the mail, without the site.</summary>
    public string Mailed => $"{Path}#{Link.Secret}";
}

/// <summary>
/// Makes guests, and brings their invitations into every state. Their links are minted as if mailed, for speed: the
/// mail has tests of its own.
/// </summary>
internal sealed class Guests(UsherApp app)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A guest whom Olivia Owner invites into a new organization.</summary>
    public async Task<Guest> InviteAsync(string? email = null, string? returnOrigin = null)
    {
        var organization = await app.CreateOrganizationAsync(
            returnOrigin is null ? null : o => o.ReturnOrigins.Add(returnOrigin));
        var owner = await organization.ActorAsync(organization.Created.Owner);
        var member = await organization.InviteAsync(
            email ?? NewEmail("ada"), row => row with { LastName = null }, owner, sendMail: false);
        return new(organization, member, await MintAsync(member, owner));
    }

    /// <summary>A newer mail: the guest's link is replaced by the one returned.</summary>
    public async Task<Guest> ResendAsync(Guest guest) =>
        guest with { Link = await MintAsync(guest.Member, guest.Organization.System) };

    public Task ExpireAsync(Guest guest) =>
        app.QueryAsync(db =>
            Invitations(db, guest).ExecuteUpdateAsync(set => set.SetProperty(i => i.ExpiresAt, i => i.CreatedAt), Ct));

    public Task EndAsync(Guest guest, InvitationStatus status, string? reason = null) =>
        app.QueryAsync(db =>
            Invitations(db, guest).ExecuteUpdateAsync(
                set => set.SetProperty(i => i.Status, status).SetProperty(i => i.EndReason, reason), Ct));

    public Task RemoveAsync(Guest guest) =>
        app.QueryAsync(db =>
            db.Members.Where(m => m.Id == guest.Member.Id)
                .ExecuteUpdateAsync(set => set.SetProperty(m => m.Status, MemberStatus.Removed), Ct));

    public Task<Result<Joined>> JoinAsync(Guest guest) =>
        app.WithAsync<GuestService, Result<Joined>>(s =>
            s.JoinAsync(guest.Link, new("Ada", "Lovelace", TestOrganization.Password), null, Ct));

    /// <summary>An account for an address, proven by an invitation somewhere else.</summary>
    public async Task MakeAccountAsync(string email) => Assert.Null((await JoinAsync(await InviteAsync(email))).Error);

    /// <summary>A session's secret for an account's address.</summary>
    public async Task<string> SignInAsync(string email) =>
        (await app.WithAsync<SessionService, Result<SignedIn>>(s =>
            s.SignInAsync(email, TestOrganization.Password, null, Ct))).Value.Secret;

    public Task<InvitationStatus> StatusAsync(Guest guest) =>
        app.QueryAsync(db => Invitations(db, guest).Select(i => i.Status).SingleAsync(Ct));

    /// <summary>How many mails to an address were queued or sent.</summary>
    public Task<int> MailsToAsync(string email) =>
        app.QueryAsync(db => db.OutboxMessages.CountAsync(m => m.Recipient == email, Ct));

    /// <summary>An address nobody else uses: accounts are the whole installation's.</summary>
    public static string NewEmail(string name) => $"{name}.{Guid.NewGuid().ToString("N")[..8]}@example.test";

    private Task<InvitationLink> MintAsync(Member invited, Actor sponsor) =>
        app.WithAsync<InvitationMails, InvitationLink>(mails => app.WriteAsync(async unit =>
    {
        var member = await unit.Db.Members.Include(m => m.Invitations).SingleAsync(m => m.Id == invited.Id, Ct);
        var organization = await unit.Db.Organizations.SingleAsync(o => o.Id == member.OrganizationId, Ct);
        member.SponsoredBy(sponsor);
        return mails.Mint(unit, organization, member, provesAddress: true, TimeProvider.System.Now());
    }, Ct));

    private static IQueryable<Invitation> Invitations(UsherDb db, Guest guest) =>
        db.Invitations.Where(i => i.Id == guest.Link.InvitationId);
}
