using Usher.Core;
using Usher.Core.Users;
using Usher.Server.Api.Http;
using Usher.Server.Api.OpenApi;
using Usher.Server.Auth;
using Usher.Server.Errors;

namespace Usher.Server.Api;

/// <summary>
/// People's accounts, for operators: finding an account, and making a reset link for a person who gets no mail.
/// </summary>
internal static class UserEndpoints
{
    private static readonly QueryParameter Email = new(
        "email", typeof(string), "The account's address, in any spelling. Required.");

    public static void MapUsers(this RouteGroupBuilder api)
    {
        var users = api.MapGroup("/users").WithTags("Users").RequireAuthorization(Policies.Api, Policies.Operator);
        users.MapGet("", ListAsync).Takes(Email).WithName("listUsers")
            .WithDocs<Page<UserDocument>>(
                "Find a user by address", "The page has one item or none. Needs an operator's key.");
        users.MapGet("/{user}", GetAsync).WithName("getUser").CanBeNotFound()
            .WithDocs<UserDocument>("Get a user", "Needs an operator's key.");
        users.MapPost("/{user}/reset-link", HandOverAsync).CanRepeat().WithName("createResetLink").CanBeNotFound()
            .WithDocs<ResetLinkDocument>("Create a reset link", """
            The link sets a new password. It works once, for 24 hours, and proves nothing about the person, so make sure
            that the right person gets it. It is shown only in this answer, and its creation is recorded. The person and
            the administrators of the person's organizations are notified by mail. Needs an operator's key.
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

    private static Task<IResult> HandOverAsync(
        string user, Once once, Actor actor, PasswordResetService resets, Links links, CancellationToken ct) =>
        once.AnswerAsync(() => resets.HandOverAsync(actor, Ids.User.Parse(user), ct), made => Answers.Created(
            new ResetLinkDocument(
                Ids.PasswordReset.Of(made.Link.Id), links.Reset(made.Link.Id.ToString(), made.Link.Secret),
                made.ExpiresAt),
            $"{UsherApi.Prefix}/users/{user}"));
}
