using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Resources;
using Usher.Core.Users;
using Group = Usher.Core.Groups.Group;

namespace Usher.Core.Organizations;

/// <summary>Why making or changing an organization can be refused.</summary>
public static class OrganizationErrors
{
    public static readonly Error NotAllowed = new(
        ErrorKind.Forbidden, "operator_only", "Only an operator can do this.");
    public static readonly Error AdminsOnly = new(
        ErrorKind.Forbidden, "not_allowed", "Only an administrator can change this.");
    public static readonly Error SettingsOfAdmins = AdminsOnly with
    {
        Message = "Only an administrator can read the settings.",
    };
    public static readonly Error IdentityProviderInvalid = new(
        ErrorKind.Invalid, "identity_provider_invalid", "Must be 1 to 120 characters, without control characters.",
        "external_identity_provider");
    public static readonly Error NotFound = new(
        ErrorKind.NotFound, "organization_not_found", "There is no such organization.");
    public static readonly Error SlugInvalid = new(
        ErrorKind.Invalid, "slug_invalid", "Must be 1 to 63 characters of a-z, 0-9 and inner hyphens.", "slug");
    public static readonly Error SlugTaken = new(
        ErrorKind.Conflict, "slug_taken", "Another organization has this slug.", "slug");
    public static readonly Error NameInvalid = new(
        ErrorKind.Invalid, "name_invalid", "Must be 1 to 120 characters, without control characters.", "name");
    public static readonly Error NotSuspended = new(
        ErrorKind.Conflict, "organization_not_suspended",
        "Suspend the organization before you delete it.");
    public static readonly Error LifetimeInvalid = new(
        ErrorKind.Invalid, "invitation_lifetime_invalid", "Must be 1 hour to 90 days.",
        "invitation_lifetime_seconds");
    public static readonly Error DomainsInvalid = new(
        ErrorKind.Invalid, "email_domains_invalid", "Must be at most 100 domains, such as example.com.",
        "allowed_email_domains");
    public static readonly Error OriginsInvalid = new(
        ErrorKind.Invalid, "return_origins_invalid",
        "Must be at most 100 origins: https:// or http://, a host, and optionally a port.", "return_origins");
    public static readonly Error SeatLimitInvalid = new(
        ErrorKind.Invalid, "seat_limit_invalid", "Must be at least 1.", "seat_limit");
}

/// <summary>An organization to make, with the person it begins with.</summary>
/// <param name="Slug">1 to 63 characters of a-z, 0-9 and inner hyphens.</param>
/// <param name="Name">1 to 120 characters.</param>
/// <param name="OwnerEmail">The first administrator's address.</param>
public sealed record NewOrganization(string Slug, string Name, string OwnerEmail)
{
    public string TimeZone { get; init; } = "Etc/UTC";

    /// <summary>See <see cref="Organization.ExternalIdentityProvider"/>.</summary>
    public string? ExternalIdentityProvider { get; init; }

    public string OwnerFirstName { get; init; } = "";

    public string OwnerLastName { get; init; } = "";

    /// <summary>With it the owner can sign in at once; without, the answer has a link by which he sets it.</summary>
    public string? OwnerPassword { get; init; }

    /// <summary>A key for the owner, 32 to 128 characters of A-Z a-z 0-9 _ -; null makes one.</summary>
    public string? OwnerApiKey { get; init; }

    /// <summary>Names of resources it begins with.</summary>
    public IReadOnlyList<string> Resources { get; init; } = [];
}

/// <summary>A new organization; the secrets are shown here and never again.</summary>
public sealed record CreatedOrganization(
    Organization Organization, Member Owner, string ApiKey, InvitationLink? OwnerLink,
    IReadOnlyList<Resource> Resources);

/// <summary>
/// What to change about an organization. What is left out, or null where null is no value, stays as it is.
/// </summary>
public sealed record OrganizationChange
{
    /// <summary>1 to 120 characters.</summary>
    public string? Name { get; init; }

    /// <summary>TZ database name.</summary>
    public string? TimeZone { get; init; }

    /// <summary>What its identity provider is called, 1 to 120 characters; or none.</summary>
    public Optional<string> ExternalIdentityProvider { get; init; }

    /// <summary>What an invitation that names no permissions gives.</summary>
    public IReadOnlyList<string>? DefaultPermissions { get; init; }

    /// <summary>The groups an invitation that names none puts into: these and no others.</summary>
    public IReadOnlyList<Reference>? DefaultGroups { get; init; }

    /// <summary>How long an invitation stays open, 1 hour to 90 days; null: the installation's setting.</summary>
    public Optional<TimeSpan?> InvitationLifetime { get; init; }

    /// <summary>Domains that may be invited; none: any. At most 100.</summary>
    public IReadOnlyList<string>? AllowedEmailDomains { get; init; }

    /// <summary>
    /// Origins, such as <c>https://app.example.com</c>, a guest may be sent to after joining. At most 100.
    /// </summary>
    public IReadOnlyList<string>? ReturnOrigins { get; init; }

    /// <summary>
    /// How many persons there may be, at least 1; null: any number. The operator's matter. The seats in use are counted
    /// anew; a limit below them stops new invitations only.
    /// </summary>
    public Optional<int?> SeatLimit { get; init; }

    /// <summary>The versions the change is meant for; see <see cref="Precondition"/>.</summary>
    public IReadOnlyCollection<string>? IfMatch { get; init; }

    internal bool NeedsAdmin =>
        Name is not null || TimeZone is not null || ExternalIdentityProvider.IsGiven || InvitationLifetime.IsGiven
            || (AllowedEmailDomains ?? ReturnOrigins) is not null;
}

/// <summary>An organization as its members see it.</summary>
public sealed record OrganizationView(Organization Organization, IReadOnlyList<Group> DefaultGroups, int ResourceCount);

/// <summary>What an invitation gives that names nothing.</summary>
/// <param name="Organization">Whose it is; it has the permissions.</param>
/// <param name="Groups">The groups it puts into.</param>
/// <param name="Graph">To show the groups by.</param>
public sealed record DefaultsView(Organization Organization, IReadOnlyList<Group> Groups, AccessGraph Graph);

/// <summary>Making organizations, and what is set for a whole one. An operator's matter.</summary>
public sealed partial class OrganizationService(
    UsherDb db, MemberNumbers numbers, InvitationMails mails, PasswordService passwords, PermissionCatalogue catalogue,
    TimeProvider clock)
{
    public static bool IsSlug(string text) => Slug().IsMatch(text);

    /// <summary>
    /// Makes an organization with its system groups and its first administrator, who is active from the start, so that
    /// there is never none.
    /// </summary>
    public async Task<Result<CreatedOrganization>> CreateAsync(Actor actor, NewOrganization given, CancellationToken ct)
    {
        if (actor.IsMember) return OrganizationErrors.NotAllowed;
        if (Error.Of(Faults(given)) is { } fault) return fault;
        if (!EmailAddress.TryCanonical(given.OwnerEmail, out var email))
            return InvitationErrors.EmailInvalid.Under("owner");
        if (given.OwnerPassword is { } typed && PasswordRules.Check(typed, email) is { } weak) return weak;
        string? hash = null;
        if (given.OwnerPassword is { } password
                && !(await passwords.HashAsync(password, ct)).TryGet(out hash, out var busy))
            return busy;
        var number = await numbers.TakeAsync(1, ct, db);

        return await db.RunAsync<Result<CreatedOrganization>>(async () =>
        {
            if (await db.Organizations.AnyAsync(o => o.Slug == given.Slug, ct)) return OrganizationErrors.SlugTaken;
            var now = clock.Now();
            var organization = new Organization
            {
                Id = Uuid.Create(now), Slug = given.Slug, Name = Text.Name(given.Name), TimeZone = given.TimeZone,
                ExternalIdentityProvider = given.ExternalIdentityProvider, CreatedAt = now,
                DefinitionsStamp = Guid.NewGuid(),
            };
            var by = actor with { OrganizationId = organization.Id };
            db.Add(organization);
            db.Add(SystemGroupOf(
                organization, SystemGroup.Everyone, "Everyone", "System group which contains all users", now));
            db.Add(SystemGroupOf(
                organization, SystemGroup.ServiceAccounts, "Service Accounts",
                "System group which contains all service accounts", now));
            List<Resource> resources = [];
            foreach (var name in given.Resources)
                resources.Add(ResourceService.New(
                    organization.Id, name, [], resources.Select(r => r.Slug).ToHashSet(StringComparer.Ordinal), now));
            db.AddRange(resources);

            var owner = new Member
            {
                OrganizationId = organization.Id, Id = Uuid.Create(now), Number = number, Identifier = email,
                Email = given.OwnerEmail.Trim(),
                FirstName = Text.Name(given.OwnerFirstName), LastName = Text.Name(given.OwnerLastName),
                Kind = MemberKind.Person, Status = MemberStatus.Active, CreatedAt = now,
            };
            owner.Give(BuiltInRole.Admin, by, now);
            db.Add(owner);
            owner.SponsoredBy(by);
            // A password makes an account only where there is none: an account that is there stays its person's, who
            // joins by the link.
            var makesAccount = hash is not null && !await db.Users.AnyAsync(u => u.NormalizedEmail == email, ct);
            if (makesAccount)
                owner.Bind(db.Add(User.Create(email, proven: true, owner.FirstName, owner.LastName, hash!, now)).Id);
            var link = makesAccount ? null : mails.Mint(db, organization, owner, provesAddress: true, now);
            var (apiKey, secret) = ApiKeyService.New(
                owner, "First key", readOnly: false, expires: null, given.OwnerApiKey, now);
            db.Add(apiKey);
            db.Add(UsherEvent.Record(
                EventTypes.OrganizationCreated, by, "organization", organization.Id, now,
                new() { ["slug"] = organization.Slug, ["owner"] = email }));
            await db.SaveChangesAsync(ct);
            return new CreatedOrganization(organization, owner, secret, link, resources);
        }, ct);
    }

    /// <summary>How an organization is called in links; null when there is none.</summary>
    public Task<string?> SlugOfAsync(Guid id, CancellationToken ct) =>
        db.Organizations.Where(o => o.Id == id).Select(o => o.Slug).SingleOrDefaultAsync(ct);

    /// <summary>The actor's own organization.</summary>
    public async Task<Result<OrganizationView>> GetAsync(Actor actor, CancellationToken ct)
    {
        var found = await db.Organizations.AsNoTracking().Where(o => o.Id == actor.OrganizationId).Select(o => new
        {
            Organization = o,
            Groups = db.Groups.Where(g => g.OrganizationId == o.Id && g.IsDefault).OrderBy(g => g.Id).ToList(),
            Resources = db.Resources.Count(r => r.OrganizationId == o.Id),
        }).SingleOrDefaultAsync(ct);
        return found is null
            ? OrganizationErrors.NotFound
            : new OrganizationView(found.Organization, found.Groups, found.Resources);
    }

    /// <summary>
    /// Changes the actor's own organization. Its name, zone and identity provider are an administrator's matter; what
    /// new members get by default needs <c>user_management</c>, and that the actor holds what comes and what goes.
    /// </summary>
    public async Task<Result<Organization>> UpdateAsync(Actor actor, OrganizationChange change, CancellationToken ct) =>
        (await SaveAsync(actor, change, MemberDetails.None, ct))
            .Match<Result<Organization>>(saved => saved.Organization, error => error);

    /// <summary>The same, answered with what new members get.</summary>
    public Task<Result<DefaultsView>> ChangeAsync(
        Actor actor, OrganizationChange change, MemberDetails details, CancellationToken ct) =>
        SaveAsync(actor, change, details, ct);

    /// <summary>The settings of the actor's organization. For administrators.</summary>
    public async Task<Result<DefaultsView>> GetSettingsAsync(Actor actor, CancellationToken ct) =>
        actor.Access.IsAdmin
            ? await GetDefaultsAsync(actor, MemberDetails.None, ct)
            : OrganizationErrors.SettingsOfAdmins;

    /// <summary>What an invitation gives that names nothing. Needs <c>user_management</c>.</summary>
    public async Task<Result<DefaultsView>> GetDefaultsAsync(
        Actor actor, MemberDetails details, CancellationToken ct) =>
        !actor.May(Permissions.UserManagement)
            ? MemberErrors.NotAllowed
            : await AccessGraph.ReadAsync(db, new(actor.OrganizationId) { Details = details }, ct) is { } graph
            ? Defaults(graph)
            : OrganizationErrors.NotFound;

    /// <summary>Changes that; see <see cref="UpdateAsync"/>.</summary>
    /// <param name="actor">Who does it.</param>
    /// <param name="permissions">Null leaves them.</param>
    /// <param name="groups">Null leaves them.</param>
    /// <param name="details">What the answer shows besides.</param>
    /// <param name="ct">Cancels.</param>
    public Task<Result<DefaultsView>> SetDefaultsAsync(
        Actor actor, IReadOnlyList<string>? permissions, IReadOnlyList<Reference>? groups, MemberDetails details,
        CancellationToken ct) =>
        SaveAsync(actor, new() { DefaultPermissions = permissions, DefaultGroups = groups }, details, ct);

    private static DefaultsView Defaults(AccessGraph graph) =>
        new(graph.Organization, [.. graph.DefaultGroups.OrderBy(g => g.NameKey, Text.KeyOrder)], graph);

    /// <summary>Everything that is wrong with what is to be made, but for the owner's password.</summary>
    public static IEnumerable<Error> Faults(NewOrganization given)
    {
        if (!IsSlug(given.Slug)) yield return OrganizationErrors.SlugInvalid;
        if (!Text.IsFilledName(given.Name)) yield return OrganizationErrors.NameInvalid;
        if (!Text.IsTimeZone(given.TimeZone)) yield return InvitationErrors.TimeZoneUnknown;
        if (given.ExternalIdentityProvider is { } provider && !Text.IsFilledName(provider))
            yield return OrganizationErrors.IdentityProviderInvalid;
        if (!EmailAddress.TryCanonical(given.OwnerEmail, out _))
            yield return InvitationErrors.EmailInvalid.Under("owner");
        if (!Text.IsName(given.OwnerFirstName)) yield return InvitationErrors.FirstNameInvalid.Under("owner");
        if (!Text.IsName(given.OwnerLastName)) yield return InvitationErrors.LastNameInvalid.Under("owner");
        if (given.OwnerApiKey is { } key && !ApiKeyService.IsAcceptable(key))
            yield return ApiKeyErrors.SecretInvalid.Under("owner");
        for (var i = 0; i < given.Resources.Count; i++)
            if (!Text.IsFilledName(given.Resources[i])
                    || given.Resources.Take(i)
                           .Any(r => Text.IsFilledName(r) && Text.Key(r) == Text.Key(given.Resources[i])))
                yield return ResourceErrors.NameInvalid with { Field = $"resources/{i}" };
    }

    /// <summary>Everything that is wrong with a change, whichever organization it is for.</summary>
    public IEnumerable<Error> Faults(OrganizationChange change)
    {
        if (change.Name is { } name && !Text.IsFilledName(name)) yield return OrganizationErrors.NameInvalid;
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
            yield return fault with { Field = "default_" + fault.Field };
    }

    private static string? DomainOf(string text) =>
        EmailAddress.TryCanonical("a@" + text, out var canonical) ? EmailAddress.DomainOf(canonical) : null;

    private static string? OriginOf(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
            && uri is { Scheme: "https" or "http", UserInfo: "", PathAndQuery: "/", Fragment: "" }
            ? uri.GetLeftPart(UriPartial.Authority)
            : null;

    private Task<Result<DefaultsView>> SaveAsync(
        Actor actor, OrganizationChange change, MemberDetails details, CancellationToken ct)
    {
        return change.SeatLimit.IsGiven ? db.RunLockedAsync(OnceAsync, ct) : db.RunAsync(OnceAsync, ct);

        async Task<Result<DefaultsView>> OnceAsync()
        {
            if (Error.Of(Faults(change)) is { } fault) return fault;
            if (change.SeatLimit.IsGiven && actor.IsMember) return OrganizationErrors.NotAllowed;
            var query = new AccessQuery(actor.OrganizationId)
            {
                Details = details, LockOrganization = change.SeatLimit.IsGiven,
            };
            if (await AccessGraph.TrackAsync(
                    db, ReferenceReader.With(query.With(actor), change.DefaultGroups ?? [], []), ct) is not { } graph)
                return OrganizationErrors.NotFound;
            var (today, organization) = (graph.Today(actor), graph.Organization);
            if (Precondition.Refuses(change.IfMatch, organization) is { } outdated) return outdated;
            if (change.NeedsAdmin && !graph.Pass(GrantingRule.SettingsByAdministrators, today.Access.IsAdmin))
                return OrganizationErrors.AdminsOnly;
            if (!change.NeedsAdmin && !graph.MayManageUsers(today)) return MemberErrors.NotAllowed;
            var named = new ReferenceReader(graph, UnknownReferences.Refuse);
            // Of the system's groups everybody is in his anyway.
            Group[] groups = change.DefaultGroups is null
                ? [.. graph.DefaultGroups]
                : [.. named.Groups(change.DefaultGroups).Where(g => g.SystemKind is SystemGroup.None)];
            if (named.Refused is { } unknown)
                return Error.Of(unknown.Also.Prepend(unknown).Select(e =>
                    e with { Field = "default_" + e.Field, Also = [] }))!;

            var permissions = (change.DefaultPermissions ?? organization.DefaultPermissions)
                .Distinct(StringComparer.Ordinal).ToList();
            Group[] moved = [.. groups.Except(graph.DefaultGroups), .. graph.DefaultGroups.Except(groups)];
            var handed = new EffectiveAccess.Builder().Add(permissions.Except(organization.DefaultPermissions))
                .Add(organization.DefaultPermissions.Except(permissions));
            foreach (var group in moved) graph.Confer(handed, group);
            if (!graph.Pass(GrantingRule.DefaultsHeld, today.CanGrant(handed.Build())))
                return InvitationErrors.MoreThanYouHold;

            db.Attach(organization);
            var before = Told(organization);
            organization.Name = change.Name is { } newName ? Text.Name(newName) : organization.Name;
            organization.TimeZone = change.TimeZone ?? organization.TimeZone;
            organization.ExternalIdentityProvider = change.ExternalIdentityProvider.Or(
                organization.ExternalIdentityProvider);
            organization.InvitationLifetimeSeconds = change.InvitationLifetime.IsGiven
                ? (int?)change.InvitationLifetime.Or(null)?.TotalSeconds
                : organization.InvitationLifetimeSeconds;
            if (change.AllowedEmailDomains is { } domains)
                organization.AllowedEmailDomains = [.. domains.Select(d => DomainOf(d)!).Distinct()];
            if (change.ReturnOrigins is { } origins)
                organization.ReturnOrigins = [.. origins.Select(o => OriginOf(o)!).Distinct()];
            if (change.SeatLimit.IsGiven && change.SeatLimit.Or(null) is var limit)
            {
                organization.SeatLimit = limit;
                organization.SeatsUsed = limit is null
                    ? 0
                    : await db.Members.CountAsync(
                        m =>
                            m.OrganizationId == organization.Id && m.Kind == MemberKind.Person
                                && m.Status != MemberStatus.Removed,
                        ct);
            }

            if (!permissions.SequenceEqual(organization.DefaultPermissions, StringComparer.Ordinal))
                organization.DefaultPermissions = permissions;
            foreach (var edited in moved.Select(g => graph.Edit(g.Id)!))
            {
                db.Attach(edited);
                edited.IsDefault = !edited.IsDefault;
            }

            var after = Told(organization);
            if (before == after && moved is []) return Defaults(graph);
            db.Add(
                UsherEvent.Record(
                    EventTypes.OrganizationUpdated, actor, "organization", organization.Id, clock.Now(), new()
            {
                ["before"] = $"{before}", ["after"] = $"{after}",
                ["default_groups"] = string.Join(", ", groups.Select(g => g.Name)),
            }));
            await db.SaveChangesAsync(ct);
            return Defaults(graph);
        }

        static string Told(Organization o) =>
            string.Join(" | ", o.Name, o.TimeZone, o.ExternalIdentityProvider, o.InvitationLifetimeSeconds, o.SeatLimit,
            string.Join(' ', o.DefaultPermissions), string.Join(' ', o.AllowedEmailDomains),
            string.Join(' ', o.ReturnOrigins));
    }

    /// <summary>Sets or lifts the seat limit; see <see cref="OrganizationChange.SeatLimit"/>.</summary>
    public Task<Result<Organization>> SetSeatLimitAsync(Actor actor, int? limit, CancellationToken ct) =>
        UpdateAsync(actor, new() { SeatLimit = limit }, ct);

    /// <summary>A run of the installation's organizations, oldest first. For operators.</summary>
    public async Task<Result<IReadOnlyList<Organization>>> PageAsync(
        Actor actor, Guid? after, int limit, CancellationToken ct)
    {
        if (actor.IsMember) return OrganizationErrors.NotAllowed;
        return await db.Organizations.AsNoTracking().Where(o => after == null || o.Id > after).OrderBy(o => o.Id)
            .Take(limit).ToListAsync(ct);
    }

    /// <summary>
    /// While it is suspended nobody's key or session acts in it, and no link of it opens. Nothing is lost. For
    /// operators.
    /// </summary>
    public Task<Result<Organization>> SuspendAsync(
        Actor actor, bool suspended, IReadOnlyCollection<string>? ifMatch, CancellationToken ct) =>
        db.RunAsync<Result<Organization>>(async () =>
    {
        if (actor.IsMember) return OrganizationErrors.NotAllowed;
        if (await db.Organizations.SingleOrDefaultAsync(o => o.Id == actor.OrganizationId, ct) is not { } organization)
            return OrganizationErrors.NotFound;
        if (Precondition.Refuses(ifMatch, organization) is { } outdated) return outdated;
        if (suspended == organization.SuspendedAt is not null) return organization;
        var now = clock.Now();
        organization.SuspendedAt = suspended ? now : null;
        db.Add(UsherEvent.Record(
            suspended ? EventTypes.OrganizationSuspended : EventTypes.OrganizationResumed, actor, "organization",
            organization.Id, now));
        await db.SaveChangesAsync(ct);
        return organization;
    }, ct);

    /// <summary>
    /// Deletes an organization and every row of it, its events included; that it was deleted is recorded by the
    /// installation. Only one that is suspended: then nobody is at work in it. People keep their sign-ins. For
    /// operators.
    /// </summary>
    /// <returns>How many rows of each table went.</returns>
    public Task<Result<Dictionary<string, int>>> DeleteAsync(
        Actor actor, IReadOnlyCollection<string>? ifMatch, CancellationToken ct) =>
        db.RunLockedAsync<Result<Dictionary<string, int>>>(async () =>
    {
        if (actor.IsMember) return OrganizationErrors.NotAllowed;
        await db.LockAsync(actor.OrganizationId, [], [], organizationToo: true, ct);
        if (await db.Organizations.SingleOrDefaultAsync(o => o.Id == actor.OrganizationId, ct) is not { } organization)
            return OrganizationErrors.NotFound;
        if (Precondition.Refuses(ifMatch, organization) is { } outdated) return outdated;
        if (organization.SuspendedAt is null) return OrganizationErrors.NotSuspended;
        var gone = await db.DeleteOrganizationAsync(organization.Id, ct);
        db.Remove(organization);
        db.Add(UsherEvent.Record(
            EventTypes.OrganizationDeleted, actor with { OrganizationId = Organization.Installation }, "organization",
            organization.Id, clock.Now(), new() { ["slug"] = organization.Slug, ["name"] = organization.Name }));
        await db.SaveChangesAsync(ct);
        return gone;
    }, ct);

    private static Group SystemGroupOf(
        Organization organization, SystemGroup kind, string name, string description, DateTimeOffset now) =>
        new()
    {
        OrganizationId = organization.Id, Id = Uuid.Create(now), Name = name, NameKey = Text.Key(name),
        Description = description, SystemKind = kind, CreatedAt = now,
    };

    [GeneratedRegex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Slug();
}
