using BenchmarkDotNet.Attributes;
using Doppel.Core.Memory;

namespace Doppel.Benchmarks;

/// <summary>What a device pays for each access to guest memory by physical address.</summary>
public class GuestMemoryBenchmarks : IDisposable
{
    private const ulong Base = 0x8000_0000;
    private const int Accesses = 4096;

    private readonly GuestMemory _memory = new(new RamRegion(Base, 64UL << 20, ReadOnly: false, "doppel-bench"));
    private readonly byte[] _page = new byte[4096];

    [Benchmark(OperationsPerInvoke = Accesses)]
    public uint ReadWord()
    {
        uint sum = 0;
        for (ulong i = 0; i < Accesses; i++)
        {
            if (_memory.TryRead(Base + (i * 4), out uint value)) sum += value;
        }
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Accesses)]
    public void WriteWord()
    {
        for (ulong i = 0; i < Accesses; i++) _memory.TryWrite(Base + (i * 4), (uint)i);
    }

    [Benchmark]
    public bool CopyPage() => _memory.TryWrite(Base + 0x1000, _page);

    [GlobalCleanup]
    public void Dispose()
    {
        _memory.Dispose();
        GC.SuppressFinalize(this);
    }
}
