using System.Net.Http.Headers;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Events;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Server.Json;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>An organization of one test, with what a test wants of it.</summary>
public sealed class TestOrganization
{
    public TestOrganization(UsherApp app, CreatedOrganization created)
    {
        (App, Created, Key) = (app, created, created.ApiKey);
        Admin = ClientOf(Key);
    }

    public UsherApp App { get; }

    public CreatedOrganization Created { get; }

    public Guid Id => Created.Organization.Id;

    public string Slug => Created.Organization.Slug;

    /// <summary>The owner's key.</summary>
    public string Key { get; }

    /// <summary>A client that calls with the owner's key.</summary>
    public HttpClient Admin { get; }

    public Actor System => Actor.System(Id);

    /// <summary>The three resources as Conformity names them: Production, Staging, Sandbox.</summary>
    public IReadOnlyList<string> Accounts => [.. Created.Resources.Select(r => ShortId.Of(r.Id))];

    public HttpClient ClientOf(string key)
    {
        var client = App.CreateClient();
        client.DefaultRequestHeaders.Add("X-AUTH-TOKEN", key);
        return client;
    }

    public static AuthenticationHeaderValue Basic(string name, string key) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{key}")));

    /// <summary>Invites somebody through the core, as the system unless told otherwise.</summary>
    public async Task<Member> InviteAsync(
        string email, Func<NewInvitation, NewInvitation>? change = null, Actor? by = null, bool sendMail = true)
    {
        var row = new NewInvitation(email) { FirstName = "Ada", LastName = "Lovelace", Permissions = [] };
        var options = new InviteOptions(
            OnPending.Refuse, OnActive.Refuse, OnRemoved.New, sendMail, UnknownReferences.Refuse);
        var outcomes = await App.WithAsync<InvitationService, IReadOnlyList<Result<Invited>>>(s =>
            s.InviteAsync(by ?? System, [change?.Invoke(row) ?? row], options, TestContext.Current.CancellationToken));
        return outcomes[0].Value.Member;
    }

    /// <summary>Invites somebody and makes him join by the link in his mail.</summary>
    public async Task<TestMember> JoinAsync(string email, Func<NewInvitation, NewInvitation>? change = null)
    {
        var member = await InviteAsync(email, change);
        var link = await App.Mail.LinkToAsync(email);
        var joined = await App.WithAsync<GuestService, Result<Joined>>(s =>
            s.JoinAsync(
                link, new(member.FirstName, member.LastName, Password), null, TestContext.Current.CancellationToken));
        var key = await App.WithAsync<ApiKeyService, Result<CreatedApiKey>>(s =>
            s.CreateAsync(System, member.Id, "test", false, null, TestContext.Current.CancellationToken));
        return new(member, joined.Value, key.Value.Secret, ClientOf(key.Value.Secret));
    }

    /// <summary>The password everybody in tests chooses.</summary>
    public const string Password = "Correct horse battery staple 7";

    /// <summary>All members, removed ones included, oldest first.</summary>
    public Task<List<Member>> MembersAsync() =>
        App.QueryAsync(db => db.Members.AsNoTracking().Include(m => m.Levels).Include(m => m.Invitations)
        .AsSplitQuery().Where(m => m.OrganizationId == Id).OrderBy(m => m.Id)
            .ToListAsync(TestContext.Current.CancellationToken));

    public async Task<Member> MemberAsync(string email) => (await MembersAsync()).Last(m => m.Identifier == email);

    public Task<List<OutboxMessage>> OutboxAsync() =>
        App.QueryAsync(db =>
            db.OutboxMessages.AsNoTracking().Where(m => m.OrganizationId == Id).OrderBy(m => m.Id)
                .ToListAsync(TestContext.Current.CancellationToken));

    public Task<List<UsherEvent>> EventsAsync() =>
        App.QueryAsync(db =>
            db.Events.AsNoTracking().Where(e => e.OrganizationId == Id).OrderBy(e => e.Id)
                .ToListAsync(TestContext.Current.CancellationToken));

    /// <summary>A member as an actor, as he stands now.</summary>
    public async Task<Actor> ActorAsync(Member member) => (await App.QueryAsync(async db =>
    {
        var graph = await AccessGraph.ReadAsync(
            db, new(Id) { MemberIds = [member.Id] }, TestContext.Current.CancellationToken);
        return graph!.Today(new(ActorKind.Member, member.Id, member.DisplayName, Id, EffectiveAccess.Nothing));
    }))!;
}

/// <summary>Somebody who joined.</summary>
public sealed record TestMember(Member Member, Joined Joined, string Key, HttpClient Client);
