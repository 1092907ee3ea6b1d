using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Errors;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>Users: the members that are persons.</summary>
internal static class DeployHqUsers
{
    // A second invite is a conflict, because there is a separate call to resend.
    private static readonly InviteOptions Invite = new(
        OnPending.Refuse, OnActive.Refuse, OnRemoved.New, SendMail: true, UnknownReferences.Refuse);

    private static readonly MemberUpdateOptions Change = new(
        UnknownReferences.Refuse, GrantsByAdminsOnly: true, AdminsShowAll: true, AllResourcesReplaceLevels: true);

    private static readonly MemberRemoveOptions Remove = new(RefuseAdmins: true, RefuseSelf: true);

    public static void MapDeployHqUsers(this RouteGroupBuilder users)
    {
        users.MapGet("", List);
        users.MapPost("", InviteAsync);
        users.MapGet("/{identifier}", GetAsync);
        users.MapMethods("/{identifier}", DeployHqDialect.Update, UpdateAsync);
        users.MapDelete("/{identifier}", RemoveAsync);
        users.MapPost("/{identifier}/resend_invitation", ResendAsync);
    }

    private static IResult List(Caller caller, MemberService members, CancellationToken ct) => TypedResults.Json(
        members.StreamAsync(caller.Actor, MemberOrder.Number, MemberDetails.None, ct)
            .Select(view => UserDocument.From(view.Member, caller.OrganizationTimeZone)),
        DeployHqJson.Default.IAsyncEnumerableUserDocument);

    private static async Task<IResult> GetAsync(
        string identifier, Caller caller, MemberService members, CancellationToken ct) =>
        (await FindAsync(identifier, caller, members, ct)).ToHttp(member => Shown(member, caller));

    // Source: "Invite a new user" and the vendor's OpenAPI document: 201. Flags that are not given are false.
    private static async Task<IResult> InviteAsync(
        HttpRequest request, Caller caller, InvitationService invitations, CancellationToken ct)
    {
        if (!(await DeployHqForm.ReadAsync(request, "user", ct)).TryGet(out var form, out var refused))
            return new ErrorResult(refused);
        var (firstName, lastName, email, zone) = (
            form.Filled("first_name", required: true), form.Text("last_name"),
            form.Filled("email_address", required: true), form.Text("time_zone"));
        var (admin, permissions, all) = (
            form.Flag("account_administrator"), form.Permissions(), form.Flag("all_projects_allowed"));
        if (form.Faults.Count > 0) return new ErrorResult(form.Faults);
        var row = new NewInvitation(email!)
        {
            FirstName = firstName, LastName = lastName is "" ? null : lastName,
            TimeZone = zone is "" ? null : zone, Role = admin is true ? BuiltInRole.Admin : BuiltInRole.User,
            Permissions = permissions?.Elements ?? [], Groups = null, AllResources = all is true,
        };
        var outcomes = await invitations.InviteAsync(caller.Actor, [row], Invite, ct);
        return outcomes[0].ToHttp(invited => Shown(invited.Member, caller, StatusCodes.Status201Created));
    }

    // Source: "Update an existing user". Only the given members change. A null time zone means none; a null flag is a
    // fault.
    private static async Task<IResult> UpdateAsync(
        string identifier, HttpRequest request, Caller caller, MemberService members, CancellationToken ct)
    {
        if (!(await DeployHqForm.ReadAsync(request, "user", ct)).TryGet(out var form, out var refused))
            return new ErrorResult(refused);
        var zone = form.Text("time_zone");
        var change = new MemberChange
        {
            FirstName = form.Filled("first_name", required: false), LastName = form.Text("last_name"),
            Email = form.Filled("email_address", required: false),
            TimeZone = zone is null ? default(Optional<string>) : zone, IsAdmin = form.Flag("account_administrator"),
            Permissions = form.Permissions(), AllResources = form.Flag("all_projects_allowed"),
        };
        var assignments = form.Assignments();
        if (assignments is not null) change = change with { Levels = assignments, ReplaceLevels = true };
        if (DeployHqDialect.Person(identifier) is not { } key) return new ErrorResult(MemberErrors.NotFound);
        if (form.Faults.Count > 0) return new ErrorResult(form.Faults);
        return (await members.UpdateAsync(caller.Actor, [key], change, Change, ct))
            .ToHttp(changed => Shown(changed.Members[0], caller));
    }

    private static async Task<IResult> RemoveAsync(
        string identifier, Caller caller, MemberService members, CancellationToken ct) =>
        DeployHqDialect.Person(identifier) is { } key
        ? (await members.RemoveAsync(caller.Actor, [key], Remove, ct)).ToHttp(_ => DeployHqDialect.Status("ok"))
        : new ErrorResult(MemberErrors.NotFound);

    private static async Task<IResult> ResendAsync(
        string identifier, Caller caller, MemberService members, InvitationService invitations, CancellationToken ct)
    {
        var found = await FindAsync(identifier, caller, members, ct);
        if (!found.TryGet(out var member, out var refused)) return new ErrorResult(refused);
        return (await invitations.ResendAsync(caller.Actor, member.Id, ct)).ToHttp(_ => DeployHqDialect.Status("ok"));
    }

    private static async Task<Result<Member>> FindAsync(
        string identifier, Caller caller, MemberService members, CancellationToken ct) =>
        DeployHqDialect.Person(identifier) is { } key
        ? (await members.GetAsync(caller.Actor, key, MemberDetails.None, ct))
            .Match(view => view.Member, error => (Result<Member>)error)
        : MemberErrors.NotFound;

    private static IResult Shown(Member member, Caller caller, int? status = null) =>
        TypedResults.Json(
            UserDocument.From(member, caller.OrganizationTimeZone), DeployHqJson.Default.UserDocument,
            statusCode: status);
}
