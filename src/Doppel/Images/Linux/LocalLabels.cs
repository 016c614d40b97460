using System.Buffers.Binary;

namespace Doppel.Images.Linux;

/// <summary>
/// Removes the assembler's local labels (<c>.L…</c>) that no relocation uses from a kernel module, as <c>objcopy --discard-locals</c> does.
/// On RISC-V, linker relaxation makes the assembler keep them all: five of the seven megabytes of ext4, which the guest's kernel walks
/// again and again while it loads the module. Code and data stay as they are.
/// </summary>
internal static class LocalLabels
{
    private const int SymbolLength = 24;
    private const int RelocationLength = 24;

    /// <summary>The module without the labels; the same bytes if it is built in a way that this cannot follow.</summary>
    /// <exception cref="InvalidDataException">The module is damaged.</exception>
    public static byte[] Discard(byte[] module)
    {
        ElfObject elf = ElfObject.Parse(module);
        // Groups and extended section indexes name symbols by number too. Kernel modules have neither.
        if (elf.Sections.Exists(section => section.Type is ElfObject.Group or ElfObject.ExtendedSymbolIndexes)) return module;
        int tableIndex = elf.Sections.FindIndex(section => section.Type == ElfObject.SymbolTable);
        if (tableIndex < 0) return module;
        ElfObject.Section table = elf.Sections[tableIndex];
        if (table.Link >= elf.Sections.Count || table.Content.Length % SymbolLength != 0) throw ElfObject.Damaged("symbol table");
        ElfObject.Section strings = elf.Sections[(int)table.Link];
        if (elf.Sections.Exists(section => section != table && section.Type == ElfObject.SymbolTable)
            || ReferenceEquals(strings, elf.Sections[BinaryPrimitives.ReadUInt16LittleEndian(elf.FileHeader.AsSpan(0x3E))]))
            return module;

        List<ElfObject.Section> relocations =
            [.. elf.Sections.Where(section => section.Type == ElfObject.Relocations && section.Link == tableIndex)];
        bool[] keep = Used(relocations, table.Content.Length / SymbolLength);
        MarkNamed(keep, table, strings.Content);
        uint[] newIndexes = Rewrite(table, strings, keep);
        foreach (ElfObject.Section section in relocations) Renumber(section.Content, newIndexes);
        return elf.ToArray();
    }

    private static bool[] Used(List<ElfObject.Section> relocations, int symbols)
    {
        bool[] used = new bool[symbols];
        foreach (byte[] content in relocations.Select(section => section.Content))
        {
            if (content.Length % RelocationLength != 0) throw ElfObject.Damaged("relocation table");
            for (int at = 0; at < content.Length; at += RelocationLength)
            {
                uint symbol = BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(at + 12));
                if (symbol >= symbols) throw ElfObject.Damaged("relocation of a symbol that is not there");
                used[symbol] = true;
            }
        }
        return used;
    }

    private static void MarkNamed(bool[] keep, ElfObject.Section table, byte[] strings)
    {
        for (int i = 0; i < keep.Length; i++)
        {
            ReadOnlySpan<byte> symbol = table.Content.AsSpan(i * SymbolLength);
            uint nameAt = BinaryPrimitives.ReadUInt32LittleEndian(symbol);
            if (nameAt >= strings.Length) throw ElfObject.Damaged("symbol name");
            bool local = symbol[4] >> 4 == 0;
            keep[i] |= i == 0 || !local || !strings.AsSpan((int)nameAt).StartsWith(".L"u8);
        }
    }

    /// <summary>Writes the symbols that stay and a string table of their names; returns the new number of every symbol.</summary>
    private static uint[] Rewrite(ElfObject.Section table, ElfObject.Section strings, bool[] keep)
    {
        uint[] newIndexes = new uint[keep.Length];
        using var symbols = new MemoryStream();
        using var names = new MemoryStream();
        names.WriteByte(0);
        uint locals = 0;
        uint count = 0;
        Span<byte> symbol = stackalloc byte[SymbolLength];
        for (int i = 0; i < keep.Length; i++)
        {
            if (!keep[i]) continue;
            table.Content.AsSpan(i * SymbolLength, SymbolLength).CopyTo(symbol);
            ReadOnlySpan<byte> name = strings.Content.AsSpan((int)BinaryPrimitives.ReadUInt32LittleEndian(symbol));
            int length = name.IndexOf((byte)0);
            if (length < 0) throw ElfObject.Damaged("symbol name without an end");
            BinaryPrimitives.WriteUInt32LittleEndian(symbol, length == 0 ? 0 : (uint)names.Length);
            if (length > 0) names.Write(name[..(length + 1)]);
            symbols.Write(symbol);
            newIndexes[i] = count++;
            if (i < table.Info) locals = count;
        }
        table.Content = symbols.ToArray();
        table.Info = locals;
        strings.Content = names.ToArray();
        return newIndexes;
    }

    private static void Renumber(byte[] relocations, uint[] newIndexes)
    {
        for (int at = 12; at < relocations.Length; at += RelocationLength)
        {
            Span<byte> symbol = relocations.AsSpan(at, 4);
            BinaryPrimitives.WriteUInt32LittleEndian(symbol, newIndexes[BinaryPrimitives.ReadUInt32LittleEndian(symbol)]);
        }
    }
}
