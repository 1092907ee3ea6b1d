using System.Text;

namespace Usher.Server.Api.OpenApi;

/// <summary>
/// Makes operation ids from routes: <c>GET …/members/{member}/api-keys</c> is listMemberApiKeys, <c>POST
/// …/members/{member}/suspend</c> suspendMember, <c>POST …/members/search</c> searchMembers. A route's own
/// <c>WithName</c> takes precedence. Clients are generated from these ids, so they must not change.
/// </summary>
internal static class OperationNames
{
    /// <param name="method">The HTTP method, such as <c>GET</c>.</param>
    /// <param name="path">Below the API's prefix, such as <c>/organizations/{organization}/members</c>.</param>
    /// <param name="lists">Whether the route answers with a page.</param>
    /// <param name="creates">Whether the route answers 201 or 202.</param>
    public static string Of(string method, string path, bool lists, bool creates)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        // In POST /{member}/suspend and /members/search the last part is an action: it is not a plural noun.
        var action = method is "POST" && parts.Length > 1 && !IsParameter(parts[^1]) && !parts[^1].EndsWith('s')
            ? parts[^1]
            : null;
        var many = lists || (action is not null && !IsParameter(parts[^2]))
            || (method is "POST" && action is null && !creates);
        var verb = action ?? method switch
        {
            "GET" when lists => "list",
            "GET" or "HEAD" => "get",
            "PUT" => "set",
            "PATCH" => "update",
            "DELETE" => "delete",
            _ => creates ? "create" : "add",
        };

        List<string> nouns = [];
        var named = action is null ? parts : parts[..^1];
        for (var i = 0; i < named.Length; i++)
        {
            if (IsParameter(named[i])) continue;
            var one = i + 1 < named.Length ? IsParameter(named[i + 1]) : method is "POST" && !many;
            nouns.Add(Pascal(one ? Singular(named[i]) : named[i]));
        }

        // Nearly everything belongs to an organization, so that word is left out.
        if (nouns is ["Organization", _, ..]) nouns.RemoveAt(0);
        return Camel(verb) + string.Concat(nouns);
    }

    private static bool IsParameter(string part) => part.StartsWith('{') || part is "current" or "me";

    private static string Singular(string word) => word switch
    {
        [.. var stem, 'i', 'e', 's'] => stem + "y",
        [.., 's', 's'] => word,
        [.. var stem, 's'] => stem,
        _ => word,
    };

    private static string Pascal(string words) =>
        words.Split('-', '.')
            .Aggregate(
                new StringBuilder(), (name, word) => name.Append(char.ToUpperInvariant(word[0])).Append(word[1..]))
            .ToString();

    private static string Camel(string words) => char.ToLowerInvariant(words[0]) + Pascal(words)[1..];
}
