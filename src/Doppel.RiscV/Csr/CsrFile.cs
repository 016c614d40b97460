using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Csr;

/// <summary>Access to CSRs by instructions, with the rights that the manual demands (privileged manual, 2.1, 3.1.6.5, 3.1.11, 10.1.5).</summary>
internal static unsafe class CsrFile
{
    /// <summary>Finds a CSR that the current mode may access in the wanted way. False means illegal instruction.</summary>
    internal static bool TryFind(Hart hart, int number, bool write, out CsrRow row)
    {
        row = CsrTable.Find(number)!;
        if (row == null) return false;
        uint privilege = hart.Context->State.Privilege;
        if (privilege < ((uint)number >> 8 & 3)) return false;
        if (write && number >> 10 == 3) return false;
        return number switch
        {
            <= 3 => (hart.Context->State.Mstatus & Mstatus.Fs) != 0,
            0x14D => IsStimecmpAllowed(hart, privilege),
            0x180 => privilege != (uint)PrivilegeMode.Supervisor || (hart.Context->State.Mstatus & Mstatus.Tvm) == 0,
            >= 0xC00 and <= 0xC1F => IsCounterAllowed(hart, privilege, 1UL << (number & 31)),
            _ => true,
        };
    }

    private static bool IsCounterAllowed(Hart hart, uint privilege, ulong counter)
    {
        if (privilege == (uint)PrivilegeMode.Machine) return true;
        if ((hart.Context->State.Mcounteren & counter) == 0) return false;
        return privilege == (uint)PrivilegeMode.Supervisor || (hart.Context->State.Scounteren & counter) != 0;
    }

    // Sstc: below M-mode stimecmp needs menvcfg.STCE and mcounteren.TM.
    private static bool IsStimecmpAllowed(Hart hart, uint privilege) =>
        privilege == (uint)PrivilegeMode.Machine
        || ((hart.Context->State.Menvcfg & Envcfg.Stce) != 0 && (hart.Context->State.Mcounteren & 2) != 0);
}
