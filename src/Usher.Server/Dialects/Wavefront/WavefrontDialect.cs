using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>Wavefront's user API over the core. What is matched and what differs: docs/dialects/wavefront.md.</summary>
public static class WavefrontDialect
{
    // A former permission of everybody's that old clients still send.
    private const string Browse = "browse";

    private static readonly InviteOptions Invite =
        new(OnPending.Skip, OnActive.Skip, OnRemoved.New, SendMail: true, UnknownReferences.Ignore, AllOrNothing: true, MemberDetails.Counts);

    public static void MapWavefront(this RouteGroupBuilder wavefront)
    {
        wavefront.WithTags("Wavefront").RequireAuthorization(Policies.Key);
        wavefront.MapPost("/user/invite", InviteAsync).RequireAuthorization(Policies.UserManagement);
        wavefront.MapGet("/user", List).RequireAuthorization(Policies.UserManagement);
        wavefront.MapGet("/user/{id}", GetAsync);
    }

    // A bare array of all persons, ordered by identifier, without paging.
    private static IResult List(Caller caller, MemberService members, CancellationToken ct) => TypedResults.Json(
        members.StreamAsync(caller.Actor, MemberOrder.Identifier, MemberDetails.Counts, ct).Select(view => UserModel.From(view, caller.OrganizationSlug)),
        WavefrontJson.Default.IAsyncEnumerableUserModel, WavefrontErrors.MediaType);

    // A caller may always look at itself; at others with user_management.
    private static async Task<IResult> GetAsync(string id, Caller caller, MemberService members, CancellationToken ct)
    {
        var identifier = Identifier(id);
        if (identifier != caller.Identifier && !caller.Actor.May(Permissions.UserManagement)) return new ErrorResult(KeyErrors.NotAllowed);
        if (identifier is null) return new ErrorResult(WavefrontErrors.UserUnknown(id));
        var found = await members.GetAsync(caller.Actor, new(Identifier: identifier), MemberDetails.Counts, ct);
        return found.Match<IResult>(
            view => TypedResults.Json(UserModel.From(view, caller.OrganizationSlug), WavefrontJson.Default.UserModel, WavefrontErrors.MediaType),
            _ => new ErrorResult(WavefrontErrors.UserUnknown(id)));
    }

    // Several people in, one superset out: the first invited on top, all in "response". Those who are members already are left alone and named.
    private static async Task<IResult> InviteAsync(HttpRequest request, Caller caller, InvitationService invitations, CancellationToken ct)
    {
        var body = await JsonBody.ReadAsync(request, ct);
        if (!body.TryGet(out var document, out var refused)) return new ErrorResult(refused);
        if (!TryRead(document, out var rows, out var fault)) return new ErrorResult(fault);
        var outcomes = await invitations.InviteAsync(caller.Actor, rows, Invite, ct);
        for (var i = 0; i < outcomes.Count; i++)
            if (outcomes[i].Error is { } error) return new ErrorResult(error.Code == InvitationErrors.EmailInvalid.Code ? WavefrontErrors.EmailInvalid(rows.Select(r => r.Email).First(e => !EmailAddress.TryCanonical(e, out _))) : error);

        List<Invited> all = [.. outcomes.Select(o => o.Value)];
        List<Invited> invited = [.. all.Where(o => o.Outcome is InviteOutcome.Invited)];
        if (invited is []) return new ErrorResult(WavefrontErrors.UserExists(rows[0].Email));
        var status = Status(all, rows);
        var users = invited.ConvertAll(i => UserModel.From(new(i.Member, i.Graph), caller.OrganizationSlug));
        return TypedResults.Json(InvitedUsers.From(users, status), WavefrontJson.Default.InvitedUsers, WavefrontErrors.MediaType, status.Code);
    }

    private static ResponseStatus Status(List<Invited> outcomes, List<NewInvitation> rows)
    {
        List<string> parts = [];
        Name("Existing users", outcomes.Zip(rows).Where(pair => pair.First.Outcome is InviteOutcome.Skipped).Select(pair => pair.Second.Email));
        Name("Invalid user groups", Ignored("groups"));
        Name("Invalid roles", Ignored("roles"));
        return parts is [] ? new("OK", "", StatusCodes.Status200OK) : new("OK", string.Join("; ", parts), StatusCodes.Status202Accepted);

        IEnumerable<string> Ignored(string set) => outcomes.Where(o => o.Outcome is InviteOutcome.Invited).SelectMany(o => o.Ignored).Where(i => i.Set == set).Select(i => i.Text);

        void Name(string what, IEnumerable<string> which)
        {
            if (string.Join(", ", which.Distinct().Select(WavefrontErrors.Shown)) is { Length: > 0 } list) parts.Add($"{what} found and ignored [{list}]");
        }
    }

    // Source: "Invite Users", UserToCreate. Without "groups" the organization's defaults are given, with [] none; without "userGroups", or with [], the default groups.
    private static bool TryRead(JsonElement document, out List<NewInvitation> rows, [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out Error? fault)
    {
        (rows, fault) = ([], null);
        if (document is not { IsArray: true } || document.GetArrayLength() is 0)
        {
            fault = WavefrontErrors.BodyInvalid;
            return false;
        }

        foreach (var user in document.EnumerateArray())
        {
            if (user.Member("emailAddress")?.Text is not { Length: > 0 } email) fault ??= WavefrontErrors.Fault("emailAddress is required");
            else if (!TryStrings(user, "groups", out var permissions)) fault ??= WavefrontErrors.Fault("groups must be an array of permission names");
            else if (!TryStrings(user, "userGroups", out var groups)) fault ??= WavefrontErrors.Fault("userGroups must be an array of group ids");
            else if (!TryStrings(user, "roles", out var roles)) fault ??= WavefrontErrors.Fault("roles must be an array of role ids");
            else
            {
                rows.Add(new(email)
                {
                    Permissions = permissions?.FindAll(p => p is not Browse), Groups = groups is null or [] ? null : groups.ConvertAll(Reference),
                    Roles = roles?.ConvertAll(Reference) ?? [],
                });
            }
        }

        return fault is null;
    }

    private static bool TryStrings(JsonElement user, string name, out List<string>? values)
    {
        values = null;
        if (user.Member(name) is not { } member) return true;
        if (member is not { IsArray: true }) return false;
        values = [];
        foreach (var element in member.EnumerateArray())
        {
            if (element.Text is not { } text) return false;
            values.Add(text);
        }

        return true;
    }

    private static Reference Reference(string text) => new(text, Guid.TryParseExact(text, "D", out var id) ? id : null);

    private static string? Identifier(string id)
    {
        const string service = "sa::";
        id = id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase); // of a path the framework decodes all but the slash
        if (id.StartsWith(service, StringComparison.OrdinalIgnoreCase)) return id.ToLowerInvariant();
        return EmailAddress.TryCanonical(id, out var canonical) ? canonical : null;
    }
}
