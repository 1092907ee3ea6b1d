using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Errors;
using Usher.Server.Json;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>The accounts in the body of a bulk call, as written and in order, without duplicates.</summary>
internal sealed record NamedAccounts(IReadOnlyList<(string Text, string? Identifier)> All)
{
    /// <summary>The keys of the well-formed identifiers.</summary>
    public IReadOnlyList<MemberKey> Keys =>
        [.. All.Where(a => a.Identifier is not null).Select(a => new MemberKey(Identifier: a.Identifier))];

    public IEnumerable<string> Unknown(MemberSelection selection)
    {
        var unknown = selection.Unknown.Select(k => k.Identifier).ToHashSet();
        return All.Where(a => a.Identifier is null || unknown.Contains(a.Identifier)).Select(a => a.Text);
    }

    public ResponseStatus Status(MemberSelection selection) =>
        WavefrontAnswers.Without(("Invalid accounts", Unknown(selection)));

    public Error Describe(Error error) =>
        error.Is(MemberErrors.NotFound) ? WavefrontErrors.UsersUnknown(All.Select(a => a.Text)) : error;
}

/// <summary>A service account in a request. Null members were left out.</summary>
internal sealed record ServiceAccountWrite(
    string? Identifier, bool? Active, string? Description, List<string>? Permissions, List<Reference>? Groups,
    List<Reference>? Roles);

/// <summary>Reads requests with the variations that real clients send.</summary>
internal static class WavefrontBody
{
    // A former permission that every account had. Old clients still send it; it is accepted and not stored.
    private const string Browse = "browse";

    /// <summary>
    /// The canonical identifier of an account in a path; null for a text that cannot be an identifier. The framework
    /// decodes everything in a path except the slash.
    /// </summary>
    public static string? PathIdentifier(string id) =>
        Identifier(id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase));

    public static string? Identifier(string text) =>
        text.StartsWith(ServiceAccountService.Prefix, StringComparison.OrdinalIgnoreCase)
            ? ServiceAccountService.Canonical(text)
        : EmailAddress.TryCanonical(text, out var canonical) ? canonical : null;

    public static Guid? Id(string text) => Guid.TryParseExact(text, "D", out var id) ? id : null;

    public static Reference Reference(string text) => new(text, Id(text));

    /// <summary>The key of an account, which may not exist.</summary>
    public static MemberKey Key(string text) => new(Identifier: Identifier(text) ?? text);

    /// <summary>The change that grants or revokes one permission.</summary>
    public static MemberChange Permission(string permission, SetChangeKind kind) =>
        new() { Permissions = new(Kept([permission]), kind) };

    /// <summary>The query parameter <c>sendEmail</c>, in any letter case. The default is false.</summary>
    public static bool TrySendEmail(HttpRequest request, out bool send)
    {
        send = false;
        return request.Query["sendEmail"] is not [_, ..] given
            || (given.Count is 1 && bool.TryParse(given[0], out send));
    }

    /// <summary>Reads a body that is an array of at most 1,000 identifiers.</summary>
    public static async Task<Result<NamedAccounts>> AccountsAsync(
        HttpRequest request, CancellationToken ct, bool mayBeEmpty = false)
    {
        if (!(await JsonBody.ReadAsync(request, ct)).TryGet(out var document, out var refused)) return refused;
        if (!TryTexts(document, out var texts) || (texts is [] && !mayBeEmpty)) return WavefrontErrors.NoIdentifiers;
        if (texts.Count > MemberService.MaxKeys) return CommonErrors.TooManyEntries;
        return new NamedAccounts(
            [.. texts.Select(text => (text, Identifier(text))).DistinctBy(a => a.Item2 ?? a.text)]);
    }

    /// <summary>Reads a body that is an array of at most 1,000 ids of groups or roles.</summary>
    public static async Task<Result<List<Reference>>> IdsAsync(HttpRequest request, CancellationToken ct)
    {
        if (!(await JsonBody.ReadAsync(request, ct)).TryGet(out var document, out var refused)) return refused;
        if (!TryTexts(document, out var texts)) return WavefrontErrors.NoIds;
        return texts.Count > MemberService.MaxKeys ? CommonErrors.TooManyEntries : texts.ConvertAll(Reference);
    }

    /// <summary>
    /// Reads a body that is an array of texts, without duplicates. Clients that send back what they have read may send
    /// objects instead of ids.
    /// </summary>
    public static async Task<Result<List<string>>> TextsAsync(HttpRequest request, CancellationToken ct)
    {
        if (!(await JsonBody.ReadAsync(request, ct)).TryGet(out var document, out var refused)) return refused;
        return TryTexts(document, out var texts, objects: true) ? texts.Distinct().ToList() : WavefrontErrors.NoIds;
    }

    /// <summary>A text member; null when it is absent.</summary>
    public static Result<string?> Text(JsonElement body, string name) =>
        body.Member(name) is not { } member
            ? (Result<string?>)(string?)null
            : member.Text is { } text
            ? text
            : WavefrontErrors.Fault($"{name} must be a string");

    /// <summary>
    /// A member that is a set of texts or of objects with ids; null when it is absent, empty when it is null.
    /// </summary>
    public static Result<List<string>?> Set(JsonElement body, string name) =>
        TryTexts(body, name, out var texts, nullIsEmpty: true, objects: true)
            ? texts?.Distinct().ToList()
            : WavefrontErrors.Fault($"{name} must be an array of strings");

    /// <summary>Reads the one permission in the form field <c>group</c>.</summary>
    public static async Task<Result<string>> PermissionAsync(HttpRequest request, CancellationToken ct)
    {
        var missing = WavefrontErrors.Fault("group must be one permission name");
        if (string.IsNullOrEmpty(request.ContentType)) return missing;
        if (!request.HasFormContentType) return WavefrontErrors.NoForm;
        if (!(await PostedForm.ReadAsync(request, ct)).TryGet(out var form, out var refused)) return refused;
        return form["group"] is [{ Length: > 0 } permission] ? permission : missing;
    }

    /// <summary>Reads a body that is one object.</summary>
    public static async Task<Result<JsonElement>> ObjectAsync(HttpRequest request, CancellationToken ct)
    {
        if (!(await JsonBody.ReadAsync(request, ct)).TryGet(out var document, out var refused)) return refused;
        return document.IsObject ? document : WavefrontErrors.NoObject;
    }

    // Source: "Invite Users", UserToCreate. Without "groups", the organization's default permissions are granted; with
    // [], none. Without "userGroups", or with [], the default groups apply.
    public static Result<NewInvitation> User(JsonElement user)
    {
        if (user.Member("emailAddress")?.Text is not { Length: > 0 } email)
            return WavefrontErrors.Fault("emailAddress is required");
        if (!TryTexts(user, "groups", out var permissions))
            return WavefrontErrors.Fault("groups must be an array of permission names");
        if (!TryTexts(user, "userGroups", out var groups))
            return WavefrontErrors.Fault("userGroups must be an array of group ids");
        if (!TryTexts(user, "roles", out var roles)) return WavefrontErrors.Fault("roles must be an array of role ids");
        return new NewInvitation(email)
        {
            Permissions = permissions is null ? null : Kept(permissions),
            Groups = groups is null or [] ? null : groups.ConvertAll(Reference),
            Roles = roles?.ConvertAll(Reference) ?? [],
        };
    }

    /// <summary>
    /// Reads the same members as a change of an existing user. Given members replace the old values. Members that are
    /// left out, or would mean a default in an invite, stay as they are.
    /// </summary>
    public static MemberChange Change(JsonElement user, NewInvitation row) => new()
    {
        Permissions = row.Permissions is { } permissions ? SetChange.To(permissions) : null,
        Groups = row.Groups is { } groups ? SetChange.To(groups) : null,
        Roles = user.Member("roles") is null ? null : SetChange.To(row.Roles),
    };

    // Source: "Update User", UserRequestDTO. A member that is left out stays as it is; null means an empty set. The
    // member "credential" is ignored, because only the users themselves can change their passwords.
    public static Result<MemberChange> Change(JsonElement user, string id)
    {
        if (user.Member("identifier") is { } identifier)
        {
            if (identifier.Text is not { } text) return WavefrontErrors.Fault("identifier must be a string");
            if (text.Length > 0 && Identifier(text) != PathIdentifier(id))
                return WavefrontErrors.Fault("identifier cannot be changed");
        }

        if (user.Member("ssoId") is { Text: null }) return WavefrontErrors.Fault("ssoId must be a string");
        if (!TrySets(user, out var sets, out var fault)) return fault;
        return new MemberChange
        {
            SsoId = user.Has("ssoId")
                ? (user.Member("ssoId")?.Text is { Length: > 0 } sso ? sso : null)
                : default(Optional<string>),
            Permissions = To(sets.Permissions), Groups = To(sets.Groups), Roles = To(sets.Roles),
        };
    }

    public static Result<ServiceAccountWrite> ServiceAccount(JsonElement account)
    {
        if (account.Member("identifier") is { Text: null }) return WavefrontErrors.Fault("identifier must be a string");
        if (account.Member("active") is { ValueKind: not (JsonValueKind.True or JsonValueKind.False) })
            return WavefrontErrors.Fault("active must be true or false");
        if (account.Member("description") is { Text: null })
            return WavefrontErrors.Fault("description must be a string");
        if (!TrySets(account, out var sets, out var fault)) return fault;
        return new ServiceAccountWrite(
            account.Member("identifier")?.Text is { Length: > 0 } identifier ? identifier : null,
            account.Member("active")?.GetBoolean(),
            account.Has("description") ? account.Member("description")?.Text ?? "" : null,
            sets.Permissions, sets.Groups, sets.Roles);
    }

    public static SetChange<T>? To<T>(List<T>? elements) => elements is null ? null : SetChange.To<T>(elements);

    // The three sets of an update. Clients that send back what they have read send groups and roles as objects, of
    // which the ids count.
    private static bool TrySets(
        JsonElement body, out (List<string>? Permissions, List<Reference>? Groups, List<Reference>? Roles) sets,
        [NotNullWhen(false)] out Error? fault)
    {
        (sets, fault) = (default, null);
        if (!TryTexts(body, "groups", out var permissions, nullIsEmpty: true))
            fault = WavefrontErrors.Fault("groups must be an array of permission names");
        else if (!TryTexts(body, "userGroups", out var groups, nullIsEmpty: true, objects: true))
            fault = WavefrontErrors.Fault("userGroups must be an array of group ids");
        else if (!TryTexts(body, "roles", out var roles, nullIsEmpty: true, objects: true))
            fault = WavefrontErrors.Fault("roles must be an array of role ids");
        else
            sets = (
                permissions is null ? null : Kept(permissions), groups?.ConvertAll(Reference),
                roles?.ConvertAll(Reference));
        return fault is null;
    }

    public static List<string> Kept(List<string> permissions) => permissions.FindAll(p => p is not Browse);

    private static bool TryTexts(
        JsonElement body, string name, out List<string>? texts, bool nullIsEmpty = false, bool objects = false)
    {
        texts = nullIsEmpty && body.Has(name) ? [] : null;
        return body.Member(name) is not { } member || TryTexts(member, out texts, objects);
    }

    private static bool TryTexts(JsonElement array, [NotNullWhen(true)] out List<string>? texts, bool objects = false)
    {
        texts = null;
        if (!array.IsArray) return false;
        List<string> read = [];
        foreach (var element in array.EnumerateArray())
        {
            if ((objects && element.IsObject ? element.Member("id")?.Text : element.Text) is not { } text) return false;
            read.Add(text);
        }

        texts = read;
        return true;
    }
}
