using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Api.Http;
using Usher.Server.Auth;

namespace Usher.Server.Api;

/// <summary>A person's own account.</summary>
internal sealed record MeDocument
{
    /// <summary>`usr_…`</summary>
    public required string Id { get; init; }

    /// <summary>The address to sign in with; null where the account has none.</summary>
    public required string? Email { get; init; }

    /// <summary>Whether the person has proven that mail to the address reaches them.</summary>
    public required bool EmailProven { get; init; }

    /// <summary>The new address that waits for confirmation, if any.</summary>
    public required string? PendingEmail { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    /// <summary>TZ database name.</summary>
    public required string? TimeZone { get; init; }

    /// <summary>BCP 47.</summary>
    public required string? Locale { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The current session.</summary>
    public required OwnStateDocument Session { get; init; }

    public required IReadOnlyList<MembershipDocument> Memberships { get; init; }

    /// <summary>Memberships that organizations offer to your proven address and that wait for your agreement.</summary>
    public required IReadOnlyList<OfferedMembershipDocument> Offers { get; init; }

    public static MeDocument From(
        Me me, IReadOnlyList<OwnMembership> offers, SessionUser session, DateTimeOffset now) =>
        new()
        {
            Id = Ids.User.Of(me.User.Id), Email = me.Email, EmailProven = me.EmailProved,
            PendingEmail = me.PendingEmail, FirstName = me.User.FirstName, LastName = me.User.LastName,
            TimeZone = me.User.TimeZone, Locale = me.User.Locale, CreatedAt = me.User.CreatedAt,
            Session = new(
                Ids.Session.Of(session.SessionId), now < session.ConfirmedUntil, session.ConfirmedUntil,
                session.ExpiresAt),
            Memberships = [.. me.Memberships.Select(MembershipDocument.From)],
            Offers = [.. offers.Select(OfferedMembershipDocument.From)],
        };
}

/// <summary>The state of the current session.</summary>
/// <param name="Id">`ses_…`</param>
/// <param name="Confirmed">Whether it may change how the person signs in.</param>
/// <param name="ConfirmedUntil">When that permission ends or ended.</param>
/// <param name="ExpiresAt">When the session ends.</param>
internal sealed record OwnStateDocument(
    string Id, bool Confirmed, DateTimeOffset ConfirmedUntil, DateTimeOffset ExpiresAt);

/// <summary>A membership of a person.</summary>
internal sealed record MembershipDocument
{
    /// <summary>`mem_…`</summary>
    public required string MemberId { get; init; }

    public required MembershipOrganizationDocument Organization { get; init; }

    public required BuiltInRole Role { get; init; }

    public required MemberStatus Status { get; init; }

    public required DateTimeOffset Since { get; init; }

    public static MembershipDocument From(Membership membership) => new()
    {
        MemberId = Ids.Member.Of(membership.MemberId), Role = membership.Role, Status = membership.Status,
        Since = membership.JoinedAt,
        Organization = new(
            Ids.Organization.Of(membership.OrganizationId), membership.OrganizationSlug, membership.OrganizationName),
    };
}

/// <summary>A membership that waits for the person's agreement.</summary>
internal sealed record OfferedMembershipDocument
{
    /// <summary>`mem_…`</summary>
    public required string MemberId { get; init; }

    public required MembershipOrganizationDocument Organization { get; init; }

    public static OfferedMembershipDocument From(OwnMembership offer) => new()
    {
        MemberId = Ids.Member.Of(offer.MemberId),
        Organization = new(Ids.Organization.Of(offer.OrganizationId), offer.OrganizationSlug, offer.OrganizationName),
    };
}

/// <summary>The organization of a membership.</summary>
/// <param name="Id">`org_…`</param>
/// <param name="Slug">The organization's name in URLs.</param>
/// <param name="Name">The organization's name.</param>
internal sealed record MembershipOrganizationDocument(string Id, string Slug, string Name);

/// <summary>Changes to your account. Properties that are left out stay as they are.</summary>
internal sealed record UserChangeRequest
{
    /// <summary>1 to 120 characters.</summary>
    public string? FirstName { get; init; }

    /// <summary>At most 120 characters.</summary>
    public string? LastName { get; init; }

    /// <summary>TZ database name; null removes it.</summary>
    public Optional<string> TimeZone { get; init; }

    /// <summary>BCP 47; null removes it.</summary>
    public Optional<string> Locale { get; init; }

    public UserChange ToChange() =>
        new() { FirstName = FirstName, LastName = LastName, TimeZone = TimeZone, Locale = Locale };
}

internal sealed record PasswordRequest
{
    public required string Password { get; init; }
}

internal sealed record AddressRequest
{
    public required string Email { get; init; }
}

/// <summary>The password was confirmed.</summary>
/// <param name="Session">`ses_…`</param>
/// <param name="ConfirmedUntil">Until when the session may change how the person signs in.</param>
internal sealed record StepUpDocument(string Session, DateTimeOffset ConfirmedUntil);

/// <summary>One of a person's sessions.</summary>
internal sealed record OwnSessionDocument
{
    /// <summary>`ses_…`</summary>
    public required string Id { get; init; }

    /// <summary>The user agent of the browser or client.</summary>
    public required string? Device { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the session was last used, to within a few minutes.</summary>
    public required DateTimeOffset LastSeenAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Whether it is the current session.</summary>
    public required bool Current { get; init; }

    public static OwnSessionDocument From(Session session, SessionUser current) => new()
    {
        Id = Ids.Session.Of(session.Id), Device = session.Device, CreatedAt = session.CreatedAt,
        LastSeenAt = session.LastSeenAt,
        ExpiresAt = session.ExpiresAt, Current = session.Id == current.SessionId,
    };
}
