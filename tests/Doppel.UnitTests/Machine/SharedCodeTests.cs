using Doppel.Core.Diagnostics;

namespace Doppel.UnitTests.Machine;

/// <summary>
/// Harts that share translations while these go away: one rewrites a function that all call, and all run more code than the cache holds. What a
/// hart calls after its FENCE.I must be what was written before (unprivileged manual, "Zifencei").
/// </summary>
public sealed class SharedCodeTests : IDisposable
{
    private const int Rounds = 24;

    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Theory]
    [InlineData("interp", 3, 48)]
    [InlineData("jit", 2, 48)]
    [InlineData("jit", 2, 1)]
    [InlineData("jit", 5, 1)]
    public async Task FunctionsRewrittenByOthers_ManyRounds_AreSeenAfterTheFence(string engine, int cpus, int cacheMebibytes)
    {
        VirtualMachineConfig config = new()
        {
            KernelPath = _tools.Build(Program(cpus)),
            Firmware = FirmwareChoice.None,
            MemoryBytes = 64 << 20,
            Cpus = cpus,
            Engine = engine,
            Translator = new TranslatorConfig { CacheBytes = (long)cacheMebibytes << 20 },
            Timeout = TimeSpan.FromMinutes(5),
        };
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);

        VirtualMachineExit exit = await vm.WaitForExitAsync();

        // The status is the number of wrong results plus one.
        Assert.Equal((VirtualMachineExitReason.GuestExit, 1), (exit.Reason, exit.Status));
    }

    [Fact]
    public async Task SmallCache_ManyHarts_IsEmptiedWhileTheyRun()
    {
        VirtualMachineConfig config = new()
        {
            KernelPath = _tools.Build(Program(3)),
            Firmware = FirmwareChoice.None,
            MemoryBytes = 64 << 20,
            Cpus = 3,
            Engine = "jit",
            Translator = new TranslatorConfig { CacheBytes = 1 << 20 },
            Timeout = TimeSpan.FromMinutes(5),
        };
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);
        await vm.WaitForExitAsync();

        TranslationStatistics translation = vm.GetStatistics().Translation!;

        // Each round runs more code than there is room for. All harts together need not make it more than a few times.
        Assert.InRange(translation.CacheFlushes, (ulong)Rounds / 2, (ulong)Rounds * 8);
    }

    // Each round another hart writes the round's number into "changing", a lui. Then all harts fence, call it from a loop on the same page
    // and from one on another, and run "long", which fills the cache. At last that hart writes to a page that is new in the round, while the
    // others run it for the first time: what they see then is not said, but after the next fence it must be what was written last.
    private static string Program(int harts) => $$"""
                .macro MEET
                add s8, s8, s6
                fence rw, rw
                li t0, 1
                amoadd.d.aqrl zero, t0, (s9)
        8:      ld t0, (s9)
                blt t0, s8, 8b
                fence rw, rw
                .endm
                .macro WRONG
                li t0, 1
                amoadd.d zero, t0, (s10)
                .endm
        _start: csrr s0, mhartid
                li s1, 0
                li s6, {{harts}}
                li s7, {{Rounds}}
                li s8, 0
                la s9, meeting
                la s10, wrong
        round:  addi s1, s1, 1
                MEET
                remu t0, s1, s6
                bne t0, s0, 1f
                slli t0, s1, 12
                ori t0, t0, 0x537
                la t1, changing
                sw t0, (t1)
        1:      MEET
                fence.i
                jal near
                beq a1, a2, 2f
                WRONG
        2:      li a1, 0
                li s2, 500
        3:      jal changing
                add a1, a1, a0
                addi s2, s2, -1
                bnez s2, 3b
                li t0, 500
                mul a2, s1, t0
                slli a2, a2, 12
                beq a1, a2, 4f
                WRONG
        4:      jal long
                li t0, 12000
                beq a0, t0, 5f
                WRONG
        5:      la s4, fresh
                slli t0, s1, 12
                add s4, s4, t0
                MEET
                li s2, 2000
                remu t0, s1, s6
                beq t0, s0, 10f
        9:      jalr s4
                addi s2, s2, -1
                bnez s2, 9b
                j 11f
        10:     sub t0, s1, s2
                slli t0, t0, 12
                ori t0, t0, 0x537
                sw t0, (s4)
                addi s2, s2, -1
                bgez s2, 10b
        11:     MEET
                fence.i
                jalr s4
                slli t0, s1, 12
                beq a0, t0, 12f
                WRONG
        12:     MEET
                blt s1, s7, round
                bnez s0, idle
                ld t0, (s10)
                li t1, 100
                ble t0, t1, 6f
                mv t0, t1
        6:      addi t0, t0, 1
                slli t0, t0, 1
                addi t0, t0, 1
                la a0, tohost
                sd t0, (a0)
        idle:   wfi
                j idle
                .section .changing, "awx", @progbits
                .align 12
        changing: .word 0x537
                ret
        near:   mv s3, ra
                li a1, 0
                li s2, 500
        7:      jal changing
                add a1, a1, a0
                addi s2, s2, -1
                bnez s2, 7b
                li t0, 500
                mul a2, s1, t0
                slli a2, a2, 12
                jr s3
                .balign 4096
        fresh:  .rept {{Rounds}} + 1
                .word 0x537
                ret
                .balign 4096
                .endr
        long:   li a0, 0
                .rept 12000
                addi a0, a0, 1
                beqz a0, idle
                .endr
                ret
                .data
                .align 7
        meeting: .dword 0
                .align 7
        wrong:  .dword 0
                .align 12
        tohost: .dword 0
                .globl tohost
        """;
}
