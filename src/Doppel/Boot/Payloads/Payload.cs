namespace Doppel.Boot.Payloads;

/// <summary>What kind of program a file holds.</summary>
internal enum PayloadKind
{
    /// <summary>An ELF file: it says itself where it goes.</summary>
    Elf,

    /// <summary>A RISC-V Linux <c>Image</c>: goes to any address that is a multiple of 2 MiB plus its text offset.</summary>
    LinuxImage,

    /// <summary>Bytes without a header: go where the board puts them, and are entered at the first.</summary>
    Flat,
}

/// <summary>A stretch of a program in memory.</summary>
/// <param name="Address">Guest-physical address for ELF files, otherwise offset from the load address.</param>
/// <param name="Data">Bytes from the file.</param>
/// <param name="MemorySize">Size in memory in bytes; what <paramref name="Data"/> does not cover is zero.</param>
internal readonly record struct PayloadSegment(ulong Address, ReadOnlyMemory<byte> Data, ulong MemorySize);

/// <summary>A program that was read from a file and checked, ready to be put into guest memory.</summary>
internal sealed record Payload(string Path, PayloadKind Kind, IReadOnlyList<PayloadSegment> Segments)
{
    /// <summary>For ELF files the guest-physical address to enter; otherwise the offset of the entry from the load address.</summary>
    public ulong Entry { get; init; }

    /// <summary>For a Linux image: wanted distance of the load address from a multiple of 2 MiB.</summary>
    public ulong TextOffset { get; init; }

    /// <summary>Symbols of an ELF file by name.</summary>
    public IReadOnlyDictionary<string, ulong> Symbols { get; init; } = new Dictionary<string, ulong>(StringComparer.Ordinal);

    /// <summary>True if the program can be put at any suitable address.</summary>
    public bool IsRelocatable => Kind != PayloadKind.Elf;

    /// <summary>Lowest address (ELF) or zero.</summary>
    public ulong Start => Segments.Min(s => s.Address);

    /// <summary>First address behind the program in memory, or its size where it is relocatable.</summary>
    public ulong End => Segments.Max(s => s.Address + s.MemorySize);
}
