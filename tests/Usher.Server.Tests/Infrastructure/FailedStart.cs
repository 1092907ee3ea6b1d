using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>
/// A start of the server that fails: its own entry point, with the settings as arguments, in this process. A process
/// of its own takes seconds to say the same.
/// </summary>
/// <param name="ExitCode">What the entry point returns.</param>
/// <param name="Errors">The lines on standard error.</param>
/// <param name="Output">The lines on standard error and in the log.</param>
public sealed record FailedStart(int ExitCode, IReadOnlyList<string> Errors, IReadOnlyList<string> Output)
{
    private static readonly AsyncLocal<Capture?> Current = new();
    private static readonly Lazy<IDisposable> Watching = new(Watch);

    /// <summary>Starts the server and waits until it gives up.</summary>
    /// <param name="database">Its own.</param>
    /// <param name="settings">On top of the database's.</param>
    public static async Task<FailedStart> RunAsync(TestDatabase database, Dictionary<string, string?> settings)
    {
        _ = Watching.Value;
        Dictionary<string, string?> all = new(database.Settings)
        {
            ["urls"] = "http://127.0.0.1:0", ["environment"] = "Development", ["applicationName"] = "Usher.Server",
            ["contentRoot"] = Repository.Path("src/Usher.Server"),
        };
        foreach (var (key, value) in settings) all[key] = value;
        string[] arguments = [.. all.Select(setting => $"--{setting.Key}={setting.Value}")];
        var capture = new Capture();
        Current.Value = capture;
        var code = await Task.Run(() => Enter(arguments)).WaitAsync(TimeSpan.FromSeconds(120));
        Current.Value = null;
        string[] errors = capture.Errors.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new(code, errors, [.. errors, .. capture.Log]);
    }

    private static int Enter(string[] arguments) => (int)typeof(UsherBuilder).Assembly.EntryPoint!.Invoke(
        null, BindingFlags.DoNotWrapExceptions, null, [arguments], null)!;

    // Standard error belongs to the whole process, and the entry point makes its own host: both are told apart by the
    // flow of the call.
    private static IDisposable Watch()
    {
        Console.SetError(new ErrorWriter(Console.Error));
        return DiagnosticListener.AllListeners.Subscribe(new Observer<DiagnosticListener>(listener =>
        {
            if (listener.Name is not "Microsoft.Extensions.Hosting") return;
            listener.Subscribe(new Observer<KeyValuePair<string, object?>>(told =>
            {
                if (told is { Key: "HostBuilding", Value: IHostBuilder host } && Current.Value is { } capture)
                    host.ConfigureLogging(logging => logging.ClearProviders().AddProvider(capture));
            }));
        }));
    }

    private sealed class Capture : ILoggerProvider, ILogger
    {
        public StringBuilder Errors { get; } = new();

        public ConcurrentQueue<string> Log { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        void ILogger.Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            Log.Enqueue($"{logLevel} {formatter(state, exception)}\n{exception}");

        public void Dispose()
        {
        }
    }

    private sealed class ErrorWriter(TextWriter otherwise) : TextWriter
    {
        public override Encoding Encoding => otherwise.Encoding;

        public override void Write(char value)
        {
            if (Current.Value is { } capture) capture.Errors.Append(value);
            else otherwise.Write(value);
        }

        public override void Flush() => otherwise.Flush();
    }

    private sealed class Observer<T>(Action<T> next) : IObserver<T>
    {
        public void OnNext(T value) => next(value);

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}
