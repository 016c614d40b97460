using Doppel.IsaTests.Encoding;

namespace Doppel.IsaTests.Systems;

/// <summary>Differences in which the oracle (QEMU 7.2) leaves the manual, or takes another of its choices. Directed tests have each case.</summary>
internal static class OracleQuirks
{
    private const ulong IllegalInstruction = 2, LoadAccessFault = 5, StoreAccessFault = 7, Mprv = 1UL << 17;

    /// <summary>True if a difference says nothing against the subject.</summary>
    /// <param name="experiment">What was run.</param>
    /// <param name="name">Register that differs.</param>
    /// <param name="cause">For mtval and stval: the oracle's cause.</param>
    /// <param name="oracle">Its value.</param>
    /// <param name="subject">The subject's value.</param>
    internal static bool Explains(Experiment experiment, string name, ulong cause, ulong oracle, ulong subject) => name switch
    {
        // After an illegal instruction tval holds the instruction or zero (privileged manual, 3.1.16): the oracle does either.
        "mtval" or "stval" => cause == IllegalInstruction && oracle == 0,
        // It makes an AMO outside RAM of a load and a store, and reports the load's access fault; the manual wants the store's.
        "mcause" or "scause" => (oracle, subject) == (LoadAccessFault, StoreAccessFault) && experiment.Has(r => r.Kind == InstructionKind.Amo),
        // It does not clear MPRV at an SRET in M-mode (privileged manual, 3.1.6.3).
        "mstatus" => oracle == (subject | Mprv) && experiment.Has(r => r.Name == "sret"),
        _ => false,
    };
}
