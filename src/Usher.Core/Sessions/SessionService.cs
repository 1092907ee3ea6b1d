namespace Usher.Core.Sessions;

/// <summary>A session just begun.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="Secret">The cookie's value; known here and in the browser only.</param>
/// <param name="ExpiresAt">When it ends, unless used meanwhile.</param>
public sealed record SignedIn(Guid UserId, string Secret, DateTimeOffset ExpiresAt);
