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

namespace Usher.Core.Organizations;

/// <summary>Why making or changing an organization can be refused.</summary>
public static class OrganizationErrors
{
    public static readonly Error NotAllowed = new(ErrorKind.Forbidden, "operator_only", "Only an operator can do this.");
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

/// <summary>Making organizations, and what is set for a whole one. An operator's matter.</summary>
public sealed partial class OrganizationService(UsherDb db, MemberNumbers numbers, InvitationMails mails, PasswordService passwords, TimeProvider clock)
{
    public static bool IsSlug(string text) => Slug().IsMatch(text);

    /// <summary>Makes an organization with its system groups and its first administrator, who is active from the start, so that there is never none.</summary>
    public async Task<Result<CreatedOrganization>> CreateAsync(Actor actor, NewOrganization given, CancellationToken ct)
    {
        if (actor.IsMember) return OrganizationErrors.NotAllowed;
        if (!IsSlug(given.Slug)) return OrganizationErrors.SlugInvalid;
        if (!Text.IsName(given.Name) || Text.Name(given.Name).Length is 0) return OrganizationErrors.NameInvalid;
        if (!Text.IsTimeZone(given.TimeZone)) return InvitationErrors.TimeZoneUnknown;
        if (!EmailAddress.TryCanonical(given.OwnerEmail, out var email)) return InvitationErrors.EmailInvalid;
        if (!Text.IsName(given.OwnerFirstName)) return InvitationErrors.FirstNameInvalid;
        if (!Text.IsName(given.OwnerLastName)) return InvitationErrors.LastNameInvalid;
        if (given.OwnerApiKey is { } key && !ApiKeyService.IsAcceptable(key)) return ApiKeyErrors.SecretInvalid;
        if (given.OwnerPassword is { } typed && PasswordRules.Check(typed, email) is { } weak) return weak;
        var hash = given.OwnerPassword is { } password ? await passwords.HashAsync(password, ct) : null;
        var number = await numbers.TakeAsync(1, ct);

        return await db.RunAsync<Result<CreatedOrganization>>(async () =>
        {
            if (await db.Organizations.AnyAsync(o => o.Slug == given.Slug, ct)) return OrganizationErrors.SlugTaken;
            var now = clock.Now();
            var organization = new Organization { Id = Uuid.Create(now), Slug = given.Slug, Name = Text.Name(given.Name), TimeZone = given.TimeZone, CreatedAt = now };
            var by = actor with { OrganizationId = organization.Id };
            db.Add(organization);
            db.Add(SystemGroupOf(organization, SystemGroup.Everyone, "Everyone", "System group which contains all users", now));
            db.Add(SystemGroupOf(organization, SystemGroup.ServiceAccounts, "Service Accounts", "System group which contains all service accounts", now));
            List<Resource> resources = [.. given.Resources.Select(name => ResourceService.New(organization.Id, name, [], now))];
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

    private static Groups.Group SystemGroupOf(Organization organization, SystemGroup kind, string name, string description, DateTimeOffset now) => new()
    {
        OrganizationId = organization.Id, Id = Uuid.Create(now), Name = name, NameKey = Text.Key(name), Description = description, SystemKind = kind, CreatedAt = now,
    };

    [GeneratedRegex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Slug();
}
