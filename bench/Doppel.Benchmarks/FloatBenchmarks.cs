using BenchmarkDotNet.Attributes;
using Doppel.RiscV.Semantics;

namespace Doppel.Benchmarks;

/// <summary>Guest floating point with exact flags, beside the host's own.</summary>
public class FloatBenchmarks
{
    private const int Operations = 4096;
    private const int NearestEven = 0, TowardZero = 1;

    [Params(NearestEven, TowardZero)]
    public int Rounding { get; set; }

    [Benchmark(Baseline = true, OperationsPerInvoke = Operations)]
    public double HostAdd()
    {
        double sum = 0;
        for (int i = 0; i < Operations; i++) sum += 0.1;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public ulong GuestAdd()
    {
        ulong sum = 0, step = BitConverter.DoubleToUInt64Bits(0.1);
        uint flags = 0;
        for (int i = 0; i < Operations; i++) sum = FloatingPoint.Add64(sum, step, Rounding, ref flags);
        return sum;
    }
}
