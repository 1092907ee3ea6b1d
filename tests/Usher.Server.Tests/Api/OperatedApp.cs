using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Api;

/// <summary>A server with an operator, whose clock tests move, and that does nothing by itself.</summary>
public sealed class OperatedApp : IAsyncLifetime
{
    public const string Key = "operator-0123456789-0123456789-0123456789";

    public TestClock Clock { get; } = new();

    public UsherApp App { get; private set; } = null!;

    /// <summary>Calls with the operator's key.</summary>
    public HttpClient Operator { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        App = await UsherApp.StartAsync(Settings, Clock, workers: false);
        Operator = ClientOf(App);
    }

    public ValueTask DisposeAsync()
    {
        Operator.Dispose();
        return App.DisposeAsync();
    }

    public static Dictionary<string, string?> Settings => new() { ["Usher:Operator:ApiKey"] = Key };

    public static HttpClient ClientOf(UsherApp app, string key = Key)
    {
        var client = app.CreateClient();
        client.DefaultRequestHeaders.Add("X-AUTH-TOKEN", key);
        return client;
    }
}
