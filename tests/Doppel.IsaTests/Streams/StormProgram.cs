using System.Globalization;
using System.Text;
using Doppel.IsaTests.Common;
using Doppel.IsaTests.Encoding;
using Doppel.IsaTests.Harts;

namespace Doppel.IsaTests.Streams;

/// <summary>
/// A random program that never ends, for a hart in S-mode: random sequences in loops, one after the other, whose data lies in pages that come
/// and go, with code that is patched, under timer interrupts. The handler maps what faults, takes another page away, and arms the timer anew.
/// </summary>
internal sealed class StormProgram
{
    /// <summary>Where the data pages are in guest-virtual addresses, and how many.</summary>
    internal const ulong Region = 0x4000_0000;

    internal const int Pages = 16;

    private const int Sequences = 12, MaxRounds = 24, PageBytes = 4096;
    private const ulong SaveArea = BareHart.Data + (Pages * PageBytes);

    // ADDI and XORI of registers that sequences use, and C.NOP with C.ADDI a0: what code is patched with.
    private static readonly uint[] s_patches = [0x00150513, 0xFFF58593, 0x0FF64613, 0x00178793, 0x05050001, 0x00000013];

    private readonly StringBuilder _text = new();
    private readonly Rng _rng;

    private StormProgram(Rng rng) => _rng = rng;

    /// <summary>Puts a program and what it needs into a hart.</summary>
    /// <param name="hart">A hart that has not run.</param>
    /// <param name="seed">Decides everything.</param>
    internal static void Place(BareHart hart, ulong seed)
    {
        var program = new StormProgram(new Rng(seed));
        program.Write();
        hart.Place(BareHart.Ram, program._text.ToString());
        var tables = new PageTables(hart, mode: 8).MapRam();
        const ulong Rights = PageTables.R | PageTables.W | PageTables.A | PageTables.D;
        ulong leaf = 0;
        for (int i = Pages - 1; i >= 0; i--) leaf = tables.Map(Region + (ulong)(i * PageBytes), BareHart.Data + (ulong)(i * PageBytes), Rights);
        hart.Place(BareHart.SupervisorHandler, Handler(leaf));
        for (int i = 0; i < Pages * PageBytes; i += 8) hart.Write(BareHart.Data + (ulong)i, SpecialValues.Integer(program._rng));
        hart.Write(SaveArea + 24, program._rng.Next() | 1);
        hart.State.Sscratch = SaveArea;
        hart.State.Mstatus |= 1 << 1;
        hart.State.Mie = (1 << 5) | (1 << 1);
        hart.State.Mideleg = (1 << 5) | (1 << 1) | (1 << 9);
        hart.State.Medeleg = 0xFFFF;
        hart.State.Menvcfg = 1UL << 63;
        hart.State.Mcounteren = 7;
        hart.State.Stimecmp = 20;
        hart.Mode = RiscV.PrivilegeMode.Supervisor;
    }

    private void Write()
    {
        for (int i = 0; i < Sequences; i++) WriteFunction(i, SequenceGenerator.Generate(_rng.Fork()));
    }

    private void WriteFunction(int number, Sequence sequence)
    {
        string link = RegisterNames.X[sequence.Link];
        ulong scratch = Region + (ulong)_rng.Below((Pages * PageBytes) - Sequence.ScratchBytes);
        // Mostly aligned, as compilers have it; else accesses straddle pages now and then.
        if (_rng.Chance(80)) scratch &= ~7UL;
        Line($"f{number}: li {link}, {1 + _rng.Below(MaxRounds)}");
        Line($"slot{number}: addi zero, zero, 0");
        Line($"loop{number}: li {RegisterNames.X[sequence.Anchor]}, {scratch + Sequence.AnchorOffset}");
        foreach ((int register, int offset) in sequence.Pointers) Line($"li {RegisterNames.X[register]}, {scratch + (ulong)offset}");
        byte[] body = sequence.Encode();
        for (int i = 0; i < body.Length; i += 2) Line($".half {BitConverter.ToUInt16(body, i)}");
        Line($"addi {link}, {link}, -1");
        Line($"bnez {link}, loop{number}");
        if (_rng.Chance(50)) WritePatch();
        Line($"j f{(number + 1) % Sequences}");
    }

    // Code that is changed and fenced before anything can run it.
    private void WritePatch()
    {
        Line($"li t0, {(int)_rng.Pick(s_patches)}");
        Line($"la t1, slot{_rng.Below(Sequences)}");
        Line($"sw t0, 0(t1)");
        Line($"fence.i");
    }

    private void Line(FormattableString line) => _text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    // Registers are saved at sscratch; behind them are a random number, the number of interrupts, and a mixture of where they came.
    private static string Handler(ulong leaf) => $"""
        csrrw sp, sscratch, sp
        sd t0, 0(sp); sd t1, 8(sp); sd t2, 16(sp)
        ld t0, 24(sp)
        slli t1, t0, 13; xor t0, t0, t1
        srli t1, t0, 7; xor t0, t0, t1
        slli t1, t0, 17; xor t0, t0, t1
        sd t0, 24(sp)
        csrr t0, scause
        blt t0, zero, interrupt
        addi t1, t0, -13; beqz t1, fault
        addi t1, t0, -15; beqz t1, fault
        skip: csrr t1, sepc
        lhu t2, 0(t1)
        andi t2, t2, 3; addi t2, t2, -3; addi t1, t1, 2
        bnez t2, short
        addi t1, t1, 2
        short: csrw sepc, t1
        j out
        fault: csrr t1, stval
        srli t2, t1, 16; li t0, {Region >> 16}; bne t2, t0, skip
        srli t2, t1, 12; andi t2, t2, {Pages - 1}; slli t2, t2, 3; li t0, {leaf}; add t2, t2, t0
        ld t0, 0(t2); ori t0, t0, 0xC7; sd t0, 0(t2)
        sfence.vma t1, zero
        ld t0, 24(sp)
        andi t1, t0, {Pages - 1}; slli t1, t1, 3; li t2, {leaf}; add t1, t1, t2
        andi t0, t0, 0x80; addi t0, t0, 1; not t0, t0
        ld t2, 0(t1); and t2, t2, t0; sd t2, 0(t1)
        sfence.vma zero, zero
        j out
        interrupt: csrrci zero, sip, 2
        ld t0, 24(sp); andi t0, t0, 63
        csrr t1, time; add t1, t1, t0; addi t1, t1, 2; csrw stimecmp, t1
        ld t1, 32(sp); addi t1, t1, 1; sd t1, 32(sp)
        csrr t2, sepc; ld t1, 40(sp); slli t0, t1, 5; sub t1, t0, t1; add t1, t1, t2; sd t1, 40(sp)
        out: ld t0, 0(sp); ld t1, 8(sp); ld t2, 16(sp)
        csrrw sp, sscratch, sp
        sret
        """;

    /// <summary>Interrupts that the handler has taken so far.</summary>
    internal static ulong Interrupts(BareHart hart) => hart.Read(SaveArea + 32);
}
