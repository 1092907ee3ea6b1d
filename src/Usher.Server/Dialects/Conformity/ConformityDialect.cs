using System.Text.Json;
using System.Text.RegularExpressions;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;

namespace Usher.Server.Dialects.Conformity;

/// <summary>
/// Cloud Conformity's users API over the core. Coverage and known differences: docs/dialects/conformity.md.
/// </summary>
public static partial class ConformityDialect
{
    /// <summary>The policy of Conformity's administrative routes: the caller must have the role ADMIN.</summary>
    public const string AdminPolicy = "conformity-admin";

    private static readonly InviteOptions Invite = new(
        OnPending.Refresh, OnActive.Refuse, OnRemoved.Revive, SendMail: true, UnknownReferences.Refuse,
        Details: MemberDetails.Credentials);

    // The identity provider signs the person in, so the member is active at once and no mail is sent.
    private static readonly InviteOptions AddSso = Invite with { SendMail = false, ActivateAtOnce = true };

    private static readonly MemberUpdateOptions Update = new(
        UnknownReferences.Refuse, Details: MemberDetails.Credentials);

    public static void AddConformity(this IServiceCollection services) => services.AddAuthorizationBuilder()
        .AddPolicy(
            AdminPolicy,
            policy =>
                policy.AddAuthenticationSchemes(KeyAuthentication.Scheme).AddRequirements(new RequireCaller(
                    KeyErrors.NotAllowed, (caller, _) => caller.Actor.Access.IsAdmin)));

    public static void MapConformity(this RouteGroupBuilder conformity)
    {
        conformity.WithTags("Conformity").RequireAuthorization(Policies.Key);
        conformity.MapGet("/users", List).RequireAuthorization(AdminPolicy);
        conformity.MapPost("/users", InviteAsync).RequireAuthorization(AdminPolicy);
        conformity.MapPost("/users/sso", AddSsoAsync).RequireAuthorization(AdminPolicy);
        conformity.MapGet("/users/whoami", WhoAmIAsync);
        conformity.MapGet("/users/{id}", GetAsync);
        conformity.MapPatch("/users/{id}", UpdateAsync).RequireAuthorization(AdminPolicy);
        conformity.MapDelete("/users/{id}", RevokeAsync).RequireAuthorization(AdminPolicy);
        conformity.MapGet("/api-keys", ListKeysAsync);
        conformity.MapGet("/api-keys/{id}", GetKeyAsync);
        conformity.MapGet("/accounts", ListAccounts);
        conformity.MapGet("/accounts/{id}", GetAccountAsync);
        conformity.MapPost("/accounts", CreateAccountAsync).RequireAuthorization(AdminPolicy);
    }

    // Lists invited and active persons, oldest first, in one answer. Paging parameters are ignored, because the vendor
    // documents none for this call.
    private static IResult List(Actor actor, MemberService members, CancellationToken ct) =>
        Json(new Document<IAsyncEnumerable<UserDocument>>(
            members.StreamAsync(actor, MemberOrder.Created, MemberDetails.Credentials, ct)
                .Select(UserDocument.Listed)));

    // Answers 200 and not 201: the vendor's Terraform provider treats any other status as a failure.
    private static Task<IResult> InviteAsync(
        HttpRequest request, Actor actor, InvitationService invitations, CancellationToken ct) =>
        AddAsync(request, actor, invitations, Invite, ct);

    // Source: "Add SSO user". The same body as an invite; refused where no external identity provider is set up.
    private static Task<IResult> AddSsoAsync(
        HttpRequest request, Actor actor, InvitationService invitations, CancellationToken ct) =>
        AddAsync(request, actor, invitations, AddSso, ct);

    private static async Task<IResult> AddAsync(
        HttpRequest request, Actor actor, InvitationService invitations, InviteOptions options, CancellationToken ct)
    {
        var body = await JsonBody.ReadAsync(request, ct);
        if (!body.TryGet(out var document, out var refused)) return new ErrorResult(refused);
        if (!TryRead(document, out NewInvitation? row, out var faults)) return new ErrorResult(faults);
        var outcomes = await invitations.InviteAsync(actor, [row], options, ct);
        return outcomes[0].ToHttp(invited =>
            Json(new Document<UserDocument>(UserDocument.Listed(new(invited.Member, invited.Graph)))));
    }

    private static async Task<IResult> WhoAmIAsync(Actor actor, MemberService members, CancellationToken ct) =>
        (await members.GetAsync(actor, new(Id: actor.Id), MemberDetails.Credentials, ct))
            .ToHttp(view => Json(new Document<UserDocument>(UserDocument.Single(view, Reached(view)))));

    // Callers of every role may read every user. Access levels are shown to administrators, who see all accounts, and
    // to the users themselves, who see the accounts they reach.
    private static async Task<IResult> GetAsync(string id, Actor actor, MemberService members, CancellationToken ct)
    {
        if (ShortId.Parse(id) is not { } memberId) return new ErrorResult(MemberErrors.NotFound);
        var details = MemberDetails.Credentials | (actor.Access.IsAdmin ? MemberDetails.Resources : MemberDetails.None);
        var found = await members.GetAsync(actor, new(Id: memberId), details, ct, open: true);
        return found.ToHttp(view =>
            Json(new Document<UserDocument>(UserDocument.Single(
                view, actor.Access.IsAdmin ? OnAll(view) : actor.Id == memberId ? Reached(view) : null))));
    }

    // Source: "Update a user's role and account access". Unlike in an invite, the members are directly in "data".
    // Levels are merged, as in an invite; an empty list changes nothing.
    private static async Task<IResult> UpdateAsync(
        string id, HttpRequest request, Actor actor, MemberService members, CancellationToken ct)
    {
        var body = await JsonBody.ReadAsync(request, ct);
        if (!body.TryGet(out var document, out var refused)) return new ErrorResult(refused);
        if (ShortId.Parse(id) is not { } memberId) return new ErrorResult(MemberErrors.NotFound);
        if (!TryRead(document, out MemberChange? change, out var faults)) return new ErrorResult(faults);
        var updated = await members.UpdateAsync(actor, [new(Id: memberId)], change, Update, ct);
        return updated.Match<IResult>(
            selection =>
                Json(new Document<UserDocument>(UserDocument.Single(new(selection.Members[0], selection.Graph), null))),
            error =>
                new ErrorResult(
                    error.Field?.Segments is ["levels", var index]
                        ? ConformityErrors.AccountUnknown($"/data/accessList/{index}/account")
                        : error));
    }

    // Answers 200 with a body and not 204: the vendor's clients parse the body.
    private static async Task<IResult> RevokeAsync(string id, Actor actor, MemberService members, CancellationToken ct)
    {
        if (ShortId.Parse(id) is not { } memberId) return new ErrorResult(MemberErrors.NotFound);
        return (await members.RemoveAsync(actor, memberId, ct)).ToHttp(_ => Json(new MetaDocument(new("revoked"))));
    }

    private static async Task<IResult> ListKeysAsync(Actor actor, ApiKeyService keys, CancellationToken ct) =>
        Json(new Document<IEnumerable<ApiKeyDocument>>((await keys.ListOwnAsync(actor, ct)).Select(
            ApiKeyDocument.From)));

    private static async Task<IResult> GetKeyAsync(string id, Actor actor, ApiKeyService keys, CancellationToken ct)
    {
        var key = (await keys.ListOwnAsync(actor, ct)).FirstOrDefault(k => ShortId.Of(k.Id) == id);
        return key is null
            ? new ErrorResult(ApiKeyErrors.NotFound)
            : Json(new Document<ApiKeyDocument>(ApiKeyDocument.From(key)));
    }

    private static IResult ListAccounts(Actor actor, ResourceService resources, CancellationToken ct) =>
        Json(
            new Document<IAsyncEnumerable<AccountDocument>>(
                resources.StreamAsync(actor, ResourceOrder.Created, ct).Select(AccountDocument.From)));

    // Callers who do not see every account are not told which other accounts exist.
    private static async Task<IResult> GetAccountAsync(
        string id, Actor actor, ResourceService resources, CancellationToken ct)
    {
        var found = ShortId.Parse(id) is { } resourceId
            ? await resources.GetAsync(actor, Reference.To(resourceId), ct)
            : ResourceErrors.NotFound;
        return found.Match<IResult>(
            resource => Json(new Document<AccountDocument>(AccountDocument.From(resource))),
            error => new ErrorResult(actor.Access.Everywhere is AccessLevel.None ? KeyErrors.NotAllowed : error));
    }

    // Of "access.keys", only the number of the AWS account is stored, taken from the role's ARN. The rest contains
    // secrets that Usher does not need.
    private static async Task<IResult> CreateAccountAsync(
        HttpRequest request, Actor actor, ResourceService resources, CancellationToken ct)
    {
        var body = await JsonBody.ReadAsync(request, ct);
        if (!body.TryGet(out var document, out var refused)) return new ErrorResult(refused);
        if (document.Member("data")?.Member("attributes") is not { IsObject: true } attributes)
            return new ErrorResult(AttributesMissing(document));
        if (attributes.Member("name")?.Text is not { } name || string.IsNullOrWhiteSpace(name))
            return new ErrorResult(ConformityErrors.Fault("/data/attributes/name", "Name is required"));
        Dictionary<string, string> kept = [];
        if (attributes.Member("environment") is { } environment)
        {
            if (environment.Text is not { } text)
                return new ErrorResult(ConformityErrors.Fault(
                    "/data/attributes/environment", "Environment is invalid"));
            kept["environment"] = text;
        }

        var role = attributes.Member("access")?.Member("keys")?.Member("roleArn")?.Text;
        if (role is not null && AwsAccount().Match(role) is { Success: true } number)
            kept["awsaccount-id"] = number.Groups["id"].Value;
        return (await resources.CreateAsync(actor, name, kept, ct))
            .ToHttp(resource => Json(new Document<AccountDocument>(AccountDocument.From(resource))));
    }

    // Source: Conformity's API reference, "Invite a user". One entry per problem, in the order in which the members are
    // documented.
    private static bool TryRead(
        JsonElement document, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out NewInvitation? row,
        out FaultList faults)
    {
        (row, faults) = (null, []);
        if (document.Member("data")?.Member("attributes") is not { IsObject: true } given)
        {
            faults.Add(AttributesMissing(document));
            return false;
        }

        var firstName = Required("firstName", "First name", faults, given);
        var lastName = Required("lastName", "Last name", faults, given);
        var email = Required("email", "Email", faults, given);
        if (email is not null && !EmailAddress.TryCanonical(email, out _))
            faults.Add(ConformityErrors.Fault("/data/attributes/email", "Email is invalid"));
        BuiltInRole? role = given.Member("role") is not { } roleGiven
            ? null
            : roleGiven.Text switch { "ADMIN" => BuiltInRole.Admin, "USER" => BuiltInRole.User, _ => null };
        if (role is null)
            faults.Add(ConformityErrors.Fault(
                "/data/attributes/role", given.Member("role") is null ? "Role is required" : "Role is invalid"));
        var levels = Levels(given.Member("accessList"), "/data/attributes/accessList", faults);
        if (faults.Count > 0) return false;
        row = new(email!) { FirstName = firstName, LastName = lastName, Role = role!.Value, Levels = levels };
        return true;
    }

    private static bool TryRead(
        JsonElement document, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out MemberChange? change,
        out FaultList faults)
    {
        (change, faults) = (null, []);
        if (document.Member("data") is not { IsObject: true } given)
        {
            faults.Add(ConformityErrors.Fault("/data", "Attributes are required"));
            return false;
        }

        var role = ConformityWords.Role(given.Member("role")?.Text);
        if (role is null)
            faults.Add(ConformityErrors.Fault(
                "/data/role", given.Member("role") is null ? "Role is required" : "Role is invalid"));
        if (role is BuiltInRole.User && given.Member("accessList") is null)
            faults.Add(ConformityErrors.Fault("/data/accessList", "Access list is required"));
        var levels = Levels(given.Member("accessList"), "/data/accessList", faults);
        if (faults.Count > 0) return false;
        change = new() { Role = role, Levels = levels };
        return true;
    }

    private static Error AttributesMissing(JsonElement document) =>
        ConformityErrors.Fault(
            document.Member("data") is { IsObject: true } ? "/data/attributes" : "/data", "Attributes are required");

    private static string? Required(string member, string label, FaultList faults, JsonElement given)
    {
        var text = given.Member(member)?.Text;
        if (!string.IsNullOrWhiteSpace(text)) return text;
        faults.Add(ConformityErrors.Fault($"/data/attributes/{member}", $"{label} is required"));
        return null;
    }

    private static List<NewLevel> Levels(JsonElement? list, string pointer, FaultList faults)
    {
        List<NewLevel> levels = [];
        if (list is null) return levels;
        if (list is not { IsArray: true } entries)
        {
            faults.Add(ConformityErrors.Fault(pointer, "Access list is invalid"));
            return levels;
        }

        var index = 0;
        foreach (var entry in entries.EnumerateArray())
        {
            if (faults.IsFull) break;
            var (account, level) = (entry.Member("account")?.Text, ConformityWords.Level(entry.Member("level")?.Text));
            if (string.IsNullOrEmpty(account))
                faults.Add(ConformityErrors.Fault($"{pointer}/{index}/account", "Account is required"));
            if (level is null) faults.Add(ConformityErrors.Fault($"{pointer}/{index}/level", "Level is invalid"));
            // An account is named by its id, never by its slug.
            if (!string.IsNullOrEmpty(account) && level is { } known)
                levels.Add(new(new(account, ShortId.Parse(account) ?? Guid.Empty), known));
            index++;
        }

        return levels;
    }

    private static List<AccountAccess> Reached(MemberView view) =>
        [
            .. view.Member.Levels.Where(l => l.Level is not AccessLevel.None).OrderBy(l => l.ResourceId)
                .Select(l => new AccountAccess(ShortId.Of(l.ResourceId), ConformityWords.Of(l.Level)))];

    private static List<AccountAccess> OnAll(MemberView view)
    {
        var stored = view.Member.Levels.ToDictionary(l => l.ResourceId, l => l.Level);
        return [
            .. view.Graph.Resources.Select(r =>
                new AccountAccess(ShortId.Of(r.Id), ConformityWords.Of(stored.GetValueOrDefault(r.Id))))];
    }

    private static IResult Json<T>(T document) =>
        TypedResults.Json(
            document,
            (System.Text.Json.Serialization.Metadata.JsonTypeInfo<T>)ConformityJson.Default.GetTypeInfo(typeof(T))!,
            ConformityErrors.MediaType);

    [GeneratedRegex("^arn:aws[a-z-]*:iam::(?<id>[0-9]{12}):", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex AwsAccount();
}
