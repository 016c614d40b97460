using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Csr;

/// <summary>One control and status register: how it reads and, where it can be written, how writing it works (WARL included).</summary>
/// <param name="Number">Address; bits 9–8 give the lowest privilege, bits 11–10 both set mean read-only (privileged manual, 2.1).</param>
/// <param name="Name">Name in the manual.</param>
/// <param name="Read">Value.</param>
/// <param name="Write">Effect of a write, or null where writes are ignored.</param>
internal sealed record CsrRow(int Number, string Name, Func<Hart, ulong> Read, Action<Hart, ulong>? Write);

/// <summary>All CSRs of the hart. A number without a row does not exist: touching it is an illegal instruction.</summary>
internal static unsafe class CsrTable
{
    private const ulong CounterMask = 0xFFFFFFFF;

    // medeleg: every exception that can come from below M-mode; 11 (ECALL from M) cannot.
    private const ulong DelegableExceptions = 0xB3FF;

    private static readonly CsrRow?[] s_rows = Build();

    /// <summary>The row of a CSR number, or null.</summary>
    internal static CsrRow? Find(int number) => s_rows[number];

    /// <summary>All rows, for tests and tools.</summary>
    internal static IEnumerable<CsrRow> Rows => s_rows.OfType<CsrRow>();

    private static CsrRow?[] Build()
    {
        CsrRow?[] rows = new CsrRow?[4096];
        foreach (CsrRow row in (CsrRow[])[.. UserRows(), .. SupervisorRows(), .. MachineRows(), .. PmpRows(), .. CounterRows()]) rows[row.Number] = row;
        return rows;
    }

    private static CsrRow[] UserRows() =>
    [
        new(0x001, "fflags", h => h.Context->State.Fflags, CsrEffects.WriteFflags),
        new(0x002, "frm",    h => h.Context->State.Frm,    CsrEffects.WriteFrm),
        new(0x003, "fcsr",   h => h.Context->State.Fflags | (h.Context->State.Frm << 5), CsrEffects.WriteFcsr),
        new(0xC00, "cycle",   CsrEffects.ReadCycle, null),
        new(0xC01, "time",    h => h.Platform.Counter.Value, null),
        new(0xC02, "instret", CsrEffects.ReadInstret, null),
    ];

    private static CsrRow[] SupervisorRows() =>
    [
        new(0x100, "sstatus",    h => CsrEffects.ReadMstatus(h) & Mstatus.SupervisorView, CsrEffects.WriteSstatus),
        new(0x104, "sie",        h => h.Context->State.Mie & h.Context->State.Mideleg, CsrEffects.WriteSie),
        new(0x105, "stvec",      h => h.Context->State.Stvec, (h, v) => h.Context->State.Stvec = v & ~2UL),
        new(0x106, "scounteren", h => h.Context->State.Scounteren, (h, v) => h.Context->State.Scounteren = v & CounterMask),
        new(0x10A, "senvcfg",    h => h.Context->State.Senvcfg, (h, v) => h.Context->State.Senvcfg = CsrEffects.LegalEnvcfg(v, Envcfg.Fiom | Envcfg.Cbie | Envcfg.Cbcfe | Envcfg.Cbze)),
        new(0x140, "sscratch",   h => h.Context->State.Sscratch, (h, v) => h.Context->State.Sscratch = v),
        new(0x141, "sepc",       h => h.Context->State.Sepc, (h, v) => h.Context->State.Sepc = v & ~1UL),
        new(0x142, "scause",     h => h.Context->State.Scause, (h, v) => h.Context->State.Scause = v),
        new(0x143, "stval",      h => h.Context->State.Stval, (h, v) => h.Context->State.Stval = v),
        new(0x144, "sip",        h => h.PendingInterrupts & h.Context->State.Mideleg, CsrEffects.WriteSip),
        new(0x14D, "stimecmp",   h => h.Context->State.Stimecmp, CsrEffects.WriteStimecmp),
        new(0x180, "satp",       h => h.Context->State.Satp, CsrEffects.WriteSatp),
    ];

    private static CsrRow[] MachineRows() =>
    [
        new(0xF11, "mvendorid",     _ => 0, null),
        new(0xF12, "marchid",       _ => 0, null),
        new(0xF13, "mimpid",        _ => 0, null),
        new(0xF14, "mhartid",       h => h.Context->State.Mhartid, null),
        new(0xF15, "mconfigptr",    _ => 0, null),
        new(0x300, "mstatus",       CsrEffects.ReadMstatus, CsrEffects.WriteMstatus),
        new(0x301, "misa",          h => h.Context->State.Misa, null),
        new(0x302, "medeleg",       h => h.Context->State.Medeleg, (h, v) => h.Context->State.Medeleg = v & DelegableExceptions),
        new(0x303, "mideleg",       h => h.Context->State.Mideleg, (h, v) => h.Context->State.Mideleg = v & InterruptBit.Supervisor),
        new(0x304, "mie",           h => h.Context->State.Mie, (h, v) => h.Context->State.Mie = v & InterruptBit.All),
        new(0x305, "mtvec",         h => h.Context->State.Mtvec, (h, v) => h.Context->State.Mtvec = v & ~2UL),
        new(0x306, "mcounteren",    h => h.Context->State.Mcounteren, (h, v) => h.Context->State.Mcounteren = v & CounterMask),
        new(0x30A, "menvcfg",       h => h.Context->State.Menvcfg, CsrEffects.WriteMenvcfg),
        new(0x320, "mcountinhibit", h => h.Context->State.Mcountinhibit, CsrEffects.WriteMcountinhibit),
        new(0x340, "mscratch",      h => h.Context->State.Mscratch, (h, v) => h.Context->State.Mscratch = v),
        new(0x341, "mepc",          h => h.Context->State.Mepc, (h, v) => h.Context->State.Mepc = v & ~1UL),
        new(0x342, "mcause",        h => h.Context->State.Mcause, (h, v) => h.Context->State.Mcause = v),
        new(0x343, "mtval",         h => h.Context->State.Mtval, (h, v) => h.Context->State.Mtval = v),
        new(0x344, "mip",           h => h.PendingInterrupts, CsrEffects.WriteMip),
        new(0xB00, "mcycle",        CsrEffects.ReadCycle, CsrEffects.WriteMcycle),
        new(0xB02, "minstret",      CsrEffects.ReadInstret, CsrEffects.WriteMinstret),
    ];

    // RV64 has the even pmpcfg registers only, eight regions in each (privileged manual, 3.7.1).
    private static IEnumerable<CsrRow> PmpRows()
    {
        for (int i = 0; i < 2; i++)
        {
            int first = i * 8;
            yield return new(0x3A0 + (i * 2), $"pmpcfg{i * 2}", h => CsrEffects.ReadPmpcfg(h, first), (h, v) => CsrEffects.WritePmpcfg(h, first, v));
        }
        for (int i = 0; i < 16; i++)
        {
            int region = i;
            yield return new(0x3B0 + i, $"pmpaddr{i}", h => CsrEffects.ReadPmpaddr(h, region), (h, v) => CsrEffects.WritePmpaddr(h, region, v));
        }
    }

    // Zihpm: the counters are there and read zero; there is no event to choose.
    private static IEnumerable<CsrRow> CounterRows()
    {
        for (int i = 3; i < 32; i++)
        {
            yield return new(0xC00 + i, $"hpmcounter{i}", _ => 0, null);
            yield return new(0xB00 + i, $"mhpmcounter{i}", _ => 0, null);
            yield return new(0x320 + i, $"mhpmevent{i}", _ => 0, null);
        }
    }
}
