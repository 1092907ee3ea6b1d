using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Group = Usher.Core.Groups.Group;

namespace Usher.Core.Organizations;

/// <summary>The settings of an organization, and the defaults of its invitations.</summary>
public sealed partial class OrganizationService
{
    /// <summary>
    /// Changes the actor's own organization. Defaults of invitations need <c>user_management</c>, and the actor must
    /// hold everything that is added or removed. The seat limit is for operators. All other settings are for
    /// administrators.
    /// </summary>
    public async Task<Result<Organization>> UpdateAsync(Actor actor, OrganizationChange change, CancellationToken ct) =>
        (await SaveAsync(actor, change, MemberDetails.None, ct))
            .Match<Result<Organization>>(saved => saved.Organization, error => error);

    /// <summary>Like <see cref="UpdateAsync"/>, but returns the defaults of invitations.</summary>
    public Task<Result<DefaultsView>> ChangeAsync(
        Actor actor, OrganizationChange change, MemberDetails details, CancellationToken ct) =>
        SaveAsync(actor, change, details, ct);

    /// <summary>Reads the settings of the actor's organization. For administrators.</summary>
    public async Task<Result<DefaultsView>> GetSettingsAsync(Actor actor, CancellationToken ct) =>
        actor.Access.IsAdmin
            ? await GetDefaultsAsync(actor, MemberDetails.None, ct)
            : OrganizationErrors.SettingsOfAdmins;

    /// <summary>Reads the defaults of invitations. Needs <c>user_management</c>.</summary>
    public async Task<Result<DefaultsView>> GetDefaultsAsync(
        Actor actor, MemberDetails details, CancellationToken ct) =>
        !actor.May(Permissions.UserManagement)
            ? CommonErrors.NotAllowed
            : await AccessGraph.ReadAsync(db, new(actor.OrganizationId) { Details = details }, ct) is { } graph
            ? Defaults(graph)
            : OrganizationErrors.NotFound;

    /// <summary>Changes the defaults of invitations; see <see cref="UpdateAsync"/>.</summary>
    /// <param name="actor">The actor that changes them.</param>
    /// <param name="permissions">The default permissions; null keeps them.</param>
    /// <param name="groups">The default groups; null keeps them.</param>
    /// <param name="details">What the answer includes besides the defaults.</param>
    /// <param name="ct">Cancels the operation.</param>
    public Task<Result<DefaultsView>> SetDefaultsAsync(
        Actor actor, IReadOnlyList<string>? permissions, IReadOnlyList<Reference>? groups, MemberDetails details,
        CancellationToken ct) =>
        SaveAsync(actor, new() { DefaultPermissions = permissions, DefaultGroups = groups }, details, ct);

    private static DefaultsView Defaults(AccessGraph graph) =>
        new(graph.Organization, [.. graph.DefaultGroups.OrderBy(g => g.NameKey, Text.KeyOrder)], graph);

    /// <summary>Sets or removes the seat limit; see <see cref="OrganizationChange.SeatLimit"/>.</summary>
    public Task<Result<Organization>> SetSeatLimitAsync(Actor actor, int? limit, CancellationToken ct) =>
        UpdateAsync(actor, new() { SeatLimit = limit }, ct);

    /// <summary>Lists all faults in a change that do not depend on the organization.</summary>
    public IEnumerable<Error> Faults(OrganizationChange change)
    {
        if (change.Name is { } name && !Text.IsFilledName(name)) yield return CommonErrors.NameInvalid;
        if (change.TimeZone is { } zone && !Text.IsTimeZone(zone)) yield return InvitationErrors.TimeZoneUnknown;
        if (change.ExternalIdentityProvider.Or(null) is { } provider && !Text.IsFilledName(provider))
            yield return OrganizationErrors.IdentityProviderInvalid;
        if (change.InvitationLifetime.Or(null) is { } lifetime
                && (lifetime < InvitationOptions.Shortest || lifetime > InvitationOptions.Longest))
            yield return OrganizationErrors.LifetimeInvalid;
        if (change.SeatLimit.Or(null) is < 1) yield return OrganizationErrors.SeatLimitInvalid;
        if (change.AllowedEmailDomains is { } domains && (domains.Count > 100 || domains.Any(d => DomainOf(d) is null)))
            yield return OrganizationErrors.DomainsInvalid;
        if (change.ReturnOrigins is { } origins && (origins.Count > 100 || origins.Any(o => OriginOf(o) is null)))
            yield return OrganizationErrors.OriginsInvalid;
        foreach (var fault in catalogue.Faults(change.DefaultPermissions ?? []))
            yield return fault with { Field = $"default_{fault.Field}" };
    }

    private static string? DomainOf(string text) =>
        EmailAddress.TryCanonical("a@" + text, out var canonical) ? EmailAddress.DomainOf(canonical) : null;

    private static string? OriginOf(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
            && uri is { Scheme: "https" or "http", UserInfo: "", PathAndQuery: "/", Fragment: "" }
            ? uri.GetLeftPart(UriPartial.Authority)
            : null;

    // The seats are counted under lock when a limit is set.
    private Task<Result<DefaultsView>> SaveAsync(
        Actor actor, OrganizationChange change, MemberDetails details, CancellationToken ct)
    {
        return change.SeatLimit.IsGiven ? database.RunLockedAsync(OnceAsync, ct) : database.RunAsync(OnceAsync, ct);

        Task<Result<DefaultsView>> OnceAsync(Unit unit) => SaveAsync(unit, actor, change, details, ct);
    }

    private async Task<Result<DefaultsView>> SaveAsync(
        Unit unit, Actor actor, OrganizationChange change, MemberDetails details, CancellationToken ct)
    {
        if (Error.Of(Faults(change)) is { } fault) return fault;
        if (change.SeatLimit.IsGiven && actor.IsMember) return OrganizationErrors.NotAllowed;
        var query = ReferenceReader.With(
            new AccessQuery(actor.OrganizationId) { Details = details, LockOrganization = change.SeatLimit.IsGiven }
                .With(actor),
            change.DefaultGroups ?? [], []);
        if (await AccessGraph.TrackAsync(unit, query, ct) is not { } graph) return OrganizationErrors.NotFound;
        if (Refuses(graph, graph.Today(actor), change) is { } refused) return refused;
        if (!DefaultGroupsOf(graph, change).TryGet(out var groups, out var unknown)) return unknown;

        var organization = graph.Organization;
        var permissions = (change.DefaultPermissions ?? organization.DefaultPermissions)
            .Distinct(StringComparer.Ordinal).ToList();
        Group[] moved = [.. groups.Except(graph.DefaultGroups), .. graph.DefaultGroups.Except(groups)];
        if (!HoldsDifference(graph, actor, permissions, moved)) return CommonErrors.MoreThanYouHold;

        db.Attach(organization);
        var before = Describe(organization);
        Apply(organization, change);
        if (change.SeatLimit.IsGiven) await SetSeatLimitAsync(organization, change.SeatLimit.Or(null), ct);
        if (!permissions.SequenceEqual(organization.DefaultPermissions, StringComparer.Ordinal))
            organization.DefaultPermissions = permissions;
        foreach (var edited in moved.Select(g => graph.Edit(g.Id)!))
        {
            db.Attach(edited);
            edited.IsDefault = !edited.IsDefault;
        }

        var after = Describe(organization);
        if (before == after && moved is []) return Defaults(graph);
        unit.Add(UsherEvent.Record(
            EventTypes.OrganizationUpdated, actor, "organization", organization.Id, clock.Now(), new()
            {
                ["before"] = before, ["after"] = after,
                ["default_groups"] = string.Join(", ", groups.Select(g => g.Name)),
            }));
        return Defaults(graph);
    }

    private static Error? Refuses(AccessGraph graph, Actor today, OrganizationChange change)
    {
        if (Precondition.Refuses(change.IfMatch, graph.Organization) is { } outdated) return outdated;
        if (change.NeedsAdmin)
            return graph.Pass(GrantingRule.SettingsByAdministrators, today.Access.IsAdmin)
                ? null
                : OrganizationErrors.AdminsOnly;
        return graph.MayManageUsers(today) ? null : CommonErrors.NotAllowed;
    }

    // Membership of the system groups is implied for everyone.
    private static Result<List<Group>> DefaultGroupsOf(AccessGraph graph, OrganizationChange change)
    {
        if (change.DefaultGroups is null) return graph.DefaultGroups.ToList();
        var named = new ReferenceReader(graph, UnknownReferences.Refuse);
        List<Group> groups = [.. named.Groups(change.DefaultGroups).Where(g => g.SystemKind is SystemGroup.None)];
        return named.Refused is not { } unknown
            ? groups
            : Error.Of(unknown.Also.Prepend(unknown).Select(e =>
                e with { Field = $"default_{e.Field}", Also = [] }))!;
    }

    // Whatever new members get in addition, and whatever they no longer get, the actor must hold.
    private static bool HoldsDifference(
        AccessGraph graph, Actor actor, List<string> permissions, IReadOnlyList<Group> moved)
    {
        var present = graph.Organization.DefaultPermissions;
        var difference = new EffectiveAccess.Builder().Add(permissions.Except(present)).Add(
            present.Except(permissions));
        foreach (var group in moved) graph.Confer(difference, group);
        return graph.Pass(GrantingRule.DefaultsHeld, graph.Today(actor).CanGrant(difference.Build()));
    }

    private static void Apply(Organization organization, OrganizationChange change)
    {
        if (change.Name is { } name) organization.Name = Text.Name(name);
        organization.TimeZone = change.TimeZone ?? organization.TimeZone;
        organization.ExternalIdentityProvider = change.ExternalIdentityProvider.Or(
            organization.ExternalIdentityProvider);
        if (change.InvitationLifetime.IsGiven)
            organization.InvitationLifetimeSeconds = (int?)change.InvitationLifetime.Or(null)?.TotalSeconds;
        if (change.AllowedEmailDomains is { } domains)
            organization.AllowedEmailDomains = [.. domains.Select(d => DomainOf(d)!).Distinct()];
        if (change.ReturnOrigins is { } origins)
            organization.ReturnOrigins = [.. origins.Select(o => OriginOf(o)!).Distinct()];
    }

    // Seats are counted only where there is a limit.
    private async Task SetSeatLimitAsync(Organization organization, int? limit, CancellationToken ct)
    {
        organization.SeatLimit = limit;
        organization.SeatsUsed = limit is null ? 0 : await db.Members.CountAsync(
            m => m.OrganizationId == organization.Id && m.Kind == MemberKind.Person
                && m.Status != MemberStatus.Removed, ct);
    }

    private static string Describe(Organization o) => string.Join(
        " | ", o.Name, o.TimeZone, o.ExternalIdentityProvider, o.InvitationLifetimeSeconds, o.SeatLimit,
        string.Join(' ', o.DefaultPermissions), string.Join(' ', o.AllowedEmailDomains),
        string.Join(' ', o.ReturnOrigins));
}
