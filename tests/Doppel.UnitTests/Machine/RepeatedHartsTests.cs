namespace Doppel.UnitTests.Machine;

/// <summary>Several harts whose time is counted in instructions: who comes first in a race is the same in every run, on every engine.</summary>
public sealed class RepeatedHartsTests : IDisposable
{
    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public async Task InstructionCount_HartsThatRace_RepeatExactlyOnBothEngines(int cpus)
    {
        string program = _tools.Build(Race, 0x8020_0000);

        (string Order, ulong Instructions, string Exits) first = await RunAsync(program, cpus, "interp");

        Assert.Matches("^[a-p]{16}$", first.Order);
        Assert.Equal(first, await RunAsync(program, cpus, "interp"));
        Assert.Equal(first, await RunAsync(program, cpus, "jit"));
        Assert.Equal(first, await RunAsync(program, cpus, "jit"));
    }

    [Fact]
    public async Task Verify_HartsThatRace_FindsNoDifferenceAndRepeatsTheRun()
    {
        string program = _tools.Build(Race, 0x8020_0000);

        (string Order, ulong Instructions, string Exits) plain = await RunAsync(program, cpus: 2, "jit");
        (string Order, ulong Instructions, string Exits) verified = await RunAsync(program, cpus: 2, "jit", new TranslatorConfig { Verify = true });

        Assert.Equal((plain.Order, plain.Instructions), (verified.Order, verified.Instructions));
    }

    private static async Task<(string Order, ulong Instructions, string Exits)> RunAsync(
        string program, int cpus, string engine, TranslatorConfig? translator = null)
    {
        VirtualMachineConfig config = new()
        {
            KernelPath = program,
            MemoryBytes = 64 << 20,
            Cpus = cpus,
            Engine = engine,
            Translator = translator ?? new TranslatorConfig(),
            Time = TimePolicy.InstructionCount,
            Timeout = TimeSpan.FromMinutes(5),
        };
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);
        await vm.WaitForExitAsync();
        VirtualMachineStatistics statistics = vm.GetStatistics();
        // Walks and invalidations are the engines' own business.
        IEnumerable<string> exits = statistics.Exits.Where(static e => e.Key.Contains(':', StringComparison.Ordinal) || e.Key.StartsWith('w')).Select(static e => $"{e.Key} {e.Value}");
        return (vm.Console.Output, statistics.Instructions, string.Join(", ", exits));
    }

    // S-mode. Each hart writes its number and the time into a common log, 2000 times, takes a lock now and then, interrupts its neighbour and
    // sleeps until it is interrupted or a timer is due. Hart 0 prints a digest of the log and of what the lock guards.
    private const string Race = """
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
                fence rw, w
                sd s1, (t0)
                j race
        other:  mv s0, a0
                la t0, harts
        1:      .word 0x0100000F
                ld s1, (t0)
                beqz s1, 1b
        race:   li t0, 0x22
                csrs sie, t0
                li s2, 2000
                la s3, next
                la s4, log
        1:      li t0, 1
                amoadd.d t1, t0, (s3)
                rdtime t2
                slli t2, t2, 10
                or t2, t2, s0
                slli t1, t1, 3
                add t1, t1, s4
                sd t2, (t1)
                andi t0, s2, 31
                bnez t0, 2f
                jal guarded
                andi t0, s2, 127
                bnez t0, 2f
                jal sleep
        2:      addi s2, s2, -1
                bnez s2, 1b
                la t0, ended
                li t1, 1
                amoadd.d.aqrl zero, t1, (t0)
                bnez s0, park
        3:      ld t1, (t0)
                blt t1, s1, 3b
                ld t0, (s3)
                ld s5, guard
        4:      ld t1, (s4)
                slli t2, s5, 5
                add s5, s5, t2
                xor s5, s5, t1
                addi s4, s4, 8
                addi t0, t0, -1
                bnez t0, 4b
                li s6, 16
        5:      srli a0, s5, 60
                slli s5, s5, 4
                addi a0, a0, 'a'
                li a7, 1
                ecall
                addi s6, s6, -1
                bnez s6, 5b
                li a7, 8
                ecall
        park:   csrw sie, zero
                wfi
                j park
        guarded:
                la t3, lock
        1:      lr.d t4, (t3)
                beqz t4, 2f
                .word 0x0100000F
                j 1b
        2:      li t4, 1
                sc.d t5, t4, (t3)
                bnez t5, 1b
                fence rw, rw
                ld t4, guard
                slli t5, t4, 3
                add t4, t4, t5
                add t4, t4, s0
                addi t4, t4, 1
                la t5, guard
                sd t4, (t5)
                fence rw, rw
                sd zero, (t3)
                ret
        sleep:  addi t0, s0, 1
                bne t0, s1, 1f
                li t0, 0
        1:      li a0, 1
                sll a0, a0, t0
                li a1, 0
                li a7, 0x735049
                li a6, 0
                ecall
                rdtime t0
                addi a0, t0, 300
                li a7, 0x54494D45
                li a6, 0
                ecall
                wfi
                csrci sip, 2
                ret
                .data
                .align 7
        harts:  .dword 0
                .align 7
        next:   .dword 0
                .align 7
        ended:  .dword 0
                .align 7
        lock:   .dword 0
        guard:  .dword 0
                .bss
                .align 12
        log:    .zero 65536
        """;
}
