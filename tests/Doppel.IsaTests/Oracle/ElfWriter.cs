using System.Buffers.Binary;

namespace Doppel.IsaTests.Oracle;

/// <summary>One loadable piece of a program.</summary>
internal sealed record Segment(ulong Address, byte[] Bytes, bool Executable);

/// <summary>Writes a static RISC-V executable: an ELF header, program headers, and the bytes (System V ABI, chapter 5).</summary>
internal static class ElfWriter
{
    private const int HeaderBytes = 64;
    private const int ProgramHeaderBytes = 56;
    private const int PageBytes = 4096;
    private const ushort TypeExecutable = 2;
    private const ushort MachineRiscV = 243;
    // EF_RISCV_RVC and the double-float ABI: what the code uses.
    private const uint Flags = 0x5;

    internal static byte[] Write(ulong entry, params ReadOnlySpan<Segment> segments)
    {
        int[] offsets = new int[segments.Length];
        int end = HeaderBytes + (segments.Length * ProgramHeaderBytes);
        for (int i = 0; i < segments.Length; i++)
        {
            // A segment's offset and address agree modulo the page size.
            offsets[i] = ((end + PageBytes - 1) & -PageBytes) + (int)(segments[i].Address % PageBytes);
            end = offsets[i] + segments[i].Bytes.Length;
        }
        byte[] file = new byte[end];
        WriteHeader(file, entry, segments.Length);
        for (int i = 0; i < segments.Length; i++)
        {
            WriteProgramHeader(file.AsSpan(HeaderBytes + (i * ProgramHeaderBytes)), segments[i], offsets[i]);
            segments[i].Bytes.CopyTo(file, offsets[i]);
        }
        return file;
    }

    private static void WriteHeader(Span<byte> file, ulong entry, int segments)
    {
        "\x7F"u8.CopyTo(file);
        "ELF"u8.CopyTo(file[1..]);
        file[4] = 2; // 64 bits
        file[5] = 1; // little-endian
        file[6] = 1; // version
        BinaryPrimitives.WriteUInt16LittleEndian(file[16..], TypeExecutable);
        BinaryPrimitives.WriteUInt16LittleEndian(file[18..], MachineRiscV);
        BinaryPrimitives.WriteUInt32LittleEndian(file[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(file[24..], entry);
        BinaryPrimitives.WriteUInt64LittleEndian(file[32..], HeaderBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(file[48..], Flags);
        BinaryPrimitives.WriteUInt16LittleEndian(file[52..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(file[54..], ProgramHeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(file[56..], (ushort)segments);
    }

    private static void WriteProgramHeader(Span<byte> header, Segment segment, int offset)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, 1); // PT_LOAD
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], segment.Executable ? 5U : 6U); // R+X or R+W
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], (ulong)offset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], segment.Address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], segment.Address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)segment.Bytes.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], (ulong)segment.Bytes.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], PageBytes);
    }
}
