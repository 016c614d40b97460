using System.Buffers.Binary;
using System.Text;

namespace Doppel.Boot.Payloads;

/// <summary>
/// Reads ELF64 little-endian RISC-V executables (System V ABI, chapters 4 and 5; RISC-V ELF psABI: e_machine 243). Nothing in the file
/// is trusted; what does not hold together is a <see cref="FormatException"/> that says why.
/// </summary>
internal sealed class ElfReader
{
    private const int HeaderBytes = 64, ProgramHeaderBytes = 56, SectionHeaderBytes = 64, SymbolBytes = 24;
    private const ushort MachineRiscV = 243, TypeExecutable = 2, TypeShared = 3;
    private const uint SegmentLoad = 1, SectionSymbols = 2;
    private const int MaxSegments = 4096, MaxSections = 1 << 16, MaxSymbols = 1 << 22;

    private readonly ReadOnlyMemory<byte> _file;

    private ElfReader(ReadOnlyMemory<byte> file) => _file = file;

    /// <summary>True if a file begins like an ELF file of any kind.</summary>
    public static bool IsElf(ReadOnlySpan<byte> file) => file.StartsWith("\u007fELF"u8);

    /// <summary>Reads a program. The result keeps references into <paramref name="file"/>.</summary>
    /// <exception cref="FormatException">The file is not a program that can be loaded.</exception>
    public static Payload Read(string path, ReadOnlyMemory<byte> file)
    {
        ElfReader reader = new(file);
        reader.CheckHeader();
        List<PayloadSegment> segments = reader.ReadSegments(out ulong entry);
        return new Payload(path, PayloadKind.Elf, segments) { Entry = entry, Symbols = reader.ReadSymbols() };
    }

    private void CheckHeader()
    {
        ReadOnlySpan<byte> file = _file.Span;
        if (file.Length < HeaderBytes) throw new FormatException($"it has {file.Length} bytes, fewer than an ELF header");
        if (file[4] != 2) throw new FormatException("it is a 32-bit ELF file; the machine is 64-bit");
        if (file[5] != 1) throw new FormatException("it is a big-endian ELF file; the machine is little-endian");
        ushort machine = U16(18);
        if (machine != MachineRiscV) throw new FormatException($"it is an ELF file for another CPU (e_machine {machine}); RISC-V is {MachineRiscV}");
        ushort type = U16(16);
        if (type is not (TypeExecutable or TypeShared)) throw new FormatException($"it is not an executable (ELF type {type}); link it first");
    }

    private List<PayloadSegment> ReadSegments(out ulong entry)
    {
        ulong table = U64(32);
        int size = U16(54), count = U16(56);
        if (count == 0) throw new FormatException("it has no program headers, so nothing to load");
        if (size < ProgramHeaderBytes || count > MaxSegments) throw new FormatException($"its program headers are malformed ({count} of {size} bytes)");
        Check(table, (ulong)size * (ulong)count, "program header table");
        entry = U64(24);
        List<PayloadSegment> segments = [];
        for (int i = 0; i < count; i++)
        {
            int at = (int)table + (i * size);
            if (U32(at) != SegmentLoad || U64(at + 40) == 0) continue;
            PayloadSegment segment = ReadSegment(at, i);
            // Kernels are linked for virtual addresses: the entry moves with the segment that holds it.
            ulong virtualAddress = U64(at + 16);
            if (U64(24) - virtualAddress < segment.MemorySize) entry = U64(24) - virtualAddress + segment.Address;
            segments.Add(segment);
        }
        return segments.Count > 0 ? segments : throw new FormatException("it has no loadable segment");
    }

    private PayloadSegment ReadSegment(int at, int index)
    {
        ulong offset = U64(at + 8), address = U64(at + 24), fileSize = U64(at + 32), memorySize = U64(at + 40);
        if (fileSize > memorySize) throw new FormatException($"segment {index} has more bytes in the file (0x{fileSize:x}) than in memory (0x{memorySize:x})");
        Check(offset, fileSize, $"segment {index}");
        if (address + memorySize < address) throw new FormatException($"segment {index} wraps around the end of the address space");
        ulong headers = offset == 0 ? HeaderPadding(fileSize) : 0;
        return new PayloadSegment(address + headers, _file.Slice((int)(offset + headers), (int)(fileSize - headers)), memorySize - headers);
    }

    // Linkers like to put the file's own headers into the page before the program, which then is often no RAM. Programs do not read them.
    private ulong HeaderPadding(ulong fileSize)
    {
        const ulong page = 4096;
        ulong headers = U64(32) + ((ulong)U16(54) * U16(56));
        ulong end = (headers + page - 1) & ~(page - 1);
        bool onlyHeaders = end <= fileSize && _file.Span[(int)headers..(int)end].IndexOfAnyExcept((byte)0) < 0;
        return onlyHeaders ? end : 0;
    }

    private Dictionary<string, ulong> ReadSymbols()
    {
        Dictionary<string, ulong> symbols = new(StringComparer.Ordinal);
        ulong table = U64(40);
        int size = U16(58), count = U16(60);
        if (table == 0 || count == 0) return symbols;
        if (size < SectionHeaderBytes || count > MaxSections) throw new FormatException($"its section headers are malformed ({count} of {size} bytes)");
        Check(table, (ulong)size * (ulong)count, "section header table");
        for (int i = 0; i < count; i++)
        {
            int at = (int)table + (i * size);
            uint strings = U32(at + 40);
            if (U32(at + 4) != SectionSymbols || strings >= (uint)count) continue;
            ReadSymbolTable(at, (int)table + ((int)strings * size), symbols);
        }
        return symbols;
    }

    private void ReadSymbolTable(int header, int stringsHeader, Dictionary<string, ulong> symbols)
    {
        ulong offset = U64(header + 24), size = U64(header + 32), stringsOffset = U64(stringsHeader + 24), stringsSize = U64(stringsHeader + 32);
        Check(offset, size, "symbol table");
        Check(stringsOffset, stringsSize, "string table");
        ReadOnlySpan<byte> strings = _file.Span.Slice((int)stringsOffset, (int)stringsSize);
        int count = (int)Math.Min(size / SymbolBytes, MaxSymbols);
        for (int i = 0; i < count; i++)
        {
            int at = (int)offset + (i * SymbolBytes);
            uint name = U32(at);
            // Undefined symbols (section 0) have no address.
            if (name == 0 || name >= (uint)strings.Length || U16(at + 6) == 0) continue;
            ReadOnlySpan<byte> text = strings[(int)name..];
            int end = text[..Math.Min(text.Length, 256)].IndexOf((byte)0);
            if (end > 0) symbols.TryAdd(Encoding.Latin1.GetString(text[..end]), U64(at + 8));
        }
    }

    private void Check(ulong offset, ulong size, string what)
    {
        ulong length = (ulong)_file.Length;
        if (offset > length || size > length - offset)
            throw new FormatException($"its {what} (offset 0x{offset:x}, 0x{size:x} bytes) lies outside the file of 0x{length:x} bytes; is it truncated?");
    }

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_file.Span[at..]);

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_file.Span[at..]);

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(_file.Span[at..]);
}
