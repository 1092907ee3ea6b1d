using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;
using static Usher.Server.Dialects.Wavefront.WavefrontAnswers;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>
/// The fifteen "User Operations". Except for the list, which contains only persons, they work on service accounts too.
/// </summary>
internal static class WavefrontUsers
{
    public static readonly MemberUpdateOptions Update = new(UnknownReferences.Ignore, Details: MemberDetails.Counts);

    private static readonly InviteOptions InviteOne =
        new(
            OnPending.Refuse, OnActive.Refuse, OnRemoved.New, SendMail: false, UnknownReferences.Ignore,
            AllOrNothing: true, MemberDetails.Counts);

    private static readonly InviteOptions InviteOthers = InviteOne with
    {
        OnPending = OnPending.Skip, OnActive = OnActive.Skip,
    };

    public static void MapUsers(this RouteGroupBuilder wavefront)
    {
        wavefront.MapGet("/user/{id}", GetAsync);
        wavefront.MapGet("/user/{id}/businessFunctions", GetFunctionsAsync);
        var managed = wavefront.Managed();
        managed.MapGet("/user", List);
        managed.MapPost("/user", CreateAsync);
        managed.MapPost("/user/invite", InviteAsync);
        managed.MapPost("/user/deleteUsers", DeleteSeveralAsync);
        managed.MapPost("/user/validateUsers", ValidateAsync).OnlyReads();
        managed.MapPost("/user/grant/{permission}", GrantToSeveral(SetChangeKind.Add));
        managed.MapPost("/user/revoke/{permission}", GrantToSeveral(SetChangeKind.Remove));
        managed.MapPut("/user/{id}", UpdateAsync);
        managed.MapDelete("/user/{id}", DeleteAsync);
        managed.MapPost("/user/{id}/addUserGroups", Groups(SetChangeKind.Add));
        managed.MapPost("/user/{id}/removeUserGroups", Groups(SetChangeKind.Remove));
        managed.MapPost("/user/{id}/grant", Grant(SetChangeKind.Add));
        managed.MapPost("/user/{id}/revoke", Grant(SetChangeKind.Remove));
    }

    public static async Task<IResult> GetAsync(string id, Caller caller, MemberService members, CancellationToken ct)
    {
        var identifier = WavefrontBody.PathIdentifier(id);
        if (!caller.MayLookAt(identifier)) return new ErrorResult(KeyErrors.NotAllowed);
        if (identifier is null) return new ErrorResult(WavefrontErrors.UserUnknown(id));
        var found = await members.GetAsync(caller.Actor, new(Identifier: identifier), MemberDetails.Counts, ct);
        return found.Match<IResult>(
            view => Bare(UserModel.From(view, caller.OrganizationSlug)),
            error => new ErrorResult(WavefrontErrors.About(id, error)));
    }

    // Several people are invited, and the answer is one superset: the first of them at the top, all in "response".
    // Existing members are left alone and named in the message.
    public static async Task<IResult> InviteAsync(
        HttpRequest request, Caller caller, InvitationService invitations, CancellationToken ct)
    {
        if (!(await JsonBody.ReadAsync(request, ct)).TryGet(out var document, out var refused))
            return new ErrorResult(refused);
        if (!document.IsArray || document.GetArrayLength() is 0) return new ErrorResult(WavefrontErrors.BodyInvalid);
        List<NewInvitation> rows = [];
        foreach (var user in document.EnumerateArray())
        {
            if (!WavefrontBody.User(user).TryGet(out var row, out var fault)) return new ErrorResult(fault);
            rows.Add(row);
        }

        var outcomes = await invitations.InviteAsync(caller.Actor, rows, InviteOthers with { SendMail = true }, ct);
        if (outcomes.FirstOrDefault(o => o.Error is not null) is { Error: { } error })
            return new ErrorResult(
                error.Is(InvitationErrors.EmailInvalid)
                    ? WavefrontErrors.EmailInvalid(rows.Select(r => r.Email).First(e =>
                        !EmailAddress.TryCanonical(e, out _)))
                    : error);

        List<Invited> invited = [.. outcomes.Select(o => o.Value).Where(i => i.Outcome is InviteOutcome.Invited)];
        if (invited is []) return new ErrorResult(WavefrontErrors.UserExists(rows[0].Email));
        var ignored = invited.SelectMany(i => i.Ignored);
        var status = Without(
            (
                "Existing users",
                outcomes.Zip(rows).Where(pair => pair.First.Value.Outcome is InviteOutcome.Skipped)
                    .Select(pair => pair.Second.Email)),
            ("Invalid user groups", Of("groups", ignored)), ("Invalid roles", Of("roles", ignored)));
        var users = invited.ConvertAll(i => UserModel.From(new(i.Member, i.Graph), caller.OrganizationSlug));
        return Superset<IReadOnlyList<UserModel>>(users[0], users, status);
    }

    public static async Task<IResult> UpdateAsync(
        string id, HttpRequest request, Caller caller, MemberService members, CancellationToken ct)
    {
        if (!(await WavefrontBody.ObjectAsync(request, ct)).TryGet(out var document, out var refused))
            return new ErrorResult(refused);
        if (!WavefrontBody.Change(document, id).TryGet(out var change, out var fault)) return new ErrorResult(fault);
        return await ChangeAsync(
            id, WavefrontBody.PathIdentifier(id), caller, members, change, selection => Whole(selection, caller), ct);
    }

    /// <summary>Creates a user. With <paramref name="members"/>, an existing user is updated instead.</summary>
    public static async Task<IResult> SaveAsync(
        HttpRequest request, Caller caller, InvitationService invitations, MemberService? members, CancellationToken ct)
    {
        if (!WavefrontBody.TrySendEmail(request, out var send))
            return new ErrorResult(WavefrontErrors.Fault("sendEmail must be true or false"));
        if (!(await WavefrontBody.ObjectAsync(request, ct)).TryGet(out var document, out var refused))
            return new ErrorResult(refused);
        if (!WavefrontBody.User(document).TryGet(out var row, out var fault)) return new ErrorResult(fault);
        var options = (members is null ? InviteOne : InviteOthers) with { SendMail = send };
        if (!(await invitations.InviteAsync(caller.Actor, [row], options, ct))[0]
                .TryGet(out var invited, out var error))
            return new ErrorResult(WavefrontErrors.About(row.Email, error));
        if (members is not null && invited.Outcome is InviteOutcome.Skipped)
            return await ChangeAsync(
                row.Email, WavefrontBody.Identifier(row.Email), caller, members, WavefrontBody.Change(document, row),
                selection => Whole(selection, caller), ct);
        var user = UserModel.From(new(invited.Member, invited.Graph), caller.OrganizationSlug);
        return Superset(user, user, Without(invited.Ignored));
    }

    public static async Task<IResult> DeleteSeveralAsync(
        HttpRequest request, Caller caller, MemberService members, CancellationToken ct)
    {
        if (!(await WavefrontBody.AccountsAsync(request, ct)).TryGet(out var named, out var fault))
            return new ErrorResult(fault);
        var removed = await members.RemoveAsync(caller.Actor, named.Keys, new(), ct);
        return removed.Match(
            selection =>
                Envelope<IReadOnlyList<string>>([.. selection.Members.Select(m => m.ShownAs)], named.Status(selection)),
            error => new ErrorResult(named.Describe(error)));
    }

    public static async Task<IResult> ValidateAsync(
        HttpRequest request, Caller caller, MemberService members, CancellationToken ct)
    {
        if (!(await WavefrontBody.AccountsAsync(request, ct, mayBeEmpty: true)).TryGet(out var named, out var fault))
            return new ErrorResult(fault);
        var found = await members.FindAsync(caller.Actor, named.Keys, MemberDetails.Counts, ct);
        return found.ToHttp(selection =>
            Envelope(new Validation(Users(selection, caller), [.. named.Unknown(selection)])));
    }

    public static Delegate GrantToSeveral(SetChangeKind kind) =>
        async Task<IResult> (
            string permission, HttpRequest request, Caller caller, MemberService members, CancellationToken ct) =>
        {
            if (!(await WavefrontBody.AccountsAsync(request, ct)).TryGet(out var named, out var fault))
                return new ErrorResult(fault);
            var changed = await members.UpdateAsync(
                caller.Actor, named.Keys, WavefrontBody.Permission(permission, kind), Update, ct);
            if (!changed.TryGet(out var selection, out var error)) return new ErrorResult(named.Describe(error));
            var users = Users(selection, caller);
            return Superset(users[0], users, named.Status(selection));
        };

    /// <summary>
    /// Adds a user to groups or removes them. Unknown groups are ignored as long as one group is known, because the
    /// answer has no place for a message.
    /// </summary>
    public static Delegate Groups(SetChangeKind kind) =>
        async Task<IResult> (
            string id, HttpRequest request, Caller caller, MemberService members, CancellationToken ct) =>
        {
            if (!(await WavefrontBody.IdsAsync(request, ct)).TryGet(out var groups, out var fault))
                return new ErrorResult(fault);
            return await ChangeAsync(
                id, WavefrontBody.PathIdentifier(id), caller, members, new() { Groups = new(groups, kind) },
                selection =>
                    NoneIsKnown(groups, selection)
                        ? new ErrorResult(WavefrontErrors.GroupUnknown(groups[0].Text))
                        : First(selection, caller), ct);
        };

    /// <summary>Adds roles to a user or removes them. Unknown roles are ignored as for groups.</summary>
    public static Delegate Roles(SetChangeKind kind) =>
        async Task<IResult> (
            string id, HttpRequest request, Caller caller, MemberService members, CancellationToken ct) =>
        {
            if (!(await WavefrontBody.IdsAsync(request, ct)).TryGet(out var roles, out var fault))
                return new ErrorResult(fault);
            return await ChangeAsync(
                id, WavefrontBody.PathIdentifier(id), caller, members, new() { Roles = new(roles, kind) },
                selection =>
                    NoneIsKnown(roles, selection)
                        ? new ErrorResult(WavefrontErrors.RoleUnknown(roles[0].Text))
                        : First(selection, caller), ct);
        };

    /// <summary>Changes one account of any kind.</summary>
    /// <param name="id">The identifier as the caller wrote it.</param>
    /// <param name="identifier">The canonical identifier; null where <paramref name="id"/> is not well-formed.</param>
    /// <param name="caller">The caller.</param>
    /// <param name="members">The service that makes the change.</param>
    /// <param name="change">The change.</param>
    /// <param name="answer">Makes the answer from the changed account.</param>
    /// <param name="ct">Cancels the operation.</param>
    public static async Task<IResult> ChangeAsync(
        string id, string? identifier, Caller caller, MemberService members, MemberChange change,
        Func<MemberSelection, IResult> answer, CancellationToken ct)
    {
        if (identifier is null) return new ErrorResult(WavefrontErrors.UserUnknown(id));
        var changed = await members.UpdateAsync(caller.Actor, [new(Identifier: identifier)], change, Update, ct);
        return changed.Match(answer, error => new ErrorResult(WavefrontErrors.About(id, error)));
    }

    public static IResult First(MemberSelection selection, Caller caller) => Bare(Users(selection, caller)[0]);

    // Answers with a bare array of all persons, ordered by identifier, without paging.
    private static IResult List(Caller caller, MemberService members, CancellationToken ct) => TypedResults.Json(
        members.StreamAsync(caller.Actor, MemberOrder.Identifier, MemberDetails.Counts, ct)
            .Select(view => UserModel.From(view, caller.OrganizationSlug)),
        WavefrontJson.Default.IAsyncEnumerableUserModel, WavefrontErrors.MediaType);

    private static Task<IResult> CreateAsync(
        HttpRequest request, Caller caller, InvitationService invitations, CancellationToken ct) =>
        SaveAsync(request, caller, invitations, null, ct);

    // Answers with a body, because one client fails to parse an empty one.
    private static async Task<IResult> DeleteAsync(
        string id, Caller caller, MemberService members, CancellationToken ct)
    {
        if (WavefrontBody.PathIdentifier(id) is not { } identifier)
            return new ErrorResult(WavefrontErrors.UserUnknown(id));
        var removed = await members.RemoveAsync(caller.Actor, [new(Identifier: identifier)], new(), ct);
        return removed.Match(_ => Done(), error => new ErrorResult(WavefrontErrors.About(id, error)));
    }

    private static async Task<IResult> GetFunctionsAsync(
        string id, Caller caller, MemberService members, CancellationToken ct)
    {
        var identifier = WavefrontBody.PathIdentifier(id);
        if (!caller.MayLookAt(identifier)) return new ErrorResult(KeyErrors.NotAllowed);
        if (identifier is null) return new ErrorResult(WavefrontErrors.UserUnknown(id));
        var found = await members.GetAsync(caller.Actor, new(Identifier: identifier), MemberDetails.Counts, ct);
        return found.Match(
            view => Superset(UserModel.From(view, caller.OrganizationSlug), BusinessFunctions.Of(view)),
            error => new ErrorResult(WavefrontErrors.About(id, error)));
    }

    // The only call whose body is a form.
    private static Delegate Grant(SetChangeKind kind) =>
        async Task<IResult> (
            string id, HttpRequest request, Caller caller, MemberService members, CancellationToken ct) =>
        {
            if (!(await WavefrontBody.PermissionAsync(request, ct)).TryGet(out var permission, out var fault))
                return new ErrorResult(fault);
            return await ChangeAsync(
                id, WavefrontBody.PathIdentifier(id), caller, members, WavefrontBody.Permission(permission, kind),
                selection => First(selection, caller), ct);
        };

    private static IResult Whole(MemberSelection selection, Caller caller)
    {
        var user = Users(selection, caller)[0];
        return Superset(user, user, Without(selection.Ignored));
    }

    private static IReadOnlyList<UserModel> Users(MemberSelection selection, Caller caller) =>
        [.. selection.Views.Select(view => UserModel.From(view, caller.OrganizationSlug))];

    private static bool NoneIsKnown(List<Reference> named, MemberSelection selection) =>
        named.Count > 0 && selection.Ignored.Count == named.Count;
}
