namespace Doppel.IsaTests.Systems;

/// <summary>Where everything stands in the RAM of a system program. All addresses are physical.</summary>
internal static class SystemLayout
{
    internal const ulong Ram = 0x8000_0000;

    /// <summary>RAM that the program uses and that is compared.</summary>
    internal const int UsedBytes = 20 << 20;

    /// <summary>RAM of the machines. QEMU puts its device tree near the end.</summary>
    internal const int RamBytes = 32 << 20;

    /// <summary>Code that starts the experiment of the block in x31, and code that records how one ended.</summary>
    internal const ulong MachineLoader = Ram + 0x100, MachineHandler = Ram + 0x1000;

    /// <summary>Code of S-mode's trap handler: one ECALL for each vector.</summary>
    internal const ulong SupervisorHandler = Ram + 0x1_0000;

    internal const ulong Blocks = Ram + 0x10_0000;

    internal const ulong Bodies = Ram + 0x60_0000;

    /// <summary>Page tables, one set for each world.</summary>
    internal const ulong Tables = Ram + 0x80_0000;

    /// <summary>Pages that experiments load, store and protect. 2 MiB aligned, for superpages.</summary>
    internal const ulong Data = Ram + 0x100_0000;

    internal const int DataPages = 8;

    /// <summary>Writing 0x5555 here switches the machine off.</summary>
    internal const ulong Finisher = 0x10_0000;

    /// <summary>With paging on, RAM stands at its own address for S-mode, and this much higher for U-mode.</summary>
    internal const ulong UserAlias = 0x4000_0000;
}
