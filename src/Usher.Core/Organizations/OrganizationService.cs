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
    public static readonly Error NotAllowed = new(ErrorKind.Forbidden, "operator_only", "Only an operator can do this.");
    public static readonly Error AdminsOnly = new(ErrorKind.Forbidden, "not_allowed", "Only an administrator can change this.");
    public static readonly Error IdentityProviderInvalid = new(ErrorKind.Invalid, "identity_provider_invalid", "1 to 120 characters, none of them a control character.", "external_identity_provider");
    public static readonly Error NotFound = new(ErrorKind.NotFound, "organization_not_found", "There is no such organization.");
    public static readonly Error SlugInvalid = new(ErrorKind.Invalid, "slug_invalid", "1 to 63 characters of a-z, 0-9 and inner hyphens.", "slug");
    public static readonly Error SlugTaken = new(ErrorKind.Conflict, "slug_taken", "Another organization has this slug.", "slug");
    public static readonly Error NameInvalid = new(ErrorKind.Invalid, "name_invalid", "1 to 120 characters, none of them a control character.", "name");
    public static readonly Error SeatLimitInvalid = new(ErrorKind.Invalid, "seat_limit_invalid", "A seat limit is at least 1.", "seat_limit");
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
public sealed record CreatedOrganization(Organization Organization, Member Owner, string ApiKey, InvitationLink? OwnerLink, IReadOnlyList<Resource> Resources);

/// <summary>What to change about an organization. What is left out, or null where null is no value, stays as it is.</summary>
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

    internal bool NeedsAdmin => Name is not null || TimeZone is not null || ExternalIdentityProvider.IsGiven;
}

/// <summary>An organization as its members see it.</summary>
public sealed record OrganizationView(Organization Organization, IReadOnlyList<Group> DefaultGroups, int ResourceCount);

/// <summary>What an invitation gives that names nothing.</summary>
/// <param name="Organization">Whose it is; it has the permissions.</param>
/// <param name="Groups">The groups it puts into.</param>
/// <param name="Graph">To show the groups by.</param>
public sealed record DefaultsView(Organization Organization, IReadOnlyList<Group> Groups, AccessGraph Graph);

/// <summary>Making organizations, and what is set for a whole one. An operator's matter.</summary>
public sealed partial class OrganizationService(UsherDb db, MemberNumbers numbers, InvitationMails mails, PasswordService passwords, PermissionCatalogue catalogue, TimeProvider clock)
{
    public static bool IsSlug(string text) => Slug().IsMatch(text);

    /// <summary>Makes an organization with its system groups and its first administrator, who is active from the start, so that there is never none.</summary>
    public async Task<Result<CreatedOrganization>> CreateAsync(Actor actor, NewOrganization given, CancellationToken ct)
    {
        if (actor.IsMember) return OrganizationErrors.NotAllowed;
        if (!IsSlug(given.Slug)) return OrganizationErrors.SlugInvalid;
        if (!Text.IsFilledName(given.Name)) return OrganizationErrors.NameInvalid;
        if (!Text.IsTimeZone(given.TimeZone)) return InvitationErrors.TimeZoneUnknown;
        if (given.ExternalIdentityProvider is { } provider && !Text.IsFilledName(provider)) return OrganizationErrors.IdentityProviderInvalid;
        if (!EmailAddress.TryCanonical(given.OwnerEmail, out var email)) return InvitationErrors.EmailInvalid;
        if (!Text.IsName(given.OwnerFirstName)) return InvitationErrors.FirstNameInvalid;
        if (!Text.IsName(given.OwnerLastName)) return InvitationErrors.LastNameInvalid;
        if (given.OwnerApiKey is { } key && !ApiKeyService.IsAcceptable(key)) return ApiKeyErrors.SecretInvalid;
        if (given.OwnerPassword is { } typed && PasswordRules.Check(typed, email) is { } weak) return weak;
        var hash = given.OwnerPassword is { } password ? await passwords.HashAsync(password, ct) : null;
        var number = await numbers.TakeAsync(1, ct, db);

        return await db.RunAsync<Result<CreatedOrganization>>(async () =>
        {
            if (await db.Organizations.AnyAsync(o => o.Slug == given.Slug, ct)) return OrganizationErrors.SlugTaken;
            var now = clock.Now();
            var organization = new Organization { Id = Uuid.Create(now), Slug = given.Slug, Name = Text.Name(given.Name), TimeZone = given.TimeZone, ExternalIdentityProvider = given.ExternalIdentityProvider, CreatedAt = now };
            var by = actor with { OrganizationId = organization.Id };
            db.Add(organization);
            db.Add(SystemGroupOf(organization, SystemGroup.Everyone, "Everyone", "System group which contains all users", now));
            db.Add(SystemGroupOf(organization, SystemGroup.ServiceAccounts, "Service Accounts", "System group which contains all service accounts", now));
            List<Resource> resources = [];
            foreach (var name in given.Resources) resources.Add(ResourceService.New(organization.Id, name, [], resources.Select(r => r.Slug).ToHashSet(StringComparer.Ordinal), now));
            db.AddRange(resources);

            var owner = new Member
            {
                OrganizationId = organization.Id, Id = Uuid.Create(now), Number = number, Identifier = email, Email = given.OwnerEmail.Trim(),
                FirstName = Text.Name(given.OwnerFirstName), LastName = Text.Name(given.OwnerLastName),
                Kind = MemberKind.Person, Status = MemberStatus.Active, CreatedAt = now,
            };
            owner.Give(BuiltInRole.Admin, by, now);
            db.Add(owner);
            var link = hash is null ? mails.Mint(db, organization, owner, by, provesAddress: true, now) : await BindAsync(owner, email, hash, now, ct);
            var (apiKey, secret) = ApiKeyService.New(owner, "First key", readOnly: false, expires: null, given.OwnerApiKey, now);
            db.Add(apiKey);
            db.Add(UsherEvent.Record(EventTypes.OrganizationCreated, by, "organization", organization.Id, now, new() { ["slug"] = organization.Slug, ["owner"] = email }));
            await db.SaveChangesAsync(ct);
            return new CreatedOrganization(organization, owner, secret, link, resources);
        }, ct);
    }

    /// <summary>How an organization is called in links; null when there is none.</summary>
    public Task<string?> SlugOfAsync(Guid id, CancellationToken ct) => db.Organizations.Where(o => o.Id == id).Select(o => o.Slug).SingleOrDefaultAsync(ct);

    /// <summary>The actor's own organization.</summary>
    public async Task<Result<OrganizationView>> GetAsync(Actor actor, CancellationToken ct)
    {
        var found = await db.Organizations.AsNoTracking().Where(o => o.Id == actor.OrganizationId).Select(o => new
        {
            Organization = o, Groups = db.Groups.Where(g => g.OrganizationId == o.Id && g.IsDefault).OrderBy(g => g.Id).ToList(), Resources = db.Resources.Count(r => r.OrganizationId == o.Id),
        }).SingleOrDefaultAsync(ct);
        return found is null ? OrganizationErrors.NotFound : new OrganizationView(found.Organization, found.Groups, found.Resources);
    }

    /// <summary>
    /// Changes the actor's own organization. Its name, zone and identity provider are an administrator's matter; what new members get by default needs
    /// <c>user_management</c>, and that the actor holds what comes and what goes.
    /// </summary>
    public async Task<Result<Organization>> UpdateAsync(Actor actor, OrganizationChange change, CancellationToken ct) =>
        (await SaveAsync(actor, change, MemberDetails.None, ct)).Match<Result<Organization>>(saved => saved.Organization, error => error);

    /// <summary>What an invitation gives that names nothing.</summary>
    public async Task<Result<DefaultsView>> GetDefaultsAsync(Actor actor, MemberDetails details, CancellationToken ct) =>
        await AccessGraph.ReadAsync(db, new(actor.OrganizationId) { Details = details }, ct) is { } graph ? Defaults(graph) : OrganizationErrors.NotFound;

    /// <summary>Changes that; see <see cref="UpdateAsync"/>.</summary>
    /// <param name="actor">Who does it.</param>
    /// <param name="permissions">Null leaves them.</param>
    /// <param name="groups">Null leaves them.</param>
    /// <param name="details">What the answer shows besides.</param>
    /// <param name="ct">Cancels.</param>
    public Task<Result<DefaultsView>> SetDefaultsAsync(Actor actor, IReadOnlyList<string>? permissions, IReadOnlyList<Reference>? groups, MemberDetails details, CancellationToken ct) =>
        SaveAsync(actor, new() { DefaultPermissions = permissions, DefaultGroups = groups }, details, ct);

    private static DefaultsView Defaults(AccessGraph graph) => new(graph.Organization, [.. graph.DefaultGroups.OrderBy(g => g.NameKey, Text.KeyOrder)], graph);

    private Task<Result<DefaultsView>> SaveAsync(Actor actor, OrganizationChange change, MemberDetails details, CancellationToken ct) => db.RunAsync<Result<DefaultsView>>(async () =>
    {
        if (change.Name is { } name && !Text.IsFilledName(name)) return OrganizationErrors.NameInvalid;
        if (change.TimeZone is { } zone && !Text.IsTimeZone(zone)) return InvitationErrors.TimeZoneUnknown;
        if (change.ExternalIdentityProvider.Or(null) is { } provider && !Text.IsFilledName(provider)) return OrganizationErrors.IdentityProviderInvalid;
        if (change.DefaultPermissions?.FirstOrDefault(p => !catalogue.Contains(p)) is { } nothing) return InvitationErrors.PermissionUnknown(nothing);
        var query = new AccessQuery(actor.OrganizationId) { Details = details };
        if (await AccessGraph.TrackAsync(db, ReferenceReader.With(query.With(actor), change.DefaultGroups ?? [], []), ct) is not { } graph) return OrganizationErrors.NotFound;
        var (today, organization) = (graph.Today(actor), graph.Organization);
        if (change.NeedsAdmin && !today.Access.IsAdmin) return OrganizationErrors.AdminsOnly;
        if (!change.NeedsAdmin && !today.May(Permissions.UserManagement)) return MemberErrors.NotAllowed;
        var named = new ReferenceReader(graph, UnknownReferences.Refuse);
        // Of the system's groups everybody is in his anyway.
        Group[] groups = change.DefaultGroups is null ? [.. graph.DefaultGroups] : [.. named.Groups(change.DefaultGroups).Where(g => g.SystemKind is SystemGroup.None)];
        if (named.Refused is { } unknown) return unknown;

        var permissions = (change.DefaultPermissions ?? organization.DefaultPermissions).Distinct(StringComparer.Ordinal).ToList();
        Group[] moved = [.. groups.Except(graph.DefaultGroups), .. graph.DefaultGroups.Except(groups)];
        var handed = new EffectiveAccess.Builder().Add(permissions.Except(organization.DefaultPermissions)).Add(organization.DefaultPermissions.Except(permissions));
        foreach (var group in moved) graph.Confer(handed, group);
        if (!today.CanGrant(handed.Build())) return InvitationErrors.MoreThanYouHold;

        db.Attach(organization);
        var before = (organization.Name, organization.TimeZone, organization.ExternalIdentityProvider, string.Join(' ', organization.DefaultPermissions));
        organization.Name = change.Name is { } newName ? Text.Name(newName) : organization.Name;
        organization.TimeZone = change.TimeZone ?? organization.TimeZone;
        organization.ExternalIdentityProvider = change.ExternalIdentityProvider.Or(organization.ExternalIdentityProvider);
        if (!permissions.SequenceEqual(organization.DefaultPermissions, StringComparer.Ordinal)) organization.DefaultPermissions = permissions;
        foreach (var group in moved) group.IsDefault = !group.IsDefault;
        var after = (organization.Name, organization.TimeZone, organization.ExternalIdentityProvider, string.Join(' ', permissions));
        if (before == after && moved is []) return Defaults(graph);
        db.Add(UsherEvent.Record(EventTypes.OrganizationUpdated, actor, "organization", organization.Id, clock.Now(), new()
        {
            ["before"] = $"{before}", ["after"] = $"{after}", ["default_groups"] = string.Join(", ", groups.Select(g => g.Name)),
        }));
        await db.SaveChangesAsync(ct);
        return Defaults(graph);
    }, ct);

    /// <summary>Sets or lifts the seat limit. The seats in use are counted anew under the organization's lock; a limit below them stops new invitations only.</summary>
    /// <param name="actor">An operator or the system.</param>
    /// <param name="limit">At least 1; null lifts it.</param>
    /// <param name="ct">Cancels.</param>
    public Task<Result<Organization>> SetSeatLimitAsync(Actor actor, int? limit, CancellationToken ct) => db.RunLockedAsync<Result<Organization>>(async () =>
    {
        if (actor.IsMember) return OrganizationErrors.NotAllowed;
        if (limit is < 1) return OrganizationErrors.SeatLimitInvalid;
        await db.LockAsync(actor.OrganizationId, [], [], organizationToo: true, ct);
        if (await db.Organizations.SingleOrDefaultAsync(o => o.Id == actor.OrganizationId, ct) is not { } organization) return OrganizationErrors.NotFound;
        organization.SeatLimit = limit;
        organization.SeatsUsed = limit is null ? 0 : await db.Members.CountAsync(
            m => m.OrganizationId == organization.Id && m.Kind == MemberKind.Person && m.Status != MemberStatus.Removed, ct);
        await db.SaveChangesAsync(ct);
        return organization;
    }, ct);

    // An operator names the owner's address and vouches for it.
    private async Task<InvitationLink?> BindAsync(Member owner, string email, string hash, DateTimeOffset now, CancellationToken ct)
    {
        var user = await db.Users.SingleOrDefaultAsync(u => u.NormalizedEmail == email && u.EmailProvedAt != null, ct);
        if (user is null) db.Add(user = User.Create(email, proven: true, owner.FirstName, owner.LastName, hash, now));
        owner.Bind(user.Id);
        return null;
    }

    private static Group SystemGroupOf(Organization organization, SystemGroup kind, string name, string description, DateTimeOffset now) => new()
    {
        OrganizationId = organization.Id, Id = Uuid.Create(now), Name = name, NameKey = Text.Key(name), Description = description, SystemKind = kind, CreatedAt = now,
    };

    [GeneratedRegex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Slug();
}
