namespace Doppel.RiscV.Mmu;

/// <summary>
/// Numbers for the values of satp that were used last, so that what is known of an address space can be kept while another one is in use:
/// the guest names it by its ASID, and says with SFENCE.VMA when it has changed (privileged manual, 10.1.11 and 10.2.1).
/// Thread contract: the hart's own thread.
/// </summary>
internal sealed class AddressSpaces
{
    /// <summary>How many are kept.</summary>
    internal const int Count = 8;

    private const ulong Unused = ulong.MaxValue;
    private const int AsidShift = 44;

    private readonly ulong[] _satp = new ulong[Count];
    private readonly long[] _lastUse = new long[Count];
    private long _uses;

    internal AddressSpaces() => Array.Fill(_satp, Unused);

    /// <summary>Number of the one in use.</summary>
    internal int Current { get; private set; }

    /// <summary>Takes another one into use.</summary>
    /// <param name="satp">The register's value.</param>
    /// <returns>True if the number was that of another address space before, of which everything must be forgotten.</returns>
    internal bool Enter(ulong satp)
    {
        int oldest = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_satp[i] == satp)
            {
                Use(i);
                return false;
            }
            if (_lastUse[i] < _lastUse[oldest]) oldest = i;
        }
        _satp[oldest] = satp;
        Use(oldest);
        return true;
    }

    /// <summary>True if a number is that of an address space with an ASID.</summary>
    internal bool Has(int number, ulong asid) => _satp[number] != Unused && ((_satp[number] >> AsidShift) & 0xFFFF) == (asid & 0xFFFF);

    private void Use(int number)
    {
        _lastUse[number] = ++_uses;
        Current = number;
    }
}
