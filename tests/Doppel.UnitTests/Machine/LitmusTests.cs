namespace Doppel.UnitTests.Machine;

/// <summary>
/// Litmus tests of the RISC-V memory model (unprivileged manual, RVWMO and appendix A): harts meet, run a few accesses at once, and an
/// outcome that the model forbids must never be seen. Each round writes its own number, so nothing is cleared in between.
/// </summary>
public sealed class LitmusTests : IDisposable
{
    private const int Rounds = 3000, RoundsOfFour = 200;

    private readonly BareMetal _tools = new();

    // s1 is the round's number, s2 and s3 point at x and y, t1 and t2 are what a hart has seen. Then a0 and a1 are what hart 0 has seen, a2
    // and a3 hart 1, and so on; the verdict jumps to bad where that is forbidden, and to good where it is not.
    private static readonly (string Name, string[] Harts, string Verdict)[] s_tests =
    [
        ("MP", ["sd s1,(s2); fence w,w; sd s1,(s3)", "ld t1,(s3); fence r,r; ld t2,(s2)"],
            "bne a2,s1,good; beq a3,s1,good; j bad"),
        ("SB", ["sd s1,(s2); fence rw,rw; ld t1,(s3)", "sd s1,(s3); fence rw,rw; ld t1,(s2)"],
            "beq a0,s1,good; beq a2,s1,good; j bad"),
        ("LB", ["ld t1,(s2); fence rw,rw; sd s1,(s3)", "ld t1,(s3); fence rw,rw; sd s1,(s2)"],
            "bne a0,s1,good; bne a2,s1,good; j bad"),
        ("CoRR", ["sd s1,(s2)", "ld t1,(s2); ld t2,(s2)"],
            "bne a2,s1,good; beq a3,s1,good; j bad"),
        ("AMO", ["li t0,1; amoadd.d t1,t0,(s2); amoadd.d t1,t0,(s2)", "li t0,1; amoadd.d t1,t0,(s2); amoadd.d t1,t0,(s2)"],
            "ld t1,(s2); slli t0,s1,2; bne t0,t1,bad; j good"),
        ("LR/SC", ["5: lr.d t1,(s2); addi t1,t1,1; sc.d t0,t1,(s2); bnez t0,5b", "6: lr.d t1,(s2); addi t1,t1,1; sc.d t0,t1,(s2); bnez t0,6b"],
            "ld t1,(s2); slli t0,s1,1; bne t0,t1,bad; j good"),
        ("IRIW", ["sd s1,(s2)", "sd s1,(s3)", "ld t1,(s2); fence r,r; ld t2,(s3)", "ld t1,(s3); fence r,r; ld t2,(s2)"],
            "bne a4,s1,good; beq a5,s1,good; bne a6,s1,good; beq a7,s1,good; j bad"),
    ];

    public static TheoryData<string, int> Cases
    {
        get
        {
            TheoryData<string, int> data = [];
            foreach (string engine in (string[])["interp", "jit"])
            {
                for (int i = 0; i < s_tests.Length; i++) data.Add(engine, i);
            }
            return data;
        }
    }

    public void Dispose() => _tools.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Litmus_ManyRounds_NeverShowsWhatIsForbidden(string engine, int row)
    {
        (string name, string[] harts, string verdict) = s_tests[row];
        int rounds = harts.Length > 2 ? RoundsOfFour : Rounds;
        VirtualMachineConfig config = new()
        {
            KernelPath = _tools.Build(Program(harts, verdict, rounds)),
            Firmware = FirmwareChoice.None,
            MemoryBytes = 64 << 20,
            Cpus = harts.Length,
            Engine = engine,
            Timeout = TimeSpan.FromMinutes(5),
        };
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);

        VirtualMachineExit exit = await vm.WaitForExitAsync();

        // The status is the number of forbidden outcomes plus one, so that an end for another reason does not look like success.
        Assert.Equal((name, VirtualMachineExitReason.GuestExit, 1), (name, exit.Reason, exit.Status));
    }

    private static string Program(string[] harts, string verdict, int rounds) => $$"""
                .macro MEET
                add s8, s8, s6
                fence rw, rw
                li t0, 1
                amoadd.d.aqrl zero, t0, (s9)
        8:      ld t0, (s9)
                blt t0, s8, 8b
                fence rw, rw
                .endm
        _start: csrr s0, mhartid
                li s1, 0
                la s2, x
                la s3, y
                la s4, seen
                li s5, 0
                li s6, {{harts.Length}}
                li s7, {{rounds}}
                li s8, 0
                la s9, meeting
        round:  addi s1, s1, 1
                MEET
                {{string.Join("\n", harts.Select(static (body, hart) => $"li t0, {hart}; bne s0, t0, 1f; {body}\n1:"))}}
                slli t0, s0, 4
                add t0, t0, s4
                sd t1, (t0)
                sd t2, 8(t0)
                MEET
                bnez s0, good
                ld a0, 0(s4); ld a1, 8(s4); ld a2, 16(s4); ld a3, 24(s4)
                ld a4, 32(s4); ld a5, 40(s4); ld a6, 48(s4); ld a7, 56(s4)
                {{verdict}}
        bad:    addi s5, s5, 1
        good:   MEET
                blt s1, s7, round
                bnez s0, idle
                li t0, 100
                ble s5, t0, 2f
                mv s5, t0
        2:      addi s5, s5, 1
                slli s5, s5, 1
                addi s5, s5, 1
                la a0, tohost
                sd s5, (a0)
        idle:   wfi
                j idle
                .data
                .align 7
        x:      .dword 0
                .align 7
        y:      .dword 0
                .align 7
        meeting: .dword 0
                .align 7
        seen:   .zero 64
                .align 12
        tohost: .dword 0
                .globl tohost
        """;
}
