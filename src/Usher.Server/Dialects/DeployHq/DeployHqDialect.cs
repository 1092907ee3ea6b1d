using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Auth;
using Usher.Server.Errors;
using Usher.Server.Json;

namespace Usher.Server.Dialects.DeployHq;

/// <summary>DeployHQ's users API over the core. What is matched and what differs: docs/dialects/deployhq.md.</summary>
public static class DeployHqDialect
{
    /// <summary>Where a host name says an account, it must be the key's.</summary>
    public const string HostPolicy = "deployhq-host";

    private static readonly InviteOptions Invite = new(OnPending.Refuse, OnActive.Refuse, OnRemoved.New, SendMail: true, UnknownReferences.Refuse);

    // The flags that are permissions.
    private static readonly (string Member, string Permission)[] Flags =
    [
        ("can_manage_users", Permissions.UserManagement), ("can_manage_billing", Permissions.BillingManagement),
        ("can_create_projects", Permissions.ResourceCreation), ("can_manage_agents", Permissions.AgentManagement),
    ];

    public static void AddDeployHq(this IServiceCollection services) => services.AddAuthorizationBuilder().AddPolicy(HostPolicy, policy => policy
        .AddAuthenticationSchemes(KeyAuthentication.Scheme).AddRequirements(new RequireCaller(MemberErrors.NotFound, IsAccountOfHost)));

    public static void MapDeployHq(this RouteGroupBuilder deployHq)
    {
        deployHq.WithTags("DeployHQ").RequireAuthorization(Policies.Key, HostPolicy, Policies.UserManagement);
        deployHq.MapGet("", List);
        deployHq.MapPost("", InviteAsync);
        deployHq.MapGet("/{identifier}", GetAsync);
        deployHq.MapPost("/{identifier}/resend_invitation", ResendAsync);
    }

    private static IResult List(Caller caller, MemberService members, CancellationToken ct) => TypedResults.Json(
        members.StreamAsync(caller.Actor, MemberOrder.Number, MemberDetails.None, ct).Select(view => UserDocument.From(view.Member, caller.OrganizationTimeZone)),
        DeployHqJson.Default.IAsyncEnumerableUserDocument);

    private static async Task<IResult> GetAsync(string identifier, Caller caller, MemberService members, CancellationToken ct) =>
        (await FindAsync(identifier, caller, members, ct)).ToHttp(member => TypedResults.Json(UserDocument.From(member, caller.OrganizationTimeZone), DeployHqJson.Default.UserDocument));

    // 201, by the vendor's OpenAPI document. A second invite is a conflict: there is a call of its own to resend.
    private static async Task<IResult> InviteAsync(HttpRequest request, Caller caller, InvitationService invitations, CancellationToken ct)
    {
        var body = await JsonBody.ReadAsync(request, ct);
        if (!body.TryGet(out var document, out var refused)) return new ErrorResult(refused);
        if (document.Member("user") is not { IsObject: true } user) return new ErrorResult(DeployHqErrors.WrapperMissing("user"));
        if (!TryRead(user, out var row, out var faults)) return new ErrorResult(faults);
        var outcomes = await invitations.InviteAsync(caller.Actor, [row], Invite, ct);
        return outcomes[0].ToHttp(invited => TypedResults.Json(
            UserDocument.From(invited.Member, caller.OrganizationTimeZone), DeployHqJson.Default.UserDocument, statusCode: StatusCodes.Status201Created));
    }

    private static async Task<IResult> ResendAsync(string identifier, Caller caller, MemberService members, InvitationService invitations, CancellationToken ct)
    {
        var found = await FindAsync(identifier, caller, members, ct);
        if (!found.TryGet(out var member, out var refused)) return new ErrorResult(refused);
        return (await invitations.ResendAsync(caller.Actor, member.Id, ct)).ToHttp(_ => TypedResults.Json(new StatusDocument("ok"), DeployHqJson.Default.StatusDocument));
    }

    // The UUID is documented; one client builds addresses from the numeric id.
    private static async Task<Result<Member>> FindAsync(string identifier, Caller caller, MemberService members, CancellationToken ct)
    {
        MemberKey? key = Guid.TryParseExact(identifier, "D", out var id) ? new(Id: id)
            : long.TryParse(identifier, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? new(Number: number) : null;
        if (key is not { } known) return MemberErrors.NotFound;
        return (await members.GetAsync(caller.Actor, known, MemberDetails.None, ct)).Match(
            view => view.Member.Kind is MemberKind.Person ? view.Member : (Result<Member>)MemberErrors.NotFound, error => error);
    }

    // Source: "Invite a new user". Flags that are not given are false; all faults are told at once.
    private static bool TryRead(JsonElement user, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out NewInvitation? row, out List<Error> faults)
    {
        List<Error> found = [];
        var firstName = Text("first_name", required: true);
        var lastName = Text("last_name", required: false);
        var email = Text("email_address", required: true);
        var zone = Text("time_zone", required: false);
        var admin = Flag("account_administrator");
        List<string> permissions = [.. Flags.Where(f => Flag(f.Member)).Select(f => f.Permission)];
        var all = Flag("all_projects_allowed");
        (row, faults) = (null, found);
        if (found.Count > 0) return false;
        row = new(email!)
        {
            FirstName = firstName, LastName = lastName, TimeZone = zone, Role = admin ? BuiltInRole.Admin : BuiltInRole.User,
            Permissions = permissions, Groups = null, AllResources = all,
        };
        return true;

        string? Text(string member, bool required)
        {
            if (user.Member(member) is { } given)
            {
                if (given.Text is not { } text) found.Add(DeployHqErrors.Fault(member, "is invalid"));
                else if (!string.IsNullOrWhiteSpace(text)) return text;
                else if (required) found.Add(DeployHqErrors.Fault(member, "can't be blank"));
            }
            else if (required) found.Add(DeployHqErrors.Fault(member, "can't be blank"));

            return null;
        }

        bool Flag(string member)
        {
            if (!user.Has(member)) return false;
            if (LooseBoolean.Read(user.Member(member)) is { } value) return value;
            found.Add(DeployHqErrors.Fault(member, "is not included in the list"));
            return false;
        }
    }

    // Only below the configured domain, or below localhost, does a host's first label say an account.
    private static bool IsAccountOfHost(Caller caller, HttpContext http)
    {
        if (http.RequestServices.GetRequiredService<IOptions<DialectsOptions>>().Value.DeployHq.Domain is not { Length: > 0 } domain) return true;
        var host = http.Request.Host.Host;
        var parent = new[] { domain, "localhost" }.FirstOrDefault(d => host.EndsWith("." + d, StringComparison.OrdinalIgnoreCase));
        return parent is null || host[..^(parent.Length + 1)].Equals(caller.OrganizationSlug, StringComparison.OrdinalIgnoreCase);
    }
}

/// <summary>Booleans as a Rails application takes them: one of the vendor's clients can send only strings and numbers.</summary>
internal static class LooseBoolean
{
    public static bool? Read(JsonElement? value) => value?.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => value.Value.GetRawText() switch { "1" => true, "0" => false, _ => null },
        JsonValueKind.String => value.Value.Text switch { "1" or "true" => true, "0" or "false" => false, _ => null },
        _ => null,
    };
}
