namespace Doppel.UnitTests.Machine;

/// <summary>More harts than the host has processors: they start through HSM, meet, and none of them is left behind.</summary>
public sealed class ManyHartsTests : IDisposable
{
    private const int Meetings = 8;

    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Theory]
    [InlineData("interp", "nop", 512)]
    [InlineData("jit", "nop", 512)]
    [InlineData("jit", ".word 0x0100000F", 512)]
    [InlineData("interp", ".word 0x0100000F", 64)]
    public async Task Barrier_MoreHartsThanProcessors_AllPassEveryTime(string engine, string whileWaiting, int cpus)
    {
        VirtualMachineConfig config = new()
        {
            KernelPath = _tools.Build(Program(whileWaiting), 0x8020_0000),
            MemoryBytes = 64 << 20,
            Cpus = cpus,
            Engine = engine,
            Timeout = TimeSpan.FromMinutes(5),
        };
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);

        VirtualMachineExit exit = await vm.WaitForExitAsync();

        // The guest prints the number of harts that it has started, and a mark for each that passed a meeting before all were there.
        Assert.Equal(($"{cpus:x3}", VirtualMachineExitReason.PowerOff), (vm.Console.Output, exit.Reason));
    }

    // S-mode. s0 is the hart's number, s1 the number of harts, s2 the arrivals that the next meeting waits for. What each hart has added before a
    // meeting, all must see behind it.
    private static string Program(string whileWaiting) => $$"""
        _start: mv s0, a0
                li s1, 1
        1:      li a7, 0x48534D
                li a6, 0
                mv a0, s1
                la a1, other
                li a2, 0
                ecall
                bnez a0, 2f
                addi s1, s1, 1
                j 1b
        2:      la t0, harts
                sd s1, (t0)
                fence rw, rw
                la t0, open
                li t1, 1
                sd t1, (t0)
                j meet
        other:  mv s0, a0
                la t0, open
        1:      ld t1, (t0)
                {{whileWaiting}}
                beqz t1, 1b
                fence rw, rw
                la t0, harts
                ld s1, (t0)
        meet:   li s2, 0
                li s3, {{Meetings}}
                la s4, arrived
                la s5, sum
                li s6, 0
        1:      amoadd.d zero, s0, (s5)
                add s2, s2, s1
                li t1, 1
                amoadd.d.aqrl zero, t1, (s4)
        2:      ld t0, (s4)
                {{whileWaiting}}
                blt t0, s2, 2b
                fence rw, rw
                addi t0, s1, -1
                mul t0, t0, s1
                srli t0, t0, 1
                add s6, s6, t0
                ld t0, (s5)
                bltu t0, s6, bad
                addi s3, s3, -1
                bnez s3, 1b
                bnez s0, 3f
                la s4, digits
                li s3, 8
        4:      srl t0, s1, s3
                andi t0, t0, 15
                add t0, t0, s4
                lbu a0, (t0)
                li a7, 1
                ecall
                addi s3, s3, -4
                bgez s3, 4b
                li a7, 0x53525354
                li a6, 0
                li a0, 0
                li a1, 0
                ecall
        3:      li a7, 0x48534D
                li a6, 1
                ecall
        bad:    li a7, 1
                li a0, '!'
                ecall
                j 3b
                .data
                .align 7
        open:   .dword 0
        harts:  .dword 0
                .align 7
        arrived: .dword 0
                .align 7
        sum:    .dword 0
        digits: .ascii "0123456789abcdef"
        """;
}
