using Doppel.IsaTests.Common;
using Doppel.IsaTests.Encoding;
using Doppel.IsaTests.Streams;
using Doppel.RiscV;

namespace Doppel.IsaTests.Systems;

/// <summary>Makes experiments that trap in every way they can.</summary>
internal sealed class ExperimentGenerator(Rng rng, IReadOnlyList<World> worlds)
{
    private const int CodeAddress = 16, FirstAddress = 17;
    private const ulong Fs = 3UL << 13, Interrupts = 0x222;

    private static readonly Instruction[] s_accesses = [.. InstructionTable.All.Where(r => r.Kind is InstructionKind.Load or InstructionKind.Store && r.Length == 4)];
    private static readonly Instruction[] s_amos = [.. InstructionTable.All.Where(r => r.Kind is InstructionKind.Amo)];
    private static readonly Instruction[] s_csrs = [.. InstructionTable.All.Where(r => r.Kind is InstructionKind.Csr)];

    // EBREAK is left out: tval may be zero, as in the oracle, or the address, as here.
    private static readonly string[] s_returns = ["sret", "mret", "ecall", "sfence.vma", "sinval.vma"];

    private static readonly int[] s_pmpModes = [0, 1, 2, 3];

    private PrivilegeMode _mode;
    private ulong _status;

    internal Experiment Next()
    {
        int world = rng.Below(worlds.Count);
        _mode = rng.Pick([PrivilegeMode.User, PrivilegeMode.Supervisor, PrivilegeMode.Supervisor, PrivilegeMode.Machine]);
        int paging = rng.Pick([0, 8, 8, 8, 9, 10]);
        ulong[] csrs = Csrs(worlds[world].Satp(paging, rng));
        // The upper half holds addresses and is never written: what a load found must not become an address where machines differ.
        ulong[] x = [.. Enumerable.Range(0, 32).Select(r => r >= CodeAddress ? World.RandomAddress(rng, code: r == CodeAddress) : SpecialValues.Integer(rng))];
        List<Step[]> body = [];
        // A jump goes before all loads and stores: where S-mode has loaded from a user page, the oracle lets it fetch from there as well.
        if (rng.Chance(15)) body.Add([.. CsrAccess(), Step.Of("jalr", Register(), 0, CodeAddress)]);
        for (int n = 1 + rng.Below(6); n > 0; n--) body.Add(RandomSteps());
        return new Experiment
        {
            World = world,
            Mode = _mode,
            X = x,
            Csrs = csrs,
            ThroughAlias = _mode == PrivilegeMode.User && paging != 0,
            Body = body,
        };
    }

    private ulong[] Csrs(ulong satp)
    {
        var csrs = new ulong[ExperimentCsrs.Loaded.Length];
        void Set(string name, ulong value) => csrs[ExperimentCsrs.IndexOf(name)] = value;
        // FS, SPP, SPIE, SIE, SUM, MXR, TVM, TW, TSR at random; MPP and MPIE are what MRET enters the experiment with.
        _status = (rng.Next() & 0x7C_6122) | ((ulong)_mode << 11) | (rng.Next() & 0x80);
        if (rng.Chance(80)) _status |= Fs;
        Set("satp", satp);
        // Never ECALL from S-mode, which ends an experiment, nor fetch faults, at which the handler itself could fail for ever.
        // Load and store access faults go the same way, since the oracle takes one for the other where an AMO meets no RAM.
        Set("medeleg", (rng.Next() & 0xA15C) | (rng.Chance(50) ? 0xA0UL : 0));
        Set("mideleg", rng.Next() & Interrupts);
        // Never two at once: the oracle takes the lowest number, whatever the manual says; directed tests have the order.
        Set("mie", rng.Next() & Interrupts);
        Set("mip", rng.Chance(15) ? rng.Pick([2UL, 0x20UL, 0x200UL]) : 0);
        // The oracle always updates A and D by hardware: ADUE makes the hart do the same.
        Set("menvcfg", 1UL << 61);
        Set("scounteren", rng.Next() & 7);
        Set("stvec", SystemLayout.SupervisorHandler | (rng.Chance(50) ? 1UL : 0));
        Set("sepc", Target());
        Set("fcsr", (ulong)rng.Below(32));
        SetPmp(Set);
        Set("mstatus", _status);
        return csrs;
    }

    // Random small regions over the data pages in front; the last region opens everything, so that code can be fetched. The first is no range
    // from zero: it would cover the page tables, and the oracle does not ask PMP whether A and D may be written.
    private void SetPmp(Action<string, ulong> set)
    {
        ulong config = 0x1FUL << 56;
        if (rng.Chance(40))
        {
            for (int i = 0; i < 6; i++) config |= (ulong)(rng.Pick(i == 0 ? [0, 2, 3] : s_pmpModes) << 3 | rng.Pick([0, 1, 3, 4, 5, 7])) << (8 * i);
        }
        for (int i = 0; i < 6; i++)
        {
            ulong at = SystemLayout.Data + ((ulong)rng.Below(SystemLayout.DataPages) << 12) + ((ulong)rng.Below(1024) * 4);
            // As many ones at the end as the size of a naturally aligned region asks for.
            set($"pmpaddr{i}", at >> 2 | ((1UL << rng.Below(11)) - 1));
        }
        set("pmpcfg0", config);
        set("pmpaddr7", ulong.MaxValue >> 10);
    }

    private ulong Target() => rng.Chance(30) ? World.RandomAddress(rng, code: true) : SystemLayout.SupervisorHandler + (rng.Chance(30) ? SystemLayout.UserAlias : 0);

    private Step[] RandomSteps() => rng.Below(20) switch
    {
        < 8 => [Access(rng.Pick(s_accesses))],
        8 or 9 => [Access(rng.Pick(s_amos))],
        10 => Reservation(),
        < 16 => CsrAccess(),
        16 => [Step.Of("mulh", Register(), Register(), Register())],
        17 or 18 => [Step.Of("fadd.d", rng.Below(32), rng.Below(32), rng.Below(32), rng.Pick([0, 1, 2, 3, 4, 7]))],
        _ => [Plain(rng.Pick(s_returns))],
    };

    // No distance: the registers hold the addresses.
    private Step Access(Instruction row) => new(row, [.. row.Operands.Select(o => o.Class switch
    {
        OperandClass.X => o.Name == "rs1" ? Address() : Register(),
        OperandClass.Immediate => 0,
        _ => OperandValues.Pick(o, rng),
    })]);

    // SC checks its address even where it has no reservation, which the manual leaves open; so the two are paired.
    private Step[] Reservation()
    {
        string width = rng.Chance(50) ? "w" : "d";
        int at = Address();
        return [Step.Of($"lr.{width}", rng.Below(4), Register(), at), Step.Of($"sc.{width}", rng.Below(4), Register(), Register(), at)];
    }

    private Step[] CsrAccess()
    {
        (int number, ulong mask) = ExperimentCsrs.PickTouched(rng);
        Instruction row = rng.Pick(s_csrs);
        if (row.Name.EndsWith('i')) return [new Step(row, Register(), number, (long)((ulong)rng.Below(32) & mask))];
        int source = Register();
        ulong value = (rng.Next() | rng.Next()) & mask;
        return [.. LoadConstant(source, value), new Step(row, Register(), number, source)];
    }

    private static IEnumerable<Step> LoadConstant(int register, ulong value)
    {
        yield return Step.Of("addi", register, 0, (long)(value >> 60));
        for (int shift = 50; shift >= 0; shift -= 10)
        {
            yield return Step.Of("slli", register, register, 10);
            yield return Step.Of("addi", register, register, (long)(value >> shift & 0x3FF));
        }
    }

    private Step Plain(string name)
    {
        // WFI could sleep for ever where it is legal.
        Instruction row = InstructionTable.Find(name == "ecall" && _mode == PrivilegeMode.User ? "wfi" : name);
        return new Step(row, [.. row.Operands.Select(_ => (long)rng.Below(32))]);
    }

    private int Register() => 1 + rng.Below(CodeAddress - 1);

    private int Address() => FirstAddress + rng.Below(32 - FirstAddress);
}
