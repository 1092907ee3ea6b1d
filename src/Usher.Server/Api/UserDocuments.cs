using Usher.Core.Users;
using Usher.Server.Api.Http;

namespace Usher.Server.Api;

/// <summary>A person's account as operators see it.</summary>
internal sealed record UserDocument
{
    /// <summary>`usr_…`</summary>
    public required string Id { get; init; }

    public required string? Email { get; init; }

    /// <summary>Whether the person has proven that mail to the address reaches them.</summary>
    public required bool EmailProven { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? LastSignInAt { get; init; }

    public required IReadOnlyList<MembershipDocument> Memberships { get; init; }

    public static UserDocument From(Me me) => new()
    {
        Id = Ids.User.Of(me.User.Id), Email = me.Email, EmailProven = me.EmailProved, FirstName = me.User.FirstName,
        LastName = me.User.LastName,
        CreatedAt = me.User.CreatedAt, LastSignInAt = me.User.LastSignInAt,
        Memberships = [.. me.Memberships.Select(MembershipDocument.From)],
    };
}

/// <summary>A reset link to hand over.</summary>
/// <param name="Id">`rst_…`</param>
/// <param name="Link">The link to set a new password; shown only in this answer.</param>
/// <param name="ExpiresAt">When the link expires.</param>
internal sealed record ResetLinkDocument(string Id, string Link, DateTimeOffset ExpiresAt);
