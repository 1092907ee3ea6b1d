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

/// <summary>Creates and deletes organizations, and manages their settings.</summary>
public sealed partial class OrganizationService(
    UsherDb db, Database database, MemberNumbers numbers, InvitationMails mails, PasswordService passwords,
    PermissionCatalogue catalogue,
    TimeProvider clock)
{
    public static bool IsSlug(string text) => Slug().IsMatch(text);

    /// <summary>
    /// Creates an organization with its system groups and its first administrator. The administrator is active from the
    /// start. For operators.
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
        var number = await numbers.TakeAsync(1, ct);

        return await database.RunAsync<Result<CreatedOrganization>>(async unit =>
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
            unit.Add(organization);
            unit.Add(SystemGroupOf(
                organization, SystemGroup.Everyone, "Everyone", "System group which contains all users", now));
            unit.Add(SystemGroupOf(
                organization, SystemGroup.ServiceAccounts, "Service Accounts",
                "System group which contains all service accounts", now));
            List<Resource> resources = [];
            foreach (var name in given.Resources)
                resources.Add(ResourceService.New(
                    organization.Id, name, [], resources.Select(r => r.Slug).ToHashSet(StringComparer.Ordinal), now));
            unit.AddRange(resources);

            var owner = new Member
            {
                OrganizationId = organization.Id, Id = Uuid.Create(now), Number = number, Identifier = email,
                Email = given.OwnerEmail.Trim(),
                FirstName = Text.Name(given.OwnerFirstName), LastName = Text.Name(given.OwnerLastName),
                Kind = MemberKind.Person, Status = MemberStatus.Active, CreatedAt = now,
            };
            owner.Give(BuiltInRole.Admin, by, now);
            unit.Add(owner);
            owner.SponsoredBy(by);
            // The password creates an account only if the address has none. The owner of an existing account joins by
            // the link.
            var makesAccount = hash is not null && !await db.Users.AnyAsync(u => u.Email == email, ct);
            if (makesAccount)
                owner.Bind(unit.Add(User.Create(email, proven: true, owner.FirstName, owner.LastName, hash!, now)).Id);
            var link = makesAccount ? null : mails.Mint(unit, organization, owner, provesAddress: true, now);
            var (apiKey, secret) = ApiKeyService.New(
                owner, "First key", readOnly: false, expires: null, given.OwnerApiKey, now);
            unit.Add(apiKey);
            unit.Add(UsherEvent.Record(
                EventTypes.OrganizationCreated, by, "organization", organization.Id, now,
                new() { ["slug"] = organization.Slug, ["owner"] = email }));
            return new CreatedOrganization(organization, owner, secret, link, resources);
        }, ct);
    }

    /// <summary>
    /// The slug of an organization, which is part of its links. Null if there is no such organization.
    /// </summary>
    public Task<string?> SlugOfAsync(Guid id, CancellationToken ct) =>
        db.Organizations.Where(o => o.Id == id).Select(o => o.Slug).SingleOrDefaultAsync(ct);

    /// <summary>Reads the actor's own organization.</summary>
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

    /// <summary>Lists all faults in a new organization, except those of the owner's password.</summary>
    public static IEnumerable<Error> Faults(NewOrganization given)
    {
        if (!IsSlug(given.Slug)) yield return OrganizationErrors.SlugInvalid;
        if (!Text.IsFilledName(given.Name)) yield return CommonErrors.NameInvalid;
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
                yield return CommonErrors.NameInvalid with { Field = $"resources/{i}" };
    }

    /// <summary>A page of the installation's organizations, oldest first. For operators.</summary>
    public async Task<Result<IReadOnlyList<Organization>>> PageAsync(
        Actor actor, Guid? after, int limit, CancellationToken ct)
    {
        if (actor.IsMember) return OrganizationErrors.NotAllowed;
        return await db.Organizations.AsNoTracking().Where(o => after == null || o.Id > after).OrderBy(o => o.Id)
            .Take(limit).ToListAsync(ct);
    }

    /// <summary>
    /// Suspends or resumes an organization. While it is suspended, its API keys, sessions and links do not work.
    /// Nothing is deleted. For operators.
    /// </summary>
    public Task<Result<Organization>> SuspendAsync(
        Actor actor, bool suspended, IReadOnlyCollection<string>? ifMatch, CancellationToken ct) =>
        database.RunAsync<Result<Organization>>(async unit =>
        {
            if (actor.IsMember) return OrganizationErrors.NotAllowed;
            if (await db.Organizations.SingleOrDefaultAsync(
                    o => o.Id == actor.OrganizationId, ct) is not { } organization)
                return OrganizationErrors.NotFound;
            if (Precondition.Refuses(ifMatch, organization) is { } outdated) return outdated;
            if (suspended == organization.SuspendedAt is not null) return organization;
            var now = clock.Now();
            organization.SuspendedAt = suspended ? now : null;
            unit.Add(UsherEvent.Record(
                suspended ? EventTypes.OrganizationSuspended : EventTypes.OrganizationResumed, actor, "organization",
                organization.Id, now));
            return organization;
        }, ct);

    /// <summary>
    /// Deletes a suspended organization with all its rows, including its events. The installation records the deletion.
    /// User accounts stay. For operators.
    /// </summary>
    /// <returns>The number of deleted rows per table.</returns>
    public Task<Result<Dictionary<string, int>>> DeleteAsync(
        Actor actor, IReadOnlyCollection<string>? ifMatch, CancellationToken ct) =>
        database.RunLockedAsync<Result<Dictionary<string, int>>>(async unit =>
        {
            if (actor.IsMember) return OrganizationErrors.NotAllowed;
            await unit.LockAsync(actor.OrganizationId, [], [], organizationToo: true, ct);
            if (await db.Organizations.SingleOrDefaultAsync(
                    o => o.Id == actor.OrganizationId, ct) is not { } organization)
                return OrganizationErrors.NotFound;
            if (Precondition.Refuses(ifMatch, organization) is { } outdated) return outdated;
            if (organization.SuspendedAt is null) return OrganizationErrors.NotSuspended;
            var gone = await unit.DeleteRowsOfAsync(organization.Id, ct);
            unit.Remove(organization);
            unit.Add(UsherEvent.Record(
                EventTypes.OrganizationDeleted, actor with { OrganizationId = Organization.Installation },
                "organization",
                organization.Id, clock.Now(), new() { ["slug"] = organization.Slug, ["name"] = organization.Name }));
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
