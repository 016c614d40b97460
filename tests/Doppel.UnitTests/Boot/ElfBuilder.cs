using System.Buffers.Binary;
using System.Text;

namespace Doppel.UnitTests.Boot;

/// <summary>Writes small RISC-V ELF files for tests.</summary>
internal static class ElfBuilder
{
    /// <summary>One segment at an address, with symbols.</summary>
    public static byte[] Build(ulong address, ReadOnlySpan<byte> code, ulong memorySize, params (string Name, ulong Value)[] symbols)
    {
        byte[] strings = Encoding.ASCII.GetBytes("\0" + string.Concat(symbols.Select(s => s.Name + "\0")));
        int codeAt = 64 + 56, symbolsAt = (codeAt + code.Length + 7) & ~7, stringsAt = symbolsAt + (24 * (symbols.Length + 1));
        int sectionsAt = (stringsAt + strings.Length + 7) & ~7;
        byte[] file = new byte[sectionsAt + (3 * 64)];
        Header(file, address, sectionsAt);
        Put64(file, 64 + 8, (ulong)codeAt, address, address, (ulong)code.Length, memorySize, 0x1000);
        Put32(file, 64, 1, 7);
        code.CopyTo(file.AsSpan(codeAt));
        int name = 1;
        for (int i = 0; i < symbols.Length; i++)
        {
            int at = symbolsAt + (24 * (i + 1));
            Put32(file, at, (uint)name, 0x0001_0010);
            Put64(file, at + 8, symbols[i].Value);
            name += symbols[i].Name.Length + 1;
        }
        strings.CopyTo(file.AsSpan(stringsAt));
        Section(file, sectionsAt + 64, 2, symbolsAt, 24 * (symbols.Length + 1), link: 2);
        Section(file, sectionsAt + 128, 3, stringsAt, strings.Length, link: 0);
        return file;
    }

    private static void Header(byte[] file, ulong entry, int sections)
    {
        ((ReadOnlySpan<byte>)[0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(file);
        Put32(file, 16, (243u << 16) | 2, 1);
        Put64(file, 24, entry, 64, (ulong)sections);
        Put32(file, 52, (56u << 16) | 64, (64u << 16) | 1, 3);
    }

    private static void Section(byte[] file, int at, uint type, int offset, int size, uint link)
    {
        Put32(file, at + 4, type);
        Put64(file, at + 24, (ulong)offset, (ulong)size);
        Put32(file, at + 40, link);
    }

    private static void Put32(byte[] file, int at, params ReadOnlySpan<uint> values)
    {
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at + (i * 4)), values[i]);
    }

    private static void Put64(byte[] file, int at, params ReadOnlySpan<ulong> values)
    {
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at + (i * 8)), values[i]);
    }
}
