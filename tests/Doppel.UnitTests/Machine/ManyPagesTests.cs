using Doppel.Core.Diagnostics;

namespace Doppel.UnitTests.Machine;

/// <summary>A guest that runs one instruction on each of very many pages, and never fences: what describes its translations stays bounded.</summary>
public sealed class ManyPagesTests : IDisposable
{
    private const int Pages = 24_000;

    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task SmallCache_CodeOnManyPages_KeepsNoMorePagesThanItPaysFor(int cpus)
    {
        TranslationStatistics translation = await RunAsync(cpus, cacheBytes: 4 << 20);

        // A page takes a KiB of the budget, however little code it has.
        Assert.InRange(translation.CacheFlushes, 5UL, 6UL);
    }

    [Fact]
    public async Task SeveralHarts_CodeOnManyPages_FewCopiesOfPagesAreKept()
    {
        TranslationStatistics translation = await RunAsync(cpus: 2, cacheBytes: 80 << 20);

        Assert.Equal(0UL, translation.CacheFlushes);
        Assert.InRange(translation.MetadataBytes, (ulong)Pages * 512, (ulong)Pages * 2048);
    }

    private async Task<TranslationStatistics> RunAsync(int cpus, long cacheBytes)
    {
        VirtualMachineConfig config = new()
        {
            KernelPath = _tools.Build(Program, 0x8020_0000),
            MemoryBytes = 112 << 20,
            Cpus = cpus,
            Engine = "jit",
            Translator = new TranslatorConfig { CacheBytes = cacheBytes },
            Timeout = TimeSpan.FromSeconds(60),
        };
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);
        VirtualMachineExit exit = await vm.WaitForExitAsync();
        Assert.Equal(VirtualMachineExitReason.PowerOff, exit.Reason);
        return vm.GetStatistics().Translation!;
    }

    // S-mode. Hart 0 writes a return to each page, fences once, and calls them all. Others are never started.
    private static string Program => $$"""
        _start: li s0, 0x80400000
                li s1, {{Pages}}
                li a1, 0x8082
                li a5, 4096
                mv t0, s0
                mv t1, s1
        1:      sh a1, 0(t0)
                add t0, t0, a5
                addi t1, t1, -1
                bnez t1, 1b
                fence.i
                mv t0, s0
                mv t1, s1
        2:      jalr t0
                add t0, t0, a5
                addi t1, t1, -1
                bnez t1, 2b
                li a7, 8
                ecall
        """;
}
