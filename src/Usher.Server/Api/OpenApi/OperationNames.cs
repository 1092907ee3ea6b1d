using System.Text;

namespace Usher.Server.Api.OpenApi;

/// <summary>
/// What an operation is called, by its route, which is as permanent as a name should be: <c>GET
/// …/members/{member}/api-keys</c> is listMemberApiKeys, <c>POST …/members/{member}/suspend</c> suspendMember, <c>POST
/// …/members/search</c> searchMembers. A route's own <c>WithName</c> goes before.
/// </summary>
internal static class OperationNames
{
    /// <param name="method">Such as <c>GET</c>.</param>
    /// <param name="path">Below the API's prefix, such as <c>/organizations/{organization}/members</c>.</param>
    /// <param name="lists">Whether it answers with a page of many.</param>
    /// <param name="creates">Whether it answers that something was made.</param>
    public static string Of(string method, string path, bool lists, bool creates)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        // What is done to something is a word behind it that names no further things: /{member}/suspend,
        // /members/search.
        var action = method is "POST" && parts.Length > 1 && !IsParameter(parts[^1]) && !parts[^1].EndsWith('s')
            ? parts[^1]
            : null;
        var many = lists || (action is not null && !IsParameter(parts[^2]))
            || (method is "POST" && action is null && !creates);
        var verb = action ?? method switch { "GET" when lists => "list", "GET" or "HEAD" => "get", "PUT" => "set", "PATCH" => "update", "DELETE" => "delete", _ => creates ? "create" : "add" };

        List<string> nouns = [];
        var named = action is null ? parts : parts[..^1];
        for (var i = 0; i < named.Length; i++)
        {
            if (IsParameter(named[i])) continue;
            var one = i + 1 < named.Length ? IsParameter(named[i + 1]) : method is "POST" && !many;
            nouns.Add(Pascal(one ? Singular(named[i]) : named[i]));
        }

        // Nearly everything is an organization's.
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
