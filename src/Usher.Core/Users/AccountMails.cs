using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;

namespace Usher.Core.Users;

/// <summary>
/// Mail about a person's own account, in the caller's save. It belongs to the installation and not to an organization.
/// </summary>
public sealed class AccountMails(OutboxSecrets secrets)
{
    /// <summary>The link that sets a new password, to the account's address.</summary>
    /// <param name="db">The operation's context.</param>
    /// <param name="user">An account with an address.</param>
    /// <param name="reset">The link, without its secret.</param>
    /// <param name="secret">The link's secret.</param>
    /// <param name="returnTo">A path of this site to lead back to; null for none.</param>
    /// <param name="now">Now.</param>
    public void SendReset(
        UsherDb db, User user, PasswordReset reset, string secret, string? returnTo, DateTimeOffset now)
    {
        var parameters = About(user);
        parameters[OutboxParameters.Reset] = reset.Id.ToString();
        parameters[OutboxParameters.Expires] = reset.ExpiresAt.ToString("O", CultureInfo.InvariantCulture);
        if (returnTo is not null) parameters[OutboxParameters.ReturnTo] = returnTo;
        db.Add(To(user.NormalizedEmail!, OutboxKind.PasswordReset, user, parameters, now, secrets.Protect(secret)));
    }

    /// <summary>The link that confirms a new address, to that address.</summary>
    public void SendAddressChange(UsherDb db, User user, UserAddressChange change, string secret, DateTimeOffset now)
    {
        var parameters = About(user, change.NewAddress);
        parameters[OutboxParameters.AddressChange] = change.Id.ToString();
        parameters[OutboxParameters.Expires] = change.ExpiresAt.ToString("O", CultureInfo.InvariantCulture);
        db.Add(To(change.NewAddress, OutboxKind.UserAddressChange, user, parameters, now, secrets.Protect(secret)));
    }

    /// <summary>To the old address: the account has another one.</summary>
    public static void TellAddressChanged(UsherDb db, User user, string oldAddress, DateTimeOffset now) =>
        db.Add(To(oldAddress, OutboxKind.UserAddressChanged, user, About(user), now));

    /// <summary>To the account's address, where it has one: the password was changed or set anew.</summary>
    public static void TellPasswordChanged(UsherDb db, User user, DateTimeOffset now)
    {
        if (user.NormalizedEmail is { } address)
            db.Add(To(address, OutboxKind.PasswordChanged, user, About(user), now));
    }

    /// <summary>
    /// To the person, and to the administrators of every organization the person is a member of: an operator handed
    /// over a reset link.
    /// </summary>
    public static async Task TellLinkHandedOverAsync(UsherDb db, User user, DateTimeOffset now, CancellationToken ct)
    {
        if (user.NormalizedEmail is { } address)
            db.Add(To(address, OutboxKind.ResetLinkHandedOver, user, About(user), now));
        var places = await (
            from member in db.Members
            join organization in db.Organizations on member.OrganizationId equals organization.Id
            where member.UserId == user.Id && member.Status != MemberStatus.Removed
            orderby organization.Id
            select new { Member = member, organization.Name }).AsNoTracking().ToListAsync(ct);
        foreach (var place in places)
        {
            var admins = await db.AdministratorsToTell(place.Member.OrganizationId).Select(m => m.Identifier)
                .ToListAsync(ct);
            foreach (var admin in admins) db.Add(ToAdmin(admin, place.Member, place.Name, now));
        }
    }

    // An administrator is told of the member, not of what the person is called elsewhere.
    private static OutboxMessage ToAdmin(string admin, Member member, string organization, DateTimeOffset now) => new()
    {
        OrganizationId = member.OrganizationId, Id = Uuid.Create(now), Kind = OutboxKind.ResetLinkHandedOver,
        Recipient = admin, Language = "en",
        NextAttemptAt = now, CreatedAt = now,
        Parameters = new()
        {
            [OutboxParameters.Organization] = organization, [OutboxParameters.Person] = member.DisplayName,
            [OutboxParameters.Email] = member.Identifier,
        },
    };

    private static Dictionary<string, string> About(User user, string? email = null) => new()
    {
        [OutboxParameters.FirstName] = user.FirstName, [OutboxParameters.Email] = email ?? user.NormalizedEmail ?? "",
    };

    private static OutboxMessage To(
        string recipient, OutboxKind kind, User user, Dictionary<string, string> parameters, DateTimeOffset now,
        byte[]? secret = null) => new()
    {
        OrganizationId = Organization.Installation, Id = Uuid.Create(now), Kind = kind, Recipient = recipient,
        Language = user.Locale ?? "en",
        Secret = secret, NextAttemptAt = now, CreatedAt = now, Parameters = parameters,
    };
}
