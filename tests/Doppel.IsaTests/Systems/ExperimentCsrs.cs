using Doppel.IsaTests.Common;
using Doppel.IsaTests.Harts;

namespace Doppel.IsaTests.Systems;

/// <summary>
/// The CSRs of an experiment: which are loaded before it, which are recorded after it, and which its code may touch with which bits. Bits
/// are left out where the oracle (QEMU 7.2) and the manual differ or where both leave a choice.
/// </summary>
internal static class ExperimentCsrs
{
    /// <summary>Loaded in this order; mstatus last, since it decides where MRET goes.</summary>
    internal static readonly string[] Loaded =
    [
        "satp", "medeleg", "mideleg", "mie", "mip", "menvcfg", "senvcfg", "mcounteren", "scounteren", "stvec", "sepc", "scause", "stval", "fcsr",
        "pmpcfg0", "pmpaddr0", "pmpaddr1", "pmpaddr2", "pmpaddr3", "pmpaddr4", "pmpaddr5", "pmpaddr6", "pmpaddr7", "mcause", "mtval", "mepc", "mstatus",
    ];

    /// <summary>Recorded when the experiment ends; mstatus is recorded first, by itself.</summary>
    internal static readonly string[] Recorded =
    [
        "mepc", "mcause", "mtval", "sstatus", "sepc", "scause", "stval", "stvec", "sie", "sip", "mie", "mip", "medeleg", "mideleg", "satp",
        "pmpcfg0", "pmpaddr0", "pmpaddr5", "pmpaddr6", "scounteren", "fcsr",
    ];

    private const ulong SstatusMask = 0xC_6122;
    // All but MPP, whose reserved value the oracle keeps.
    private const ulong MstatusMask = 0x7E_61AA;

    // CSR and the bits that a random write may set.
    private static readonly (string Name, ulong Mask)[] s_touched =
    [
        ("sstatus", SstatusMask), ("sstatus", SstatusMask), ("mstatus", MstatusMask), ("mstatus", MstatusMask), ("sie", 0x222), ("mie", 0x222),
        ("sip", 0), ("mideleg", 0x222), ("medeleg", 0xA15C), ("sepc", ~1UL), ("mepc", ~1UL), ("scause", ulong.MaxValue), ("mcause", ulong.MaxValue),
        ("stval", ulong.MaxValue), ("mtval", ulong.MaxValue), ("stvec", 0xFFFF_FFFF_0000_0001), ("scounteren", 0xFFFF_FFFF), ("fcsr", 0xFF), ("frm", 7), ("fflags", 0x1F),
        ("pmpaddr6", 0x3F_FFFF_FFFF),
        // No such CSR.
        ("0x5C0", ulong.MaxValue), ("0x9C0", ulong.MaxValue), ("0x7C0", ulong.MaxValue), ("0x3A1", ulong.MaxValue), ("0xCC0", ulong.MaxValue),
    ];

    internal static (int Number, ulong Mask) PickTouched(Rng rng)
    {
        (string name, ulong mask) = rng.Pick(s_touched);
        return (CsrNames.Find(name), mask);
    }

    internal static int IndexOf(string name) => Array.IndexOf(Loaded, name);
}
