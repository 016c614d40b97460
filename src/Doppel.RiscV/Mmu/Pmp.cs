using System.Numerics;
using Doppel.RiscV.Context;

namespace Doppel.RiscV.Mmu;

/// <summary>What a memory access wants to do; the values are the R, W and X bits of PMP entries and, shifted by one, of page-table entries.</summary>
[Flags]
internal enum AccessType
{
    None = 0,
    Load = 1,
    Store = 2,
    Fetch = 4,
}

/// <summary>Physical memory protection: 16 regions (privileged manual, 3.7).</summary>
internal sealed unsafe class Pmp(HartContext* context)
{
    internal const int Regions = 16;
    private const byte Locked = 0x80;

    private readonly ulong[] _first = new ulong[Regions];
    private readonly ulong[] _last = new ulong[Regions];
    private int _active;
    private bool _isOpen;

    /// <summary>Works the regions out anew, after a CSR changed.</summary>
    internal void Update()
    {
        _active = 0;
        for (int i = 0; i < Regions; i++)
        {
            ulong address = context->State.Pmpaddr[i];
            // An empty region has its last byte before its first.
            (_first[i], _last[i]) = ((context->State.Pmpcfg[i] >> 3) & 3) switch
            {
                1 => TopOfRange(i == 0 ? 0 : context->State.Pmpaddr[i - 1], address),
                2 => (address << 2, (address << 2) + 3),
                3 => NaturallyAligned(address),
                _ => (1UL, 0UL),
            };
            if (_last[i] >= _first[i]) _active = i + 1;
        }
        _isOpen = IsOpen();
    }

    // What firmware sets up where it protects nothing: the first region that is not empty allows everything everywhere.
    private bool IsOpen()
    {
        for (int i = 0; i < _active; i++)
        {
            if (_last[i] < _first[i]) continue;
            return _first[i] == 0 && _last[i] >= (1UL << 56) - 1 && (context->State.Pmpcfg[i] & 7) == 7;
        }
        return false;
    }

    /// <summary>True if all bytes of a physical range may be accessed.</summary>
    internal bool Allows(ulong address, ulong length, AccessType access, uint privilege)
    {
        if (_isOpen && address < 1UL << 56) return true;
        ulong last = address + length - 1;
        for (int i = 0; i < _active; i++)
        {
            if (last < _first[i] || address > _last[i]) continue;
            // The lowest-numbered region that matches any byte must match all of them.
            if (address < _first[i] || last > _last[i]) return false;
            byte config = context->State.Pmpcfg[i];
            if (privilege == (uint)PrivilegeMode.Machine && (config & Locked) == 0) return true;
            return (config & (int)access) != 0;
        }
        return privilege == (uint)PrivilegeMode.Machine;
    }

    /// <summary>True if no region begins or ends inside the page: one answer then holds for all of it.</summary>
    internal bool IsUniform(ulong page)
    {
        if (_isOpen) return true;
        ulong last = page + 0xFFF;
        for (int i = 0; i < _active; i++)
        {
            if (_last[i] < _first[i] || last < _first[i] || page > _last[i]) continue;
            return page >= _first[i] && last <= _last[i];
        }
        return true;
    }

    /// <summary>True if a write to pmpaddr is ignored: the region is locked, or it is the base of a locked TOR region.</summary>
    internal bool IsAddressLocked(int region)
    {
        if ((context->State.Pmpcfg[region] & Locked) != 0) return true;
        return region + 1 < Regions && (context->State.Pmpcfg[region + 1] & (Locked | 0x18)) == (Locked | 0x08);
    }

    /// <summary>Writes one configuration byte, WARL: locked regions keep theirs; W without R is reserved.</summary>
    internal void WriteConfig(int region, byte value)
    {
        if ((context->State.Pmpcfg[region] & Locked) != 0) return;
        value &= 0x9F;
        if ((value & 3) == 2) value &= 0xFD;
        context->State.Pmpcfg[region] = value;
    }

    private static (ulong First, ulong Last) TopOfRange(ulong bottom, ulong top) =>
        top <= bottom ? (1UL, 0UL) : (bottom << 2, (top << 2) - 1);

    private static (ulong First, ulong Last) NaturallyAligned(ulong address)
    {
        int ones = BitOperations.TrailingZeroCount(~address);
        // 54 address bits: all ones means the whole physical address space.
        if (ones >= 54) return (0, ulong.MaxValue);
        ulong size = 8UL << ones;
        ulong first = (address << 2) & ~(size - 1);
        return (first, first + size - 1);
    }
}
