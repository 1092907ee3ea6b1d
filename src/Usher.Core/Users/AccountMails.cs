using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Data;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Users;

/// <summary>
/// Queues mail about a person's own account in the caller's save. The mail belongs to the installation, not to an
/// organization.
/// </summary>
public sealed class AccountMails(OutboxSecrets secrets)
{
    /// <summary>Queues the password reset link for the account's address.</summary>
    /// <param name="unit">The unit of the operation.</param>
    /// <param name="user">An account with an address.</param>
    /// <param name="reset">The reset link without its secret.</param>
    /// <param name="secret">The link's secret.</param>
    /// <param name="returnTo">A path on this site to return to afterwards; null for none.</param>
    /// <param name="now">The current time.</param>
    public void SendReset(
        Unit unit, User user, PasswordReset reset, string secret, string? returnTo, DateTimeOffset now)
    {
        var parameters = About(user);
        parameters[OutboxParameters.Reset] = reset.Id.ToString();
        parameters[OutboxParameters.Expires] = reset.ExpiresAt.ToString("O", CultureInfo.InvariantCulture);
        if (returnTo is not null) parameters[OutboxParameters.ReturnTo] = returnTo;
        unit.Add(To(user.Email!, OutboxKind.PasswordReset, user, parameters, now, secrets.Protect(secret)));
    }

    /// <summary>Queues the confirmation link for a new address, sent to that address.</summary>
    public void SendAddressChange(Unit unit, User user, UserAddressChange change, string secret, DateTimeOffset now)
    {
        var parameters = About(user, change.NewAddress);
        parameters[OutboxParameters.AddressChange] = change.Id.ToString();
        parameters[OutboxParameters.Expires] = change.ExpiresAt.ToString("O", CultureInfo.InvariantCulture);
        unit.Add(To(change.NewAddress, OutboxKind.UserAddressChange, user, parameters, now, secrets.Protect(secret)));
    }

    /// <summary>Notifies the old address that the account's address has changed.</summary>
    public static void TellAddressChanged(Unit unit, User user, string oldAddress, DateTimeOffset now) =>
        unit.Add(To(oldAddress, OutboxKind.UserAddressChanged, user, About(user), now));

    /// <summary>Notifies the account's address, if any, that the password has changed.</summary>
    public static void TellPasswordChanged(Unit unit, User user, DateTimeOffset now)
    {
        if (user.Email is { } address)
            unit.Add(To(address, OutboxKind.PasswordChanged, user, About(user), now));
    }

    /// <summary>
    /// Notifies the person, and the administrators of each organization the person is a member of, that an operator
    /// created a reset link.
    /// </summary>
    public static async Task TellLinkHandedOverAsync(Unit unit, User user, DateTimeOffset now, CancellationToken ct)
    {
        if (user.Email is { } address)
            unit.Add(To(address, OutboxKind.ResetLinkHandedOver, user, About(user), now));
        var places = await (
            from member in unit.Db.Members
            join organization in unit.Db.Organizations on member.OrganizationId equals organization.Id
            where member.UserId == user.Id && member.Status != MemberStatus.Removed
            orderby organization.Id
            select new { Member = member, organization.Name }).AsNoTracking().ToListAsync(ct);
        foreach (var place in places)
        {
            var admins = await unit.Db.AdministratorsToTell(place.Member.OrganizationId).Select(m => m.Identifier)
                .ToListAsync(ct);
            foreach (var admin in admins) unit.Add(ToAdmin(admin, place.Member, place.Name, now));
        }
    }

    // Administrators see the member's details in their organization, not the details of the account.
    private static OutboxMessage ToAdmin(string admin, Member member, string organization, DateTimeOffset now) => new()
    {
        OrganizationId = member.OrganizationId, Id = Uuid.Create(now), Kind = OutboxKind.ResetLinkHandedOver,
        Recipient = admin, Language = OutboxMessage.DefaultLanguage,
        NextAttemptAt = now, CreatedAt = now,
        Parameters = new()
        {
            [OutboxParameters.Organization] = organization, [OutboxParameters.Person] = member.DisplayName,
            [OutboxParameters.Email] = member.Identifier,
        },
    };

    private static Dictionary<string, string> About(User user, string? email = null) => new()
    {
        [OutboxParameters.FirstName] = user.FirstName, [OutboxParameters.Email] = email ?? user.Email ?? "",
    };

    private static OutboxMessage To(
        string recipient, OutboxKind kind, User user, Dictionary<string, string> parameters, DateTimeOffset now,
        byte[]? secret = null) => new()
    {
        OrganizationId = Organization.Installation, Id = Uuid.Create(now), Kind = kind, Recipient = recipient,
        Language = OutboxMessage.LanguageOf(user.Locale),
        Secret = secret, NextAttemptAt = now, CreatedAt = now, Parameters = parameters,
    };
}
