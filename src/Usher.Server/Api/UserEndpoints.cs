using Usher.Core;
using Usher.Core.Users;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>
/// People's accounts, for an operator: to find one, and to hand over a link that sets a new password where no mail
/// reaches the person.
/// </summary>
internal static class UserEndpoints
{
    private static readonly QueryParameter Email = new(
        "email", typeof(string), "The account's address, in any spelling. Needed.");

    public static void MapUsers(this RouteGroupBuilder api)
    {
        var users = api.MapGroup("/users").WithTags("Users").RequireAuthorization(Policies.Api, Policies.Operator);
        users.MapGet("", ListAsync).Takes(Email).WithName("listUsers")
            .Says<Page<UserDocument>>("Find a user by address", "One or none. Needs an operator's key.");
        users.MapGet("/{user}", GetAsync).WithName("getUser")
            .Says<UserDocument>("Get a user", "Needs an operator's key.");
        users.MapPost("/{user}/reset-link", HandOverAsync).CanRepeat().WithName("createResetLink")
            .Says<ResetLinkDocument>("Make a reset link to hand over", """
            The link sets a new password, works once, for 24 hours, and proves nothing about the person: make sure yourself who gets it. It is shown here and never again. It is recorded; the person, and the
            administrators of every organization the person is a member of, are told by mail. Needs an operator's key.
            """, StatusCodes.Status201Created);
    }

    private static async Task<IResult> ListAsync(ApiQuery query, Actor actor, UserService users, CancellationToken ct)
    {
        var text = query.Text("email");
        if (query.Refusal is { } refusal) return refusal;
        if (!EmailAddress.TryCanonical(text, out var address))
            return ShapeErrors.ParameterInvalid("email", "one plain e-mail address").ToHttp();
        return (await users.FindAsync(actor, address, ct)).ToHttp(found =>
            Answers.Ok(new Page<UserDocument>(found.User is null ? [] : [UserDocument.From(found.User)], Next: null)));
    }

    private static async Task<IResult> GetAsync(string user, Actor actor, UserService users, CancellationToken ct) =>
        (await users.GetAsync(actor, Ids.User.Parse(user), ct)).ToHttp(found => Answers.Ok(UserDocument.From(found)));

    private static async Task<IResult> HandOverAsync(
        string user, Actor actor, PasswordResetService resets, Links links, CancellationToken ct) =>
        (await resets.HandOverAsync(actor, Ids.User.Parse(user), ct)).ToHttp(made => Answers.Created(
            new ResetLinkDocument(
                Ids.PasswordReset.Of(made.Link.Id), links.Reset(made.Link.Id.ToString(), made.Link.Secret),
                made.ExpiresAt),
            $"{UsherApi.Prefix}/users/{user}"));
}

/// <summary>A person's account as an operator sees it.</summary>
internal sealed record UserDocument
{
    /// <summary>`usr_…`</summary>
    public required string Id { get; init; }

    public required string? Email { get; init; }

    /// <summary>Whether mail to the address was shown to reach the person.</summary>
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
/// <param name="Link">Where the person sets a new password: shown here and never again.</param>
/// <param name="ExpiresAt">Until when it works.</param>
internal sealed record ResetLinkDocument(string Id, string Link, DateTimeOffset ExpiresAt);
