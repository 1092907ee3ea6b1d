using System.Runtime.CompilerServices;
using Xunit.Sdk;
using Xunit.v3;

namespace Usher.Server.Tests.Infrastructure;

/// <summary>The runs that a test belongs to. In all others it is not enumerated, so it is neither passed nor
/// skipped there.</summary>
public enum Runs
{
    /// <summary>The run on SQLite: the test is about what only SQLite does.</summary>
    OnSqlite,

    /// <summary>The run on PostgreSQL: the test is about what only PostgreSQL does.</summary>
    OnPostgres,

    /// <summary>One run of the two, the one on SQLite: the database makes no difference to the test.</summary>
    Once,

    /// <summary>Both runs of <c>./test --long</c>.</summary>
    WhenLong,
}

/// <summary>The run that is going on.</summary>
public static class TestRun
{
    /// <summary>Whether this is <c>./test --long</c>: large matrices and many kills.</summary>
    public static bool IsLong { get; } = Environment.GetEnvironmentVariable("USHER_TEST_LONG") is "1";

    public static bool Includes(Runs runs) => runs switch
    {
        Runs.OnSqlite or Runs.Once => !TestDatabase.IsPostgres,
        Runs.OnPostgres => TestDatabase.IsPostgres,
        Runs.WhenLong => IsLong,
    };
}

/// <summary>A test of some runs only.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(Discoverer))]
public sealed class FactInAttribute(
    Runs runs, [CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
    : FactAttribute(sourceFilePath, sourceLineNumber)
{
    public Runs Runs => runs;

    private sealed class Discoverer : FactDiscoverer
    {
        public override ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
            ITestFrameworkDiscoveryOptions discoveryOptions, IXunitTestMethod testMethod,
            IFactAttribute factAttribute) =>
            TestRun.Includes(((FactInAttribute)factAttribute).Runs)
                ? base.Discover(discoveryOptions, testMethod, factAttribute)
                : new([]);
    }
}

/// <summary>A theory of some runs only.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer(typeof(Discoverer))]
public sealed class TheoryInAttribute(
    Runs runs, [CallerFilePath] string? sourceFilePath = null, [CallerLineNumber] int sourceLineNumber = -1)
    : TheoryAttribute(sourceFilePath, sourceLineNumber)
{
    public Runs Runs => runs;

    private sealed class Discoverer : TheoryDiscoverer
    {
        public override ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
            ITestFrameworkDiscoveryOptions discoveryOptions, IXunitTestMethod testMethod,
            IFactAttribute factAttribute) =>
            TestRun.Includes(((TheoryInAttribute)factAttribute).Runs)
                ? base.Discover(discoveryOptions, testMethod, factAttribute)
                : new([]);
    }
}
