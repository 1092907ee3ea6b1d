using System.Text.RegularExpressions;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Invitations;

namespace Usher.Core.Members;

/// <summary>
/// A service account to create. It gets the grants listed here and those of its system group. The organization's
/// defaults do not apply.
/// </summary>
/// <param name="Name">1 to 120 characters of a-z, 0-9, '.', '_' and '-', with or without the prefix <c>sa::</c>. Letter
/// case is ignored.</param>
public sealed record NewServiceAccount(string Name)
{
    /// <summary>0 to 1,000 characters.</summary>
    public string Description { get; init; } = "";

    /// <summary>
    /// Whether the account is active. The default is true. API keys of an inactive account do not work.
    /// </summary>
    public bool Active { get; init; } = true;

    public IReadOnlyList<string> Permissions { get; init; } = [];

    public IReadOnlyList<Reference> Groups { get; init; } = [];

    public IReadOnlyList<Reference> Roles { get; init; } = [];
}

/// <summary>
/// Creates service accounts: members that have API keys, no user and no seat. They are changed and removed like other
/// members.
/// </summary>
public sealed partial class ServiceAccountService(
    Database database, PermissionCatalogue catalogue, MemberNumbers numbers, TimeProvider clock)
{
    /// <summary>The prefix of every service account's identifier.</summary>
    public const string Prefix = "sa::";

    /// <summary>The full identifier: lower case, with the prefix. Null if the name is invalid.</summary>
    public static string? Canonical(string name)
    {
        var full = name.Trim().ToLowerInvariant();
        if (!full.StartsWith(Prefix, StringComparison.Ordinal)) full = Prefix + full;
        return Name().IsMatch(full) ? full : null;
    }

    /// <summary>Lists all faults in a new service account.</summary>
    public IEnumerable<Error> Faults(NewServiceAccount given)
    {
        if (Canonical(given.Name) is null) yield return MemberErrors.NameInvalid;
        if (!Text.IsDescription(given.Description)) yield return CommonErrors.DescriptionInvalid;
        foreach (var fault in catalogue.Faults(given.Permissions)) yield return fault;
        if (given.Permissions.Contains(Permissions.TokenManagement)) yield return MemberErrors.NotForServiceAccounts;
    }

    /// <summary>Creates a service account. The actor must hold everything that the account is granted.</summary>
    public async Task<Result<MemberView>> CreateAsync(
        Actor actor, NewServiceAccount given, UnknownReferences unknown, MemberDetails details, CancellationToken ct)
    {
        if (Error.Of(Faults(given)) is { } fault) return fault;
        var identifier = Canonical(given.Name)!;
        var number = await numbers.TakeAsync(1, ct);

        return await database.RunAsync<Result<MemberView>>(async unit =>
        {
            var query = new AccessQuery(actor.OrganizationId)
            {
                Identifiers = [identifier], Details = details,
            };
            if (await AccessGraph.TrackAsync(
                    unit, ReferenceReader.With(query.With(actor), given.Groups, given.Roles), ct) is not { } graph)
                return MemberErrors.NotFound;
            var today = graph.Today(actor);
            if (!graph.MayManageUsers(today)) return CommonErrors.NotAllowed;
            if (graph.Member(identifier) is { IsLive: true }) return CommonErrors.NameTaken;
            var named = new ReferenceReader(graph, unknown);
            var (groups, roles) = (named.Groups(given.Groups), named.Roles(given.Roles));
            if (named.Refused is { } refused) return refused;
            if (!graph.HasRoom(null, groups.Select(g => g.Id), roles.Select(r => r.Id)))
                return MemberErrors.TooManyGrants;

            var now = clock.Now();
            var member = new Member
            {
                OrganizationId = actor.OrganizationId, Id = Uuid.Create(now), Number = number, Identifier = identifier,
                FirstName = identifier[Prefix.Length..],
                Description = given.Description, Kind = MemberKind.Service, Status = given.Active
                    ? MemberStatus.Active
                    : MemberStatus.Suspended, CreatedAt = now,
            };
            member.Give(BuiltInRole.User, actor, now);
            foreach (var permission in given.Permissions) member.Give(permission, actor, now);
            foreach (var group in groups) member.Give(group, actor, now);
            foreach (var role in roles) member.Give(role, actor, now);
            if (!graph.Pass(GrantingRule.ServiceAccountHeld, graph.Covers(today, member)))
                return CommonErrors.MoreThanYouHold;

            unit.Add(member);
            graph.Add(member);
            unit.Add(UsherEvent.Record(
                EventTypes.MemberCreated, actor, "member", member.Id, now,
                new() { ["identifier"] = identifier, ["permissions"] = string.Join(' ', given.Permissions) }));
            return new MemberView(member, graph);
        }, ct);
    }

    [GeneratedRegex("^sa::[a-z0-9._-]{1,120}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Name();
}
