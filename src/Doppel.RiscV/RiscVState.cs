using System.Runtime.InteropServices;

namespace Doppel.RiscV;

/// <summary>Privilege modes, with the encoding of the privileged manual (section 1.2).</summary>
public enum PrivilegeMode : byte
{
    /// <summary>User.</summary>
    User = 0,

    /// <summary>Supervisor.</summary>
    Supervisor = 1,

    /// <summary>Machine.</summary>
    Machine = 3,
}

/// <summary>
/// The whole architectural state of one hart as plain data: what every RISC-V engine, snapshots, the debugger and the tests share.
/// The layout is part of the contract with generated code. Field names are those of the manual.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct RiscVState
{
    /// <summary>Registers x0 to x31; the 33rd slot swallows writes to x0, which itself stays zero.</summary>
    public fixed ulong X[33];

    /// <summary>Program counter.</summary>
    public ulong Pc;

    /// <summary>Registers f0 to f31; single-precision values are NaN-boxed.</summary>
    public fixed ulong F[32];

    /// <summary>Accrued exception flags NV DZ OF UF NX (bit 4 to bit 0).</summary>
    public uint Fflags;

    /// <summary>Dynamic rounding mode.</summary>
    public uint Frm;

    /// <summary>Current privilege mode (<see cref="PrivilegeMode"/>).</summary>
    public uint Privilege;

    /// <summary>Non-zero while WFI waits.</summary>
    public uint Waiting;

    /// <summary>Pending interrupts, without the bits that other fields or wires give.</summary>
    public ulong Mip;

    /// <summary>Interrupt enables.</summary>
    public ulong Mie;

    /// <summary>Machine CSRs.</summary>
    public ulong Mstatus, Misa, Medeleg, Mideleg, Mtvec, Mcounteren, Mcountinhibit, Mscratch, Mepc, Mcause, Mtval, Menvcfg;

    /// <summary>Supervisor CSRs.</summary>
    public ulong Stvec, Scounteren, Sscratch, Sepc, Scause, Stval, Senvcfg, Satp, Stimecmp;

    /// <summary>Offsets of mcycle and minstret against the engine's tick counter.</summary>
    public ulong McycleOffset, MinstretOffset;

    /// <summary>Physical memory protection: configuration bytes and address registers of 16 regions.</summary>
    public fixed byte Pmpcfg[16];

    /// <summary>PMP address registers, in units of four bytes.</summary>
    public fixed ulong Pmpaddr[16];

    /// <summary>Address of the LR reservation (physical), or all ones when there is none.</summary>
    public ulong ReservationAddress;

    /// <summary>Value that LR read: SC succeeds only while memory still holds it.</summary>
    public ulong ReservationValue;

    /// <summary>Number of the hart.</summary>
    public ulong Mhartid;

    /// <summary>Reads a register from x0 to x31.</summary>
    /// <param name="index">Number of the register.</param>
    public readonly ulong GetX(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)index, 31u, nameof(index));
        return X[index];
    }

    /// <summary>Writes a register from x1 to x31; x0 stays zero.</summary>
    /// <param name="index">Number of the register.</param>
    /// <param name="value">New value.</param>
    public void SetX(int index, ulong value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)index, 31u, nameof(index));
        if (index != 0) X[index] = value;
    }

    /// <summary>Sets one region of physical memory protection.</summary>
    /// <param name="index">Number of the region, from 0 to 15.</param>
    /// <param name="configuration">Configuration byte (privileged manual, 3.7.1).</param>
    /// <param name="address">Address register, in units of four bytes.</param>
    public void SetPmp(int index, byte configuration, ulong address)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)index, 15u, nameof(index));
        Pmpcfg[index] = configuration;
        Pmpaddr[index] = address;
    }
}
