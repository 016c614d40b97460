namespace Doppel.UnitTests.Machine;

/// <summary>
/// A guest whose code goes on from page to page by instructions that lie on two: each page's translation depends on the next one, so that one store
/// makes all of them stale.
/// </summary>
public sealed class ChainedPagesTests : IDisposable
{
    private const int Pages = 14_000;

    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Theory]
    [InlineData("interp")]
    [InlineData("jit")]
    public async Task LastPageOfALongChain_Rewritten_EndsAllTranslationsBeforeIt(string engine)
    {
        VirtualMachineConfig config = new()
        {
            KernelPath = _tools.Build(Program),
            Firmware = FirmwareChoice.None,
            MemoryBytes = 64 << 20,
            Engine = engine,
            Timeout = TimeSpan.FromSeconds(60),
        };
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);

        VirtualMachineExit exit = await vm.WaitForExitAsync();

        Assert.Equal((VirtualMachineExitReason.GuestExit, 1), (exit.Reason, exit.Status));
    }

    // Each page begins with the second half of "addi a0, a0, 1", then jumps to its first half, which stands at the end. The last page returns
    // instead, and then counts once more before it does.
    private static string Program => $$"""
        _start: li s0, 0x80400000
                li s1, {{Pages}}
                mv t0, s0
                mv t1, s1
                la t2, page
                lhu a1, 0(t2)
                lhu a2, 2(t2)
                lhu a3, 4(t2)
                li a4, 0x0513
                li a5, 4096
        1:      sh a1, 0(t0)
                sh a2, 2(t0)
                sh a3, 4(t0)
                add t0, t0, a5
                sh a4, -2(t0)
                addi t1, t1, -1
                bnez t1, 1b
                sub s2, t0, a5
                li a1, 0x8082
                sh a1, 2(s2)
                fence.i
                li a0, 0
                jalr 2(s0)
                addi s1, s1, -1
                bne a0, s1, bad
                li a1, 0x0505
                sh a1, 2(s2)
                li a1, 0x8082
                sh a1, 4(s2)
                fence.i
                li a0, 0
                jalr 2(s0)
                addi s1, s1, 1
                bne a0, s1, bad
                li a1, 3
                j done
        bad:    li a1, 5
        done:   la a0, tohost
                sd a1, (a0)
        idle:   wfi
                j idle
                .align 2
        page:   .half 0x0015
                .option push
                .option norvc
        2:      j 2b + 0xFFC
                .option pop
                .data
                .align 12
        tohost: .dword 0
                .globl tohost
        """;
}
