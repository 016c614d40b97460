using BenchmarkDotNet.Attributes;
using Doppel.RiscV.Decode;

namespace Doppel.Benchmarks;

/// <summary>What it costs to see a compressed instruction for the first time.</summary>
public class DecodeBenchmarks
{
    private const int Halfwords = 1 << 16;

    [Benchmark(OperationsPerInvoke = Halfwords)]
    public uint ExpandCompressed()
    {
        uint sum = 0;
        for (uint i = 0; i < Halfwords; i++) sum += CompressedExpander.Expand(i);
        return sum;
    }
}
