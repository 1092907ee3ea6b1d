using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

// In this process, because what is compared is one build with another, not one runtime with another; and short: nine
// pieces in two minutes.
var shortly = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance);
BenchmarkSwitcher.FromAssembly(typeof(Usher.Benchmarks.InnerPieces).Assembly)
    .Run(args is [] ? ["--filter", "*"] : args, DefaultConfig.Instance.AddJob(shortly));
