using System.Text;
using System.Text.Json;

namespace Usher.Server.Tests.Dialects.DeployHq;

/// <summary>What DeployHQ's refusals look like, and how tests ask.</summary>
internal static class Answers
{
    public const string Ok = """{ "status": "ok" }""";
    public const string AdminsOnly =
        """{ "error": "Only account administrators can change permissions", "error_code": "forbidden" }""";
    public const string NotCovered =
        """{ "error": "You cannot manage a user with more permissions than your own", "error_code": "forbidden" }""";
    public const string ReadOnlyKey = """
        { "status": 403, "error": "This API key is read-only", "error_code": "api_key_read_only",
        "hint": "Use a key that may write." }
        """;

    public const string NotFound = """
        { "status": "not_found", "error": "Record not found", "error_code": "record_not_found",
          "hint": "There is no such record in this account." }
        """;

    public static readonly string[] Flags =
        [
            "account_administrator", "can_manage_users", "can_manage_billing", "can_create_projects",
            "can_manage_agents", "all_projects_allowed",
        ];

    public static string Forbidden(
        string hint = "This needs an account administrator, or the permission to manage users.") =>
        $$"""
        { "status": 403, "error": "You are not allowed to access this resource", "error_code": "forbidden",
        "hint": "{{hint}}" }
        """;

    public static string WrapperMissing(string name) =>
        $$"""
        { "status": 400, "error": "param is missing or the value is empty: {{name}}", "error_code": "parameter_missing",
        "hint": "Wrap the members in it." }
        """;

    public static string Fault(string member, string text) => $$"""{ "{{member}}": ["{{text}}"] }""";

    /// <summary>The flags of a user or team that are true.</summary>
    public static string[] TrueFlags(this JsonElement shown) =>
        [
            .. shown.EnumerateObject()
                .Where(p => (Flags.Contains(p.Name) || p.Name is "is_admin") && p.Value.GetBoolean())
                .Select(p => p.Name)];

    extension(HttpClient client)
    {
        public async Task<HttpResponseMessage> AskAsync(string method, string path, string? body = null)
        {
            using var request = new HttpRequestMessage(new(method), path);
            if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            return await client.SendAsync(request, TestContext.Current.CancellationToken);
        }

        public Task<HttpResponseMessage> PutUserAsync(object id, string user, string beside = "") =>
            client.AskAsync("PUT", $"/users/{id}", $$"""{ "user": {{user}}{{beside}} }""");

        public Task<HttpResponseMessage> PutTeamAsync(object id, string team, string beside = "") =>
            client.AskAsync("PUT", $"/teams/{id}", $$"""{ "team": {{team}}{{beside}} }""");

        public Task<HttpResponseMessage> PostTeamAsync(string team) =>
            client.AskAsync("POST", "/teams", $$"""{ "team": {{team}} }""");

        /// <summary>The permalinks of the projects the caller sees.</summary>
        public async Task<string[]> ProjectsAsync() =>
            [
                .. (await client.AskAsync("GET", "/projects").OkAsync()).EnumerateArray()
                    .Select(p => p.TextAt("permalink")!)];
    }
}
