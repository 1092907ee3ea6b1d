using System.Text;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Users;
using Usher.Server.Api.Http;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;

namespace Usher.Server.Tests.Rules.Access;

/// <summary>What a call came to.</summary>
/// <param name="Call">The call.</param>
/// <param name="Naming">What it named, by the state before.</param>
/// <param name="Caller">The key it was made with; null where it was made without, or with one that is gone.</param>
/// <param name="Status">The status of the answer.</param>
/// <param name="Body">The answer.</param>
/// <param name="Before">The state before it.</param>
/// <param name="After">The state after it.</param>
internal sealed record Step(
    Call Call, Naming Naming, KeyRow? Caller, int Status, string Body, State Before, State After)
{
    public bool IsAccepted => Status < 400;
}

/// <summary>
/// One organization that a story happens in: sends the calls, and keeps the secrets that the answers showed.
/// </summary>
internal sealed partial class World(UsherApp app, TestOrganization org, HttpClient client, StateReader reader)
    : IAsyncDisposable
{
    private const string Password = "a quiet password for everyone";

    private static readonly SemaphoreSlim Jobs = new(1);

    private readonly Dictionary<string, (Guid? Id, string Secret)> keys = [];
    private readonly Dictionary<Guid, string> links = [];
    private readonly Dictionary<Guid, string> sessions = [];
    private readonly string suffix = Guid.NewGuid().ToString("N")[..10];

    /// <summary>The state after the last call.</summary>
    public State State { get; private set; } = null!;

    public Guid Organization => org.Id;

    /// <summary>The keys that are known, in the order in which they were made.</summary>
    public IReadOnlyList<string> Labels => [.. keys.Keys];

    public static async Task<World> CreateAsync(UsherApp app, HttpClient client)
    {
        var org = await app.CreateOrganizationAsync();
        var reader = await StateReader.OpenAsync(app, org.Id);
        var world = new World(app, org, client, reader) { State = await reader.ReadAsync() };
        world.keys.Add("owner", (world.State.Keys.Values.Single().Id, world.Key));
        return world;
    }

    public ValueTask DisposeAsync() => reader.DisposeAsync();

    /// <summary>The stored identifier of a name in a story.</summary>
    public string IdentifierOf(string name) => name switch
    {
        "owner" => org.Created.Owner.Identifier,
        ['b', 'o', 't', ..] => "sa::" + name,
        _ => $"{name}.{suffix}@example.test",
    };

    /// <summary>The name in a story of a stored identifier.</summary>
    public string NameOf(string identifier)
    {
        if (identifier == org.Created.Owner.Identifier) return "owner";
        return identifier.StartsWith("sa::", StringComparison.Ordinal) ? identifier[4..] : identifier.Split('.')[0];
    }

    /// <summary>The key with a label, if it still exists.</summary>
    public KeyRow? KeyOf(string label) =>
        keys.TryGetValue(label, out var key) && key.Id is { } id ? State.Keys.GetValueOrDefault(id) : null;

    /// <summary>Makes a call; null where it names something that does not exist.</summary>
    public async Task<Step?> DoAsync(Call call)
    {
        if (call.By is not Call.Guest && !keys.ContainsKey(call.By)) return null;
        var naming = new Naming(State, org.Slug, IdentifierOf, label => KeyOf(label)?.Id);
        var (path, body) = (naming.Resolve(call.Path), call.Body is null ? null : naming.Resolve(call.Body));
        if (!naming.IsComplete) return null;
        var (before, caller) = (State, KeyOf(call.By));
        var answer = call.Kind switch
        {
            CallKind.Request => await SendAsync(call.By, call.Method, path, body),
            CallKind.Job => await RunJobAsync(call.By, call.Method, path, body),
            CallKind.JoinByMail or CallKind.JoinByLink => await JoinAsync(path, call.Kind is CallKind.JoinByMail),
            CallKind.Decline => await DeclineAsync(path),
            CallKind.SendMyLink => await SendMyLinkAsync(path),
            CallKind.ConfirmAddress => await ConfirmAsync(path),
            CallKind.Leave => await LeaveAsync(path),
            _ => throw new InvalidOperationException(call.ToString()),
        };
        if (answer is not (var status, var text)) return null;
        State = await reader.ReadAsync();
        Learn(call, before, text);
        return new(call, naming, caller, status, text, before, State);
    }

    private string Key => org.Key;

    private void Learn(Call call, State before, string text)
    {
        foreach (Match match in Secrets.Link().Matches(text))
            links[Guid.Parse(match.Groups["id"].Value)] = match.Groups["secret"].Value;
        if (call.Makes is not { } label || ApiKey().Match(text) is not { Success: true } secret) return;
        keys[label] = (State.Keys.Keys.Except(before.Keys.Keys).Cast<Guid?>().SingleOrDefault(), secret.Value);
    }

    private async Task<(int Status, string Body)?> SendAsync(string by, string method, string path, string? body)
    {
        using var request = new HttpRequestMessage(new(method), path);
        request.Headers.Add("X-AUTH-TOKEN", keys[by].Secret);
        var isForm = body?.StartsWith("group=", StringComparison.Ordinal) is true;
        var type = isForm ? "application/x-www-form-urlencoded" : "application/json";
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, type);
        return await ReadAsync(request);
    }

    private async Task<(int Status, string Body)> ReadAsync(HttpRequestMessage request)
    {
        using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    private async Task<(int Status, string Body)?> RunJobAsync(string by, string method, string path, string? body)
    {
        // Draining runs the jobs of all stories: one story at a time starts a job and waits for it.
        await Jobs.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            var answer = await SendAsync(by, method, path, body);
            if (answer?.Status is 202) await app.DrainAsync();
            return answer;
        }
        finally
        {
            Jobs.Release();
        }
    }

    // Joins; a person who has an account signs in first. A new member gets a key of its own, with the name of its
    // address as the label.
    private async Task<(int Status, string Body)?> JoinAsync(string identifier, bool mailed)
    {
        if (await LinkOfAsync(identifier, mailed) is not { } link) return null;
        var answer = await OpenAsync(link, "accept",
            $$"""{"code":"{{link.Secret}}","firstName":"A","lastName":"B","password":"{{Password}}"}""", null);
        if (answer.Body.Contains("\"must_sign_in\"", StringComparison.Ordinal))
        {
            var signIn = $$"""{"email":"{{identifier}}","password":"{{Password}}"}""";
            using var request = Post("/usher/v1/sessions", signIn, null);
            var session = await ReadAsync(request);
            if (SessionToken().Match(session.Body) is not { Success: true } token) return session;
            answer = await OpenAsync(link, "accept", $$"""{"code":"{{link.Secret}}"}""", token.Value);
            if (answer.Status is 200) sessions[State.Named(identifier)!.Id] = token.Value;
        }

        if (answer.Status is not 200) return answer;
        if (SessionToken().Match(answer.Body) is { Success: true } opened)
            sessions[State.Named(identifier)!.Id] = opened.Value;
        await MakeKeyAsync(identifier);
        return answer;
    }

    private async Task MakeKeyAsync(string identifier)
    {
        var member = await app.QueryAsync(db => db.Members
            .Where(m => m.OrganizationId == Organization && m.Identifier == identifier
                && m.Status == MemberStatus.Active)
            .Select(m => m.Id).SingleAsync(TestContext.Current.CancellationToken));
        var made = await SendAsync("owner", "POST", $"/usher/v1/organizations/{org.Slug}/api-keys",
            $$"""{"member":"{{Ids.Member.Of(member)}}"}""");
        if (ApiKey().Match(made!.Value.Body) is not { Success: true } secret) return;
        var id = KeyId().Match(made.Value.Body).Value;
        keys[NameOf(identifier)] = (Ids.ApiKey.Parse(id), secret.Value);
    }

    private async Task<(int Status, string Body)?> DeclineAsync(string identifier) =>
        await LinkOfAsync(identifier, mailed: true) is { } link
            ? await OpenAsync(link, "decline", $$"""{"code":"{{link.Secret}}"}""", null)
            : null;

    private async Task<(int Status, string Body)?> SendMyLinkAsync(string identifier)
    {
        await app.WithAsync<GuestService, bool>(async guests =>
        {
            await guests.SendMyLinkAsync(identifier, TestContext.Current.CancellationToken);
            return true;
        });
        return (200, "");
    }

    // The link in the newest mail that asked to confirm the address.
    private async Task<(int Status, string Body)?> ConfirmAsync(string identifier)
    {
        var message = await app.QueryAsync(db => db.OutboxMessages.AsNoTracking()
            .Where(m => m.OrganizationId == Organization && m.Recipient == identifier
                && m.Kind == OutboxKind.AddressChange && m.Secret != null)
            .OrderByDescending(m => m.Id).FirstOrDefaultAsync(TestContext.Current.CancellationToken));
        if (message is null) return null;
        var link = new AddressChangeLink(org.Slug, Guid.Parse(message.Parameters[OutboxParameters.AddressChange]),
            Reveal(message));
        var confirmed = await app.WithAsync<AddressChangeService, Result<NewAddress>>(
            service => service.ConfirmAsync(link, TestContext.Current.CancellationToken));
        return confirmed.Error is { } error ? (409, error.Code) : (200, "");
    }

    private async Task<(int Status, string Body)?> LeaveAsync(string identifier)
    {
        if (State.Named(identifier) is not { } member || !sessions.TryGetValue(member.Id, out var session)) return null;
        using var request = new HttpRequestMessage(HttpMethod.Delete,
            $"/usher/v1/me/memberships/{Ids.Member.Of(member.Id)}");
        request.Headers.Authorization = new("Bearer", session);
        return await ReadAsync(request);
    }

    private async Task<(Guid Id, string Secret)?> LinkOfAsync(string identifier, bool mailed)
    {
        if (State.Named(identifier) is not { } member) return null;
        var all = State.Invitations.Values.Where(i => i.Member == member.Id);
        if (all.MaxBy(i => i.Id) is not { } invitation) return null;
        if (!mailed) return links.TryGetValue(invitation.Id, out var shown) ? (invitation.Id, shown) : null;
        var message = await app.QueryAsync(db => db.OutboxMessages.AsNoTracking()
            .Where(m => m.InvitationId == invitation.Id && m.Kind == OutboxKind.Invitation && m.Secret != null)
            .OrderByDescending(m => m.Id).FirstOrDefaultAsync(TestContext.Current.CancellationToken));
        return message is null ? null : (invitation.Id, Reveal(message));
    }

    private string Reveal(OutboxMessage message) =>
        app.Services.GetRequiredService<OutboxSecrets>().Reveal(message.Secret!);

    private async Task<(int Status, string Body)> OpenAsync(
        (Guid Id, string Secret) link, string what, string body, string? session)
    {
        var path = $"/usher/v1/organizations/{org.Slug}/invitations/{Ids.Invitation.Of(link.Id)}/{what}";
        using var request = Post(path, body, session);
        return await ReadAsync(request);
    }

    private static HttpRequestMessage Post(string path, string body, string? session)
    {
        var content = new StringContent(body, Encoding.UTF8, "application/json");
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        if (session is not null) request.Headers.Authorization = new("Bearer", session);
        return request;
    }

    [GeneratedRegex("usk_[A-Za-z0-9_-]{43,}", RegexOptions.None, 1000)]
    private static partial Regex ApiKey();

    [GeneratedRegex("uss_[A-Za-z0-9_-]{43,}", RegexOptions.None, 1000)]
    private static partial Regex SessionToken();

    [GeneratedRegex("key_[A-Za-z0-9_-]{22}", RegexOptions.None, 1000)]
    private static partial Regex KeyId();
}
