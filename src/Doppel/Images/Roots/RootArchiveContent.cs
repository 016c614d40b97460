using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Images.Roots;

/// <summary>
/// Looks into a plain tar archive (POSIX ustar, and what GNU and pax put on top of it) to tell what people take for a root by mistake, before a guest
/// unpacks it: a container image in layers, and programs of another processor. The guest's tar judges all else. Thread contract: stateless.
/// </summary>
internal static class RootArchiveContent
{
    private const int Block = 512, SizeAt = 124, SizeLength = 12, ChecksumAt = 148, ChecksumLength = 8, TypeAt = 156, NameLength = 100;
    private const int SparseMoreAt = 482, SparseNextMoreAt = 504;
    private const int ElfLength = 20, ElfClassAt = 4, ElfMachineAt = 18;
    private const byte Elf64 = 2;
    private const int RiscV = 243;

    /// <summary>Numbers of ELF's e_machine that containers come with.</summary>
    private static readonly (int Number, string Name)[] s_machines =
        [(3, "i386"), (21, "ppc64"), (22, "s390x"), (40, "arm"), (62, "x86-64"), (183, "arm64"), (RiscV, "32-bit RISC-V"), (258, "loongarch")];

    /// <summary>Why the archive is no root for a guest, for people; null if nothing speaks against it.</summary>
    public static string? WhyUnfit(SafeFileHandle archive)
    {
        string? foreign = null;
        byte[] start = new byte[ElfLength];
        bool hasManifest = false, hasLayer = false;
        foreach ((string path, long at) in Files(archive))
        {
            hasManifest |= path == "manifest.json";
            hasLayer |= path.EndsWith("/layer.tar", StringComparison.Ordinal);
            if (path == "oci-layout" || (hasManifest && hasLayer))
                return "it holds a container image in layers and no root file system; `podman create --platform linux/riscv64 IMAGE` and `podman export` make one of it";
            if (RandomAccess.Read(archive, start, at) < ElfLength || !start.AsSpan().StartsWith("\u007fELF"u8)) continue;
            int machine = BinaryPrimitives.ReadUInt16LittleEndian(start.AsSpan(ElfMachineAt));
            if (machine == RiscV && start[ElfClassAt] == Elf64) return null;
            foreign ??= $"{path} is a program for {Name(machine)}, and guests are riscv64; of a container image take the one for linux/riscv64";
        }
        return foreign;
    }

    // A number of the other byte order is that of a processor we do not name either way.
    private static string Name(int machine) => Array.Find(s_machines, m => m.Number == machine).Name ?? $"another processor (ELF machine {machine})";

    /// <summary>The plain files up to the end of the archive, or to the first header that is none.</summary>
    private static IEnumerable<(string Path, long DataAt)> Files(SafeFileHandle archive)
    {
        byte[] header = new byte[Block];
        long length = RandomAccess.GetLength(archive);
        for (long at = 0; at + Block <= length;)
        {
            if (RandomAccess.Read(archive, header, at) < Block || !IsHeader(header)) yield break;
            char type = (char)header[TypeAt];
            long size = ReadSize(header);
            if (type is '0' or '\0') yield return (PathOf(header), at + Block);
            at += Block;
            // GNU's old sparse files have more of their map behind the header.
            for (int moreAt = SparseMoreAt; type == 'S' && header[moreAt] != 0; moreAt = SparseNextMoreAt, at += Block)
            {
                if (RandomAccess.Read(archive, header, at) < Block) yield break;
            }
            if (size < 0 || size > length - at) yield break;
            at += (size + Block - 1) & -Block;
        }
    }

    // The sum of all bytes, those of the sum itself counted as blanks.
    private static bool IsHeader(byte[] header)
    {
        int sum = ChecksumLength * ' ';
        for (int i = 0; i < Block; i++) sum += i is >= ChecksumAt and < ChecksumAt + ChecksumLength ? 0 : header[i];
        return header[0] != 0 && ReadOctal(header.AsSpan(ChecksumAt, ChecksumLength)) == sum;
    }

    // Octal digits, or, with the highest bit set, a binary number of the higher bytes first.
    private static long ReadSize(byte[] header) => (header[SizeAt] & 0x80) != 0
        ? BinaryPrimitives.ReadInt64BigEndian(header.AsSpan(SizeAt + SizeLength - sizeof(long)))
        : ReadOctal(header.AsSpan(SizeAt, SizeLength));

    private static long ReadOctal(ReadOnlySpan<byte> digits)
    {
        long value = 0;
        foreach (byte digit in digits.Trim(" \0"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7') return -1;
            value = (value << 3) | (uint)(digit - '0');
        }
        return value;
    }

    private static string PathOf(byte[] header)
    {
        ReadOnlySpan<byte> name = header.AsSpan(0, NameLength);
        int end = name.IndexOf((byte)0);
        string path = Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
        return path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path.TrimStart('/');
    }
}
