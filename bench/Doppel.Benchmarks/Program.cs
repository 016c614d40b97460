using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Doppel.Benchmarks;

// In this process: the libraries under test are referenced as they are, and no project is generated and built first.
IConfig config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)).WithArtifactsPath("artifacts/bench/micro");
Type[] benchmarks = [typeof(GuestMemoryBenchmarks), typeof(DecodeBenchmarks), typeof(FloatBenchmarks)];
BenchmarkSwitcher.FromTypes(benchmarks).Run(args.Length > 0 ? args : ["--filter", "*"], config);
