using System.Buffers.Binary;

namespace Doppel.Images.Linux;

/// <summary>Sections of a 64-bit little-endian relocatable ELF file (ELF-64 object file format, figures 2, 5, 6 and 7).</summary>
internal sealed class ElfObject
{
    public const uint SymbolTable = 2;
    public const uint Relocations = 4;
    public const uint NoBits = 8;
    public const uint Group = 17;
    public const uint ExtendedSymbolIndexes = 18;
    private const int FileHeaderLength = 64;
    private const int SectionHeaderLength = 64;
    private const ulong MaximumAlignment = 1 << 16;

    private ElfObject(byte[] fileHeader, List<Section> sections)
    {
        FileHeader = fileHeader;
        Sections = sections;
    }

    public byte[] FileHeader { get; }

    public List<Section> Sections { get; }

    /// <summary>Splits a file into its sections.</summary>
    /// <exception cref="InvalidDataException">The file is of another kind, or damaged.</exception>
    public static ElfObject Parse(ReadOnlySpan<byte> elf)
    {
        if (elf.Length < FileHeaderLength || !elf.StartsWith("\u007fELF\u0002\u0001"u8)) throw Damaged("no 64-bit little-endian ELF file");
        int entryLength = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3A..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3C..]);
        int namesIndex = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3E..]);
        if (entryLength != SectionHeaderLength || namesIndex >= count) throw Damaged("section table");
        ReadOnlySpan<byte> table = Slice(elf, BinaryPrimitives.ReadUInt64LittleEndian(elf[0x28..]), (ulong)count * SectionHeaderLength);
        var sections = new List<Section>(count);
        for (int i = 0; i < count; i++)
        {
            byte[] header = table.Slice(i * SectionHeaderLength, SectionHeaderLength).ToArray();
            var section = new Section(header);
            if (section.Alignment > MaximumAlignment) throw Damaged("section alignment");
            if (section.Type is not (0 or NoBits)) section.Content = Slice(elf, section.Offset, section.Size).ToArray();
            sections.Add(section);
        }
        ReadOnlySpan<byte> names = sections[namesIndex].Content;
        foreach (Section section in sections) section.Name = Text(names, section.NameAt);
        return new ElfObject(elf[..FileHeaderLength].ToArray(), sections);
    }

    /// <summary>The first section of a name, or null.</summary>
    public Section? Find(string name) => Sections.FirstOrDefault(section => section.Name == name);

    /// <summary>Writes the file: header, sections in their order, section table.</summary>
    public byte[] ToArray()
    {
        using var file = new MemoryStream();
        file.Write(FileHeader);
        foreach (Section section in Sections)
        {
            Pad(file, section.Alignment);
            if (section.Type != 0) section.Offset = (ulong)file.Length;
            if (section.Type is 0 or NoBits) continue;
            section.Size = (ulong)section.Content.Length;
            file.Write(section.Content);
        }
        Pad(file, 8);
        BinaryPrimitives.WriteUInt64LittleEndian(FileHeader.AsSpan(0x28), (ulong)file.Length);
        foreach (Section section in Sections) file.Write(section.Header);
        file.Position = 0;
        file.Write(FileHeader);
        return file.ToArray();
    }

    /// <summary>The zero-terminated string at an offset of a string table.</summary>
    public static string Text(ReadOnlySpan<byte> strings, uint at)
    {
        if (at >= strings.Length) throw Damaged("string outside of its table");
        int length = strings[(int)at..].IndexOf((byte)0);
        if (length < 0) throw Damaged("string without an end");
        return System.Text.Encoding.UTF8.GetString(strings.Slice((int)at, length));
    }

    public static InvalidDataException Damaged(string what) => new($"kernel module: {what}");

    private static void Pad(MemoryStream file, ulong alignment)
    {
        while (alignment > 1 && (ulong)file.Length % alignment != 0) file.WriteByte(0);
    }

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> elf, ulong at, ulong length) =>
        at <= (ulong)elf.Length && length <= (ulong)elf.Length - at
            ? elf.Slice((int)at, (int)length)
            : throw Damaged("a section lies outside of the file");

    /// <summary>One section: its header as in the file, and its bytes.</summary>
    internal sealed class Section(byte[] header)
    {
        public byte[] Header { get; } = header;

        public string Name { get; set; } = "";

        public byte[] Content { get; set; } = [];

        public uint NameAt => BinaryPrimitives.ReadUInt32LittleEndian(Header);

        public uint Type => BinaryPrimitives.ReadUInt32LittleEndian(Header.AsSpan(0x04));

        public ulong Offset
        {
            get => BinaryPrimitives.ReadUInt64LittleEndian(Header.AsSpan(0x18));
            set => BinaryPrimitives.WriteUInt64LittleEndian(Header.AsSpan(0x18), value);
        }

        public ulong Size
        {
            get => BinaryPrimitives.ReadUInt64LittleEndian(Header.AsSpan(0x20));
            set => BinaryPrimitives.WriteUInt64LittleEndian(Header.AsSpan(0x20), value);
        }

        /// <summary>Symbols: the string table. Relocations: the symbol table.</summary>
        public uint Link => BinaryPrimitives.ReadUInt32LittleEndian(Header.AsSpan(0x28));

        /// <summary>Symbols: index of the first that is not local.</summary>
        public uint Info
        {
            get => BinaryPrimitives.ReadUInt32LittleEndian(Header.AsSpan(0x2C));
            set => BinaryPrimitives.WriteUInt32LittleEndian(Header.AsSpan(0x2C), value);
        }

        public ulong Alignment => BinaryPrimitives.ReadUInt64LittleEndian(Header.AsSpan(0x30));
    }
}
