using Doppel.Core.Diagnostics;
using Doppel.Core.Time;
using Doppel.IsaTests.Harts;
using Doppel.Jit.Ir;
using Doppel.RiscV;
using Doppel.RiscV.Engines;
using Doppel.RiscV.Translate;

namespace Doppel.IsaTests.Directed;

/// <summary>Faults planted in the translator are found by <see cref="JitOptions.Verify"/>, and the right instruction is named.</summary>
public sealed class VerifyTests
{
    // A loop with a bit of everything; labels mark the instructions that the faults are planted in.
    private const string Program = """
        li a0, 20
        li a1, 0
        li a2, 0x80100000
        li a4, 0x123456789abcdef
        loop: addi a1, a1, 3
        xor a3, a1, a0
        sum: add a4, a4, a3
        store: sd a4, 8(a2)
        load: ld a5, 8(a2)
        slli a6, a5, 3
        branch: beq a1, a0, skip
        addi a7, a7, 1
        skip: addi a2, a2, 16
        addi a0, a0, -1
        bnez a0, loop
        done: j 0
        """;

    // Label, the operation that goes wrong there, what becomes of it, what the report must show.
    private static readonly (string Label, IrOp Op, Mutation Change, string Shows)[] s_faults =
    [
        ("loop", IrOp.Add, static (ref IrInst i) => i.Imm++, "a1 "),
        ("sum", IrOp.Add, static (ref IrInst i) => i.Op = IrOp.Sub, "a4 "),
        ("store", IrOp.Store, static (ref IrInst i) => i.Size = 4, "[80100008]"),
        ("store", IrOp.Store, static (ref IrInst i) => i.Imm += 8, "[80100010]"),
        ("load", IrOp.Load, static (ref IrInst i) => (i.Size, i.Signed) = (4, true), "a5 "),
        ("branch", IrOp.Branch, static (ref IrInst i) => i.Cond ^= (IrCond)1, "pc "),
    ];

    private delegate void Mutation(ref IrInst inst);

    public static TheoryData<int, int> Faults
    {
        get
        {
            TheoryData<int, int> data = [];
            for (int fault = 0; fault < s_faults.Length; fault++)
            {
                data.Add(fault, -1);
                data.Add(fault, 0);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void Verify_PlantedFault_NamesTheFirstInstructionThatDiffers(int fault, int hotSamples)
    {
        (string label, IrOp op, Mutation change, string shows) = s_faults[fault];
        ulong culprit = Assembler.Assemble(Program, BareHart.Ram).Labels[label];
        JitOptions options = JitOptions.Default with { HotSamples = hotSamples, Verify = true, Tamper = unit => Plant(unit, culprit, op, change) };
        using var hart = new BareHart(new JitEngine(options));

        var difference = Assert.Throws<EngineDifferenceException>(() => { hart.Run(Program, 100_000); });

        Assert.Equal(culprit, difference.GuestAddress);
        Assert.Contains(shows, difference.Report, StringComparison.Ordinal);
        Assert.False(difference.HostCode.IsEmpty);
    }

    [Fact]
    public void Verify_SoundTranslation_RunsTheProgramToTheSameEnd()
    {
        using var interpreted = new BareHart("interp");
        using var verified = new BareHart("jit-verify");

        interpreted.Run(Program, 100_000);
        verified.Run(Program, 100_000);

        Assert.Equal(
            (interpreted.State.Pc, interpreted["a4"], interpreted["a6"], interpreted["a7"]),
            (verified.State.Pc, verified["a4"], verified["a6"], verified["a7"]));
    }

    [Fact]
    public void Verify_TimeThatFollowsAClock_IsRefused()
    {
        using var hart = new BareHart("interp");
        using var time = new RealTime();
        var platform = new RiscVPlatform(hart.Memory, hart.Bus, time);

        Assert.Throws<ArgumentException>(() => new JitEngine(JitOptions.Default with { Verify = true }).CreateVcpu(0, platform));
    }

    private static void Plant(IrUnit unit, ulong culprit, IrOp op, Mutation change)
    {
        foreach (ref IrInst inst in unit.Insts)
        {
            if (inst.GuestOffset == (culprit & 0xFFF) && inst.Op == op) change(ref inst);
        }
    }
}
