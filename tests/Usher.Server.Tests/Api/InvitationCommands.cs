using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>Something that somebody does: what it comes to by the model, and how it is done for real.</summary>
/// <param name="By">Who calls; <see cref="Nobody"/> where it is a guest who does it, or it happens by itself.</param>
/// <param name="Whom">Whom it is about; <see cref="Nobody"/> in particular, maybe.</param>
/// <param name="Back">Which of his invitations, or links: how many to go back from the latest.</param>
internal abstract record Command(Person By, Person Whom, int Back)
{
    protected const Person Nobody = (Person)(-1);

    /// <summary>Whether a refusal has Usher's codes.</summary>
    internal virtual bool HasCodes => true;

    /// <summary>Null where there is nothing to do it to.</summary>
    public abstract Outcome? Predict(Model model);

    /// <param name="model">As it was before.</param>
    /// <param name="world">To do it in.</param>
    public abstract Task<Reply> DoAsync(Model model, World world);

    /// <summary>The same, told more simply.</summary>
    public IEnumerable<Command> Simpler()
    {
        if (By is not (Nobody or Person.Olivia)) yield return this with { By = Person.Olivia };
        if (Back > 0) yield return this with { Back = 0 };
        foreach (var simpler in SimplerStill()) yield return simpler;
    }

    protected virtual IEnumerable<Command> SimplerStill() => [];

    // What the story that failed is told with: only what says something.
    protected virtual bool PrintMembers(StringBuilder told)
    {
        told.AppendJoin(
            ", ",
            new[]
            {
                By is Nobody ? null : $"By = {By}", Whom is Nobody ? null : $"Whom = {Whom}",
                Back is 0 ? null : $"Back = {Back}",
            }.Where(part => part is not null));
        return told.Length > 0 && told[^1] is not ' ';
    }

    private protected int Caller => Model.Caller(By);

    protected static Rights[] Fewer(Rights rights) => rights is Rights.None ? [] : [Rights.None];
}

internal sealed record Invite(Person By, Person Whom, Held Offer, bool ByHand, TimeSpan? Life) : Command(By, Whom, 0)
{
    public override Outcome Predict(Model model) => model.Invite(Caller, Whom, Offer, ByHand, Life);

    public override async Task<Reply> DoAsync(Model model, World world)
    {
        var reply = await world.CallAsync(
            By, HttpMethod.Post, "invitations",
            World.Body(
                Offer.Role, Offer.Rights, world.AddressOf(Whom), Life is { } life ? model.Now + life : null,
                ByHand ? "link" : "mail"));
        return reply.Status is 201
            ? reply with { Shown = world.Invitation(reply.Body.GetProperty("invitation")) }
            : reply;
    }

    protected override IEnumerable<Command> SimplerStill()
    {
        if (Offer != Held.Nothing) yield return this with { Offer = Held.Nothing };
        if (Life is not null) yield return this with { Life = null };
        if (ByHand) yield return this with { ByHand = false };
    }
}

/// <summary>As one surface makes people by default: with no mail, and so with no invitation.</summary>
internal sealed record InviteUnsent(Person By, Person Whom, Rights Rights) : Command(By, Whom, 0)
{
    internal override bool HasCodes => false;

    public override Outcome Predict(Model model) => model.InviteUnsent(Caller, Whom, Rights);

    public override Task<Reply> DoAsync(Model model, World world) =>
        world.SendAsync(
            world.KeyOf(By), HttpMethod.Post, "/api/v2/user?sendEmail=false",
            new() { ["emailAddress"] = world.AddressOf(Whom), ["groups"] = World.Names(Rights) });

    protected override IEnumerable<Command> SimplerStill() =>
        Fewer(Rights).Select(fewer => this with { Rights = fewer });
}

internal sealed record Edit(Person By, Person Whom, int Back, Change Change) : Command(By, Whom, Back)
{
    public override Outcome? Predict(Model model) =>
        model.InvitationFor(Whom, Back) is { } invitation ? model.Edit(Caller, invitation, Change) : null;

    public override async Task<Reply> DoAsync(Model model, World world) =>
        world.WithInvitation(await world.CallAsync(
            By, HttpMethod.Patch, world.PathOf(model.InvitationFor(Whom, Back)), world.BodyOf(Change, model.Now)));

    protected override IEnumerable<Command> SimplerStill() =>
        ChangeMember.Less(Change).Select(less => this with { Change = less });
}

internal sealed record Resend(Person By, Person Whom, int Back, bool ByHand) : Command(By, Whom, Back)
{
    public override Outcome? Predict(Model model) =>
        model.InvitationFor(Whom, Back) is { } invitation ? model.Resend(Caller, invitation, ByHand) : null;

    public override async Task<Reply> DoAsync(Model model, World world)
    {
        var reply = await world.CallAsync(
            By, HttpMethod.Post, world.PathOf(model.InvitationFor(Whom, Back)) + (ByHand ? "/link" : "/resend"));
        return ByHand ? reply : world.WithInvitation(reply);
    }

    protected override IEnumerable<Command> SimplerStill() => ByHand ? [this with { ByHand = false }] : [];
}

/// <summary>As one surface does it: by the member, who may have no invitation yet.</summary>
internal sealed record ResendTo(Person By, Person Whom) : Command(By, Whom, 0)
{
    internal override bool HasCodes => false;

    public override Outcome? Predict(Model model) =>
        model.MemberAt(Whom) is { } member ? model.ResendTo(Caller, member) : null;

    public override Task<Reply> DoAsync(Model model, World world) =>
        world.SendAsync(
            world.KeyOf(By), HttpMethod.Post,
            $"/users/{ShortId.Parse(world.MemberIds[model.MemberAt(Whom)!.Value][4..])}/resend_invitation");
}

internal sealed record Revoke(Person By, Person Whom, int Back) : Command(By, Whom, Back)
{
    public override Outcome? Predict(Model model) =>
        model.InvitationFor(Whom, Back) is { } invitation ? model.Revoke(Caller, invitation) : null;

    public override async Task<Reply> DoAsync(Model model, World world) =>
        world.WithInvitation(await world.CallAsync(
            By, HttpMethod.Post, world.PathOf(model.InvitationFor(Whom, Back)) + "/revoke"));
}

internal sealed record Read(Person By, Person Whom, int Back) : Command(By, Whom, Back)
{
    public override Outcome? Predict(Model model) =>
        model.InvitationFor(Whom, Back) is { } invitation ? model.Read(Caller, invitation) : null;

    public override async Task<Reply> DoAsync(Model model, World world) =>
        world.WithInvitation(await world.CallAsync(By, HttpMethod.Get, world.PathOf(model.InvitationFor(Whom, Back))));
}

/// <summary>
/// Somebody is suspended, comes back, loses a permission, becomes an administrator, gets another address.
/// </summary>
internal sealed record ChangeMember(Person By, Person Whom, Change Change) : Command(By, Whom, 0)
{
    public override Outcome? Predict(Model model) =>
        model.MemberAt(Whom) is { } member ? model.ChangeMember(Caller, member, Change) : null;

    public override Task<Reply> DoAsync(Model model, World world) =>
        world.CallAsync(
            By, HttpMethod.Patch, "members/" + world.MemberIds[model.MemberAt(Whom)!.Value],
            world.BodyOf(Change, model.Now));

    protected override IEnumerable<Command> SimplerStill() => Less(Change).Select(less => this with { Change = less });

    public static IEnumerable<Change> Less(Change change) => new[]
    {
        change with { Role = null }, change with { Rights = null }, change with { Address = null },
        change with { Life = null }, change with { Suspended = null },
    }.Where(less => less != change);
}

internal sealed record Remove(Person By, Person Whom) : Command(By, Whom, 0)
{
    public override Outcome? Predict(Model model) =>
        model.MemberAt(Whom) is { } member ? model.RemoveMember(Caller, member) : null;

    public override Task<Reply> DoAsync(Model model, World world) =>
        world.CallAsync(By, HttpMethod.Delete, "members/" + world.MemberIds[model.MemberAt(Whom)!.Value]);
}

internal sealed record List(Person By, IReadOnlyList<InvitationStatus> States) : Command(By, Nobody, 0)
{
    public override Outcome Predict(Model model) => model.List(Caller, States);

    public override async Task<Reply> DoAsync(Model model, World world)
    {
        var reply = await world.CallAsync(
            By, HttpMethod.Get,
            "invitations?limit=1000" + string.Concat(States.Select(s => "&state=" + SnakeCaseName.Of(s.ToString()))));
        return reply.Status is 200
            ? reply with
            {
                Shown = string.Join(
                    ' ', reply.Body.GetProperty("data").EnumerateArray().Select(i => world.Invitation(i).Number)),
            }
            : reply;
    }

    public override string ToString() => $"List {{ By = {By}, States = {string.Join(' ', States)} }}";
}

/// <summary>Every invitation of some states at once, mailed anew or ended.</summary>
internal sealed record Bulk(Person By, bool Revokes, IReadOnlyList<InvitationStatus> States) : Command(By, Nobody, 0)
{
    public override Outcome Predict(Model model) =>
        Revokes ? model.RevokeAll(Caller, States) : model.ResendAll(Caller, States);

    public override async Task<Reply> DoAsync(Model model, World world) => await world.DoneAsync(
        await world.CallAsync(By, HttpMethod.Post, "invitations/" + (Revokes ? "revoke" : "resend"), Those));

    private Dictionary<string, object?> Those =>
        States is []
            ? new() { ["all"] = true }
            : new() { ["states"] = States.Select(s => SnakeCaseName.Of(s.ToString())) };

    public override string ToString() =>
        $"Bulk {{ By = {By}, Revokes = {Revokes}, States = {string.Join(' ', States)} }}";
}

internal sealed record Import(Person By, IReadOnlyList<Row> Rows, bool SendMail) : Command(By, Nobody, 0)
{
    public override Outcome Predict(Model model) => model.Import(Caller, Rows, SendMail);

    public override async Task<Reply> DoAsync(Model model, World world) => await world.DoneAsync(await world.CallAsync(
        By, HttpMethod.Post, SendMail
            ? "imports"
            : "imports?sendMail=false",
            new() { ["rows"] = Rows.Select(r => World.Body(r.Role, r.Rights, world.AddressOf(r.Whom))) }));

    protected override IEnumerable<Command> SimplerStill()
    {
        if (Rows.Count > 1)
            for (var i = 0; i < Rows.Count; i++)
                yield return this with { Rows = [.. Rows.Where((_, other) => other != i)] };
        if (!SendMail) yield return this with { SendMail = true };
    }

    public override string ToString() =>
        $"Import {{ By = {By}, Rows = {string.Join(", ", Rows)}, SendMail = {SendMail} }}";
}

/// <summary>Looks at an offer, signed in or not.</summary>
internal sealed record Look(Person Whom, int Back, int? User) : Command(Nobody, Whom, Back)
{
    public override Outcome? Predict(Model model) =>
        model.LinkFor(Whom, Back) is { } link ? model.Look(link, User % model.Users.Count) : null;

    public override async Task<Reply> DoAsync(Model model, World world) =>
        world.WithOffer(await world.OpenAsync(
            model.LinkFor(Whom, Back), "check",
            session: User is { } user ? world.Sessions[user % model.Users.Count] : null));
}

internal sealed record Join(Person Whom, int Back, bool SomebodyElse) : Command(Nobody, Whom, Back)
{
    public override Outcome? Predict(Model model) =>
        model.LinkFor(Whom, Back) is { } link ? model.Join(link, model.PasswordAt(link, SomebodyElse)) : null;

    public override async Task<Reply> DoAsync(Model model, World world)
    {
        var link = model.LinkFor(Whom, Back)!.Value;
        return World.WithSession(await world.OpenAsync(
            link, "accept",
            new()
            {
                ["firstName"] = Whom.ToString(), ["password"] = World.PasswordOf(model.PasswordAt(link, SomebodyElse)),
            }));
    }

    protected override IEnumerable<Command> SimplerStill() => SomebodyElse ? [this with { SomebodyElse = false }] : [];
}

/// <summary>Accepts as somebody who is signed in.</summary>
/// <param name="Stranger">0: whose the address is; otherwise any user.</param>
internal sealed record Accept(Person Whom, int Back, int Stranger) : Command(Nobody, Whom, Back)
{
    public override Outcome? Predict(Model model) =>
        model.LinkFor(Whom, Back) is { } link ? model.Accept(link, UserIn(model)) : null;

    public override async Task<Reply> DoAsync(Model model, World world) =>
        World.WithSession(await world.OpenAsync(
            model.LinkFor(Whom, Back), "accept", session: world.Sessions[UserIn(model)]));

    private int UserIn(Model model) =>
        Stranger is 0 && model.UserOf(Whom) is { } user ? user : Stranger % model.Users.Count;
}

internal sealed record Decline(Person Whom, int Back) : Command(Nobody, Whom, Back)
{
    public override Outcome? Predict(Model model) => model.LinkFor(Whom, Back) is { } link ? model.Decline(link) : null;

    public override async Task<Reply> DoAsync(Model model, World world) =>
        world.WithOffer(await world.OpenAsync(model.LinkFor(Whom, Back), "decline"));
}

/// <summary>Asks for a new one.</summary>
internal sealed record Ask(Person Whom, int Back) : Command(Nobody, Whom, Back)
{
    public override Outcome? Predict(Model model) => model.LinkFor(Whom, Back) is { } link ? model.Ask(link) : null;

    public override async Task<Reply> DoAsync(Model model, World world) =>
        world.WithOffer(await world.OpenAsync(model.LinkFor(Whom, Back), "request"));
}

/// <summary>"Send me my link". The page it stands on has tests of its own.</summary>
internal sealed record SendMyLink(Person Whom) : Command(Nobody, Whom, 0)
{
    public override Outcome Predict(Model model) => model.SendMyLink(Whom);

    public override Task<Reply> DoAsync(Model model, World world) =>
        world.App.WithAsync<GuestService, Reply>(async guests =>
    {
        await guests.SendMyLinkAsync(world.AddressOf(Whom), Ct);
        return Reply.Ok;
    });
}

/// <summary>Whoever an address belongs to signs in anew.</summary>
internal sealed record SignIn(Person Whom) : Command(Nobody, Whom, 0)
{
    // Of those who only typed an address, the three latest are asked for their password.
    public override Outcome? Predict(Model model) => model.UserOf(Whom) is { } user ? model.SignIn(user) : null;

    public override Task<Reply> DoAsync(Model model, World world) =>
        world.SendAsync(
            null, HttpMethod.Post, "/usher/v1/sessions",
            new() { ["email"] = world.AddressOf(Whom), ["password"] = World.PasswordOf(model.UserOf(Whom)!.Value) });
}

internal sealed record Wait(TimeSpan Time) : Command(Nobody, Nobody, 0)
{
    public override Outcome Predict(Model model) => model.Wait(Time);

    public override Task<Reply> DoAsync(Model model, World world)
    {
        world.Clock.Advance(Time);
        return Task.FromResult(Reply.Ok);
    }

    public override string ToString() => $"Wait {{ Time = {Time} }}";
}

internal sealed record Sweep() : Command(Nobody, Nobody, 0)
{
    public override Outcome Predict(Model model) => model.Sweep();

    public override async Task<Reply> DoAsync(Model model, World world)
    {
        while (await world.App.WithAsync<InvitationService, int>(s => s.SweepExpiredAsync(Ct)) is 500)
        {
        }

        return Reply.Ok;
    }

    public override string ToString() => "Sweep";
}

/// <summary>What a command was answered.</summary>
/// <param name="Status">The answer's.</param>
/// <param name="Code">A refusal's.</param>
/// <param name="Body">As it came.</param>
internal sealed record Reply(int Status, string? Code, JsonElement Body)
{
    public static readonly Reply Ok = new(200, null, default);

    /// <summary>What of it is compared.</summary>
    public object? Shown { get; init; }
}

/// <summary>
/// The organization the commands are done in, with what the test knows of it: ids, links and sessions, by their numbers
/// in the model.
/// </summary>
internal sealed class World(
    UsherApp app, TestClock clock, TestOrganization org, HttpClient client, string operatorKey, string suffix,
    IReadOnlyDictionary<Person, string> keys)
{
    private readonly List<InvitationLink> links = [org.Created.OwnerLink!];
    private int mails;

    public UsherApp App => app;

    public TestClock Clock => clock;

    public List<string> MemberIds { get; } = [];

    public List<string> InvitationIds { get; } = [];

    public List<string> Sessions { get; } = [];

    /// <summary>A new organization in which all is as <see cref="Model.Start"/> has it.</summary>
    public static async Task<World> CreateAsync(
        UsherApp app, TestClock clock, TestOrganization elsewhere, HttpClient client, string operatorKey)
    {
        var (org, suffix) = (await app.CreateOrganizationAsync(), Guid.NewGuid().ToString("N")[..10]);
        Dictionary<Person, string> keys = new() { [Person.Olivia] = org.Key };
        var start = Model.Start(clock.Now()).Members.Skip(1).ToList();
        var staff = await org.TryInviteAsync(
            start.ConvertAll(m =>
                new NewInvitation(Address(m.Address, suffix))
                {
                    FirstName = m.Name, Role = m.Holds.Role, Permissions = [.. Names(m.Holds.Rights)],
                }),
            how: RefuseSecond with { SendMail = false });
        await app.QueryAsync(db =>
            db.Members.Where(m => m.OrganizationId == org.Id)
                .ExecuteUpdateAsync(set => set.SetProperty(m => m.Status, MemberStatus.Active), Ct));
        foreach (var (person, made) in start.Zip(staff))
            keys.Add(person.Address, (await org.WithKeyAsync(made.Value.Member)).Key);

        var world = new World(app, clock, org, client, operatorKey, suffix, keys);
        world.Sessions.Add(
            (await app.JoinAsync(
                (await elsewhere.GuestAsync(world.AddressOf(Person.Dot))).Link)).Value.Session!.Secret);
        return world;
    }

    public string KeyOf(Person by) => keys[by];

    public string AddressOf(Person person) =>
        person is Person.Olivia ? org.Created.Owner.Identifier : Address(person, suffix);

    public static IEnumerable<string> Names(Rights rights) => new[]
    {
        (Rights.Alerts, "alerts_management"), (Rights.Ingestion, "ingestion"),
        (Rights.UserManagement, Permissions.UserManagement),
    }.Where(r => rights.HasFlag(r.Item1)).Select(r => r.Item2);

    /// <summary>Nobody has another's; Dot's is from before.</summary>
    public static string PasswordOf(int user) =>
        user is 0 ? TestOrganization.Password : $"a quiet password of number {user}";

    public string PathOf(int? invitation) => "invitations/" + InvitationIds[invitation!.Value];

    public static Dictionary<string, object?> Body(
        BuiltInRole? role, Rights? rights, string? email, DateTimeOffset? expiresAt = null, string? delivery = null)
    {
        Dictionary<string, object?> body = [];
        if (email is not null) body["email"] = email;
        if (role is { } its) body["role"] = SnakeCaseName.Of(its.ToString());
        if (rights is { } given) body["permissions"] = Names(given);
        if (expiresAt is { } end) body["expiresAt"] = end.UtcDateTime.ToString("O");
        if (delivery is not null) body["delivery"] = delivery;
        return body;
    }

    public Dictionary<string, object?> BodyOf(Change change, DateTimeOffset now)
    {
        var body = Body(
            change.Role, change.Rights, change.Address is { } person ? AddressOf(person) : null,
            change.Life is { } life ? now + life : null);
        if (change.Suspended is { } stop) body["suspended"] = stop;
        return body;
    }

    /// <summary>By somebody's key, in his organization.</summary>
    public Task<Reply> CallAsync(Person by, HttpMethod method, string path, Dictionary<string, object?>? body = null) =>
        SendAsync(keys[by], method, Path(path), body);

    /// <summary>By a link.</summary>
    public Task<Reply> OpenAsync(
        int? link, string what, Dictionary<string, object?>? body = null, string? session = null)
    {
        var known = links[link!.Value];
        return SendAsync(
            session, HttpMethod.Post,
            Path($"invitations/{Server.Api.Http.Ids.Invitation.Of(known.InvitationId)}/{what}"),
            new(body ?? []) { ["code"] = known.Secret });
    }

    public async Task<Reply> SendAsync(
        string? bearer, HttpMethod method, string path, Dictionary<string, object?>? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (bearer is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (body is not null)
            request.Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
        using var answer = await client.SendAsync(request, Ct);
        var text = await answer.Content.ReadAsStringAsync(Ct);
        var json = text is "" ? default : JsonElement.Parse(text);
        return new(
            (int)answer.StatusCode,
            !answer.IsSuccessStatusCode && json.TryGetProperty("code", out var code) ? code.ToString() : null, json);
    }

    public Reply WithInvitation(Reply reply) =>
        reply.Status is 200 ? reply with { Shown = Invitation(reply.Body) } : reply;

    public Reply WithOffer(Reply reply) => reply.Status is 200 ? reply with { Shown = Offer(reply.Body) } : reply;

    public static Reply WithSession(Reply reply) =>
        reply.Status is 200
            ? reply with { Shown = reply.Body.GetProperty("session").ValueKind is JsonValueKind.Object }
            : reply;

    /// <summary>A job, once it is done.</summary>
    public async Task<Reply> DoneAsync(Reply reply)
    {
        if (reply.Status is not 202) return reply;
        await app.DrainAsync();
        var rows = await ListAsync($"jobs/{reply.Body.GetProperty("id")}/rows?limit=1000");
        return reply with { Shown = string.Join(' ', rows.Select(r => r.GetProperty("outcome").GetString())) };
    }

    public Model.ShownInvitation Invitation(JsonElement json)
    {
        var (sponsor, permissions) = (json.GetProperty("sponsor"), Held(json));
        return new(
            Number(InvitationIds, json.GetProperty("id")), Enum<InvitationStatus>(json.GetProperty("state")),
            Number(MemberIds, json.GetProperty("memberId")), PersonAt(json.GetProperty("email")), Name(json),
            permissions.Role, permissions.Rights,
            sponsor.GetProperty("memberId") is { ValueKind: JsonValueKind.String } member
                ? Number(MemberIds, member)
                : null, sponsor.GetProperty("name").GetString()!,
            At(json, "createdAt")!, At(json, "expiresAt")!, json.GetProperty("sentCount").GetInt32(),
            At(json, "lastSentAt"), Enum<DeliveryState>(json.GetProperty("delivery").GetProperty("state")),
            At(json, "acceptedAt"), At(json, "endedAt"), json.GetProperty("endReason").GetString(),
            json.GetProperty("blocked").GetBoolean());
    }

    public Model.ShownMember Member(JsonElement json)
    {
        var held = Held(json);
        return new(
            Number(MemberIds, json.GetProperty("id")), Enum<MemberStatus>(json.GetProperty("status")),
            PersonAt(json.GetProperty("email")), Name(json), held.Role, held.Rights,
            json.GetProperty("invitationId") is { ValueKind: JsonValueKind.String } invitation
                ? Number(InvitationIds, invitation)
                : null);
    }

    private Model.ShownOffer Offer(JsonElement json) => new(
        Enum<OfferState>(json.GetProperty("state")), Enum<Viewer>(json.GetProperty("viewer")),
        PersonAt(json.GetProperty("email")), json.GetProperty("sponsorName").GetString()!, At(json, "expiresAt")!,
        At(json, "newerSentAt"), json.GetProperty("canAskForNew").GetBoolean());

    /// <summary>How things are, besides what links show.</summary>
    public async Task<(string Invitations, string Members)> ShowAsync()
    {
        var members = await ListAsync("members?limit=1000&sort=created&kind=person");
        var invitations = await ListAsync("invitations?limit=1000&sort=created");
        // Everybody gets his number as he comes, then every invitation, of which he may be the last to have one.
        foreach (var member in members) Number(MemberIds, member.GetProperty("id"));
        return (Lines(invitations.Select(Invitation)), Lines(members.Select(Member)));
    }

    public async Task<string> ShowOfferAsync(int link) =>
        $"link {link}: {WithOffer(await OpenAsync(link, "check")).Shown}";

    /// <summary>The mails that were written since it was asked for last; the links in them become known.</summary>
    public async Task<IReadOnlyList<OutboxMessage>> TakeMailsAsync()
    {
        var all = await org.OutboxAsync();
        List<OutboxMessage> fresh = [.. all.Skip(mails)];
        mails = all.Count;
        return fresh;
    }

    /// <summary>Learns the secrets of the model's newest links, from the mails or from the answer.</summary>
    public void Learn(Model model, IReadOnlyList<OutboxMessage> fresh, Reply reply)
    {
        foreach (var link in model.Links.Skip(links.Count))
        {
            var id = ShortId.Parse(InvitationIds[link.Invitation][4..])!.Value;
            var secret = link.Mailed
                ? app.Services.GetRequiredService<OutboxSecrets>()
                    .Reveal(fresh.Single(m => m.Kind is OutboxKind.Invitation && m.InvitationId == id).Secret!)
                : Secrets.Link().Match(reply.Body.GetProperty("link").GetString()!).Groups["secret"].Value;
            links.Add(new(org.Slug, id, secret));
        }
    }

    public Person PersonAt(string address) => System.Enum.GetValues<Person>().Single(p => AddressOf(p) == address);

    public static string Lines<T>(IEnumerable<T> shown) => string.Join('\n', shown);

    private static string Address(Person person, string suffix) =>
        $"{person.ToString().ToLowerInvariant()}.{suffix}@example.test";

    private async Task<List<JsonElement>> ListAsync(string path) =>
        [.. (await SendAsync(operatorKey, HttpMethod.Get, Path(path))).Body.GetProperty("data").EnumerateArray()];

    private string Path(string path) => $"/usher/v1/organizations/{org.Slug}/{path}";

    private Person PersonAt(JsonElement json) => PersonAt(json.GetString()!);

    private static string Name(JsonElement json) =>
        $"{json.GetProperty("firstName").GetString()} {json.GetProperty("lastName").GetString()}".Trim();

    private static Held Held(JsonElement json)
    {
        var names = json.GetProperty("permissions").EnumerateArray().Select(p => p.GetString()).ToHashSet();
        var rights = new[] { Rights.Alerts, Rights.Ingestion, Rights.UserManagement }
            .Where(r => names.Contains(Names(r).Single())).Aggregate(Rights.None, (all, r) => all | r);
        return new(Enum<BuiltInRole>(json.GetProperty("role")), rights);
    }

    private static string? At(JsonElement json, string name) =>
        json.GetProperty(name) is { ValueKind: JsonValueKind.String } at ? Model.Text(at.GetDateTimeOffset()) : null;

    private static T Enum<T>(JsonElement json)
        where T : struct, Enum =>
            System.Enum.Parse<T>(json.GetString()!.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);

    // What is seen for the first time gets the next number.
    private static int Number(List<string> known, JsonElement id)
    {
        var text = id.GetString()!;
        if (!known.Contains(text)) known.Add(text);
        return known.IndexOf(text);
    }
}
