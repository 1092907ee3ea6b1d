using System.Collections.Frozen;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Groups;
using Usher.Core.Guests;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;
using static Usher.Server.Dialects.Wavefront.WavefrontAnswers;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// Searches, which some clients use to read everything. Members are searched in the database, groups and roles in
/// memory, where one read loads them all. Source: the vendor's description of SearchQuery and its clients, read
/// 2026-11-22.
/// </summary>
internal static class WavefrontSearch
{
    private static readonly FrozenDictionary<string, MemberField> Account = new Dictionary<string, MemberField>
    {
        ["freetext"] = MemberField.Any, ["id"] = MemberField.Identifier, ["identifier"] = MemberField.Identifier,
        ["groups"] = MemberField.Permission, ["userGroups"] = MemberField.Group,
        ["roles"] = MemberField.Role, ["unitedRoles"] = MemberField.EffectiveRole,
        ["unitedPermissions"] = MemberField.EffectivePermission,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, MemberField> User = new Dictionary<string, MemberField>(Account)
    {
        ["escapedIdentifier"] = MemberField.Identifier, ["ssoId"] = MemberField.SsoId,
        ["lastSuccessfulLogin"] = MemberField.LastSignIn,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, MemberField> Service = new Dictionary<string, MemberField>(Account)
    {
        ["active"] = MemberField.Active, ["description"] = MemberField.Description, ["tokens"] = MemberField.Key,
        ["lastUsed"] = MemberField.LastUse,
    }.ToFrozenDictionary();

    public static void MapSearch(this RouteGroupBuilder wavefront)
    {
        var search = wavefront.MapGroup("/search").RequireAuthorization(Policies.UserManagement);
        search.MapPost("/user", UsersAsync).OnlyReads();
        search.MapPost("/account", AccountsAsync).OnlyReads();
        search.MapPost("/serviceaccount", ServiceAccountsAsync).OnlyReads();
        search.MapPost(
            "/usergroup", async (HttpRequest request, Caller caller, GroupService groups, CancellationToken ct) =>
            (await SearchRequest.ReadAsync(request, ct)).TryGet(out var asked, out var refused)
                ? await WavefrontGroups.SearchAsync(asked, caller, groups, ct)
                : new ErrorResult(refused)).OnlyReads();
        search.MapPost("/role", async (HttpRequest request, Caller caller, RoleService roles, CancellationToken ct) =>
            (await SearchRequest.ReadAsync(request, ct)).TryGet(out var asked, out var refused)
                ? await WavefrontRoles.SearchAsync(asked, caller, roles, ct)
                : new ErrorResult(refused)).OnlyReads();
    }

    private static Task<IResult> UsersAsync(
        HttpRequest request, Caller caller, MemberService members, PermissionCatalogue catalogue,
        CancellationToken ct) =>
        FindAsync(
        request, caller, members, User, MemberKind.Person, MemberDetails.None, view =>
            FoundUser.From(view, caller, catalogue), ct);

    private static Task<IResult> AccountsAsync(
        HttpRequest request, Caller caller, MemberService members, PermissionCatalogue catalogue,
        CancellationToken ct) =>
        FindAsync(
        request, caller, members, Account, null, MemberDetails.None, view =>
            Wavefront.Account.From(view, catalogue), ct);

    private static Task<IResult> ServiceAccountsAsync(
        HttpRequest request, Caller caller, MemberService members, PermissionCatalogue catalogue,
        CancellationToken ct) =>
        FindAsync(
        request, caller, members, Service, MemberKind.Service, MemberDetails.Counts | MemberDetails.Keys, view =>
            ServiceAccount.From(view, caller.OrganizationSlug, catalogue), ct);

    private static async Task<IResult> FindAsync<T>(
        HttpRequest request, Caller caller, MemberService members, FrozenDictionary<string, MemberField> fields,
        MemberKind? kind, MemberDetails details, Func<MemberView, T> shown,
        CancellationToken ct)
    {
        if (!(await SearchRequest.ReadAsync(request, ct)).TryGet(out var search, out var refused))
            return new ErrorResult(refused);
        List<MemberCondition> conditions = [];
        foreach (var term in search.Terms)
        {
            if (Condition(term, fields, kind, caller) is not { } condition)
                return new ErrorResult(WavefrontErrors.KeyUnknown(term.Key));
            conditions.Add(condition);
        }

        MemberOrder? order = search.SortField switch
        {
            null or "id" or "identifier" => MemberOrder.Identifier,
            "lastSuccessfulLogin" when kind is MemberKind.Person => MemberOrder.LastSignIn,
            _ => null,
        };
        if (order is not { } by) return new ErrorResult(WavefrontErrors.SortUnknown(search.SortField!));
        var page = new MemberPage(
            by, null, search.Window.Limit, search.Window.Offset, Descending: !search.Ascending,
            WithTotal: true) { Filter = new() { Kind = kind, Conditions = conditions } };
        return (await members.PageAsync(caller.Actor, page, details, ct)).ToHttp(read =>
            Envelope(search.Window.Page<T>([.. read.Items.Select(shown)], read.Total, search.Sort("id"))));
    }

    // Null for an unknown key.
    private static MemberCondition? Condition(
        SearchTerm term, FrozenDictionary<string, MemberField> fields, MemberKind? kind, Caller caller)
    {
        if (kind is MemberKind.Person && term.Key is "customer") return Constant(term.Finds(caller.OrganizationSlug));
        if (kind is MemberKind.Person && term.Key is "self")
        {
            var (self, others) = (term.Finds("true"), term.Finds("false"));
            return self == others
                ? Constant(self)
                : new(MemberField.Identifier, TextMatch.Exact, [caller.Identifier], Negated: others != term.Negated);
        }

        if (!fields.TryGetValue(term.Key, out var field)) return null;
        return new(
            field, term.Match,
            term.Key is "escapedIdentifier" ? [.. term.Texts.Select(Uri.UnescapeDataString)] : term.Texts,
            term.Negated);

        // A condition with an empty list of texts holds for no member; negated, it holds for every member.
        MemberCondition Constant(bool holds) =>
            new(MemberField.Identifier, TextMatch.Exact, [], Negated: holds != term.Negated);
    }
}

/// <summary>
/// One condition of a search: a value of the named member matches one of the texts or, if negated, no value does.
/// </summary>
internal sealed record SearchTerm(string Key, TextMatch Match, IReadOnlyList<string> Texts, bool Negated)
{
    public bool Finds(string value) => Match.Finds(value, Texts);
}

/// <summary>A search.</summary>
/// <param name="Terms">The conditions, all of which must hold.</param>
/// <param name="Window">The part of the result to return.</param>
/// <param name="SortField">The key to sort by; null for the default order.</param>
/// <param name="Ascending">Whether the order is ascending.</param>
internal sealed record SearchRequest(IReadOnlyList<SearchTerm> Terms, Window Window, string? SortField, bool Ascending)
{
    /// <summary>The most conditions of one search.</summary>
    public const int MaxTerms = 50;

    /// <summary>The most values of all conditions together. Each is compared with every member.</summary>
    public const int MaxTexts = 100;

    /// <summary>The longest value.</summary>
    public const int MaxTextLength = 1_000;

    private static readonly Error TooLarge = WavefrontErrors.Fault(
        $"query can have {MaxTerms} conditions with {MaxTexts} values in all, of {MaxTextLength} characters each");

    public static SearchRequest All(Window window) => new([], window, null, true);

    /// <summary>Reads a search. All members are optional, and so is the body.</summary>
    public static async Task<Result<SearchRequest>> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        if (!(await JsonBody.ReadAsync(request, ct)).TryGet(out var body, out var refused)) return refused;
        if (body.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null or JsonValueKind.Undefined))
            return WavefrontErrors.Fault("The body must be a JSON object");
        var (window, query, sort) = (Window.From(body), body.Member("query"), body.Member("sort"));
        if (window.Error is { } fault) return fault;
        if (query is { IsArray: false }) return WavefrontErrors.Fault("query must be an array of conditions");
        if (sort is { IsObject: false } || sort?.Member("field") is { Text: null })
            return WavefrontErrors.Fault("sort must be an object with a field");

        List<SearchTerm> terms = [];
        var texts = 0;
        foreach (var condition in query?.EnumerateArray() ?? default)
        {
            if (!Term(condition).TryGet(out var term, out var wrong)) return wrong;
            texts += term.Texts.Count;
            if (terms.Count == MaxTerms || texts > MaxTexts || term.Texts.Any(t => t.Length > MaxTextLength))
                return TooLarge;
            terms.Add(term);
        }

        var isDefault = sort?.Member("default")?.ValueKind is JsonValueKind.True
            || sort?.Member("field")?.Text is null or "" or "default";
        return new SearchRequest(
            terms, window.Value, isDefault ? null : sort!.Value.Member("field")!.Value.Text,
            isDefault || sort?.Member("ascending")?.ValueKind is not JsonValueKind.False);
    }

    /// <summary>The sort order for the answer.</summary>
    public PageSort Sort(string byDefault) => new(Ascending, SortField ?? byDefault, SortField is null);

    private static Result<SearchTerm> Term(JsonElement condition)
    {
        if (condition.Member("key")?.Text is not { Length: > 0 } key)
            return WavefrontErrors.Fault("A condition of query needs a key");
        TextMatch? match = condition.Member("matchingMethod") is not { } method
            ? TextMatch.Contains
            : method.Text switch
        {
            "CONTAINS" => TextMatch.Contains,
            "STARTSWITH" => TextMatch.StartsWith,
            "EXACT" => TextMatch.Exact,
            "TAGPATH" => TextMatch.Path,
            _ => null,
        };
        if (match is not { } known)
            return WavefrontErrors.Fault("matchingMethod must be CONTAINS, STARTSWITH, EXACT or TAGPATH");
        var values = condition.Member("values") is { IsArray: true } several && several.GetArrayLength() > 0
            ? [.. several.EnumerateArray()]
            : condition.Member("value") is { } one
            ? [one]
            : Array.Empty<JsonElement>();
        List<string> texts = [.. values.Select(Text).OfType<string>()];
        if (values is [] || texts.Count < values.Length)
            return WavefrontErrors.Fault(
                $"The condition on {WavefrontErrors.Shown(key)} needs a value, or an array of values");
        return new SearchTerm(key, known, texts, condition.Member("negated")?.ValueKind is JsonValueKind.True);
    }

    // Numbers and booleans are compared as they are written.
    private static string? Text(JsonElement value) =>
        value.ValueKind is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False
            ? value.GetRawText()
            : value.Text;
}

/// <summary>A user in the result of a search, in a format of its own with groups by id.</summary>
internal sealed record FoundUser(
    string Id, string Identifier, string EscapedIdentifier, string Customer, bool Self, IReadOnlyList<string> Groups,
    IReadOnlyList<string> UserGroups,
    IReadOnlyList<string> UnitedRoles, IReadOnlyList<string> UnitedPermissions, long? LastSuccessfulLogin)
{
    public static FoundUser From(MemberView view, Caller caller, PermissionCatalogue catalogue)
    {
        var account = Account.From(view, catalogue);
        return new(
            account.Identifier, account.Identifier, Uri.EscapeDataString(account.Identifier), caller.OrganizationSlug,
            view.Member.Id == caller.Actor.Id, account.Groups, account.UserGroups,
            account.UnitedRoles, account.UnitedPermissions, view.Member.LastSignInAt?.ToUnixTimeMilliseconds());
    }
}
