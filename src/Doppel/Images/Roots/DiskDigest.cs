using System.Buffers.Binary;
using System.Security.Cryptography;
using Doppel.Host;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Images.Roots;

/// <summary>
/// The name of a disk's content: SHA-256 over its length and, for each block of 1 MiB in which a byte is not zero, its number and its bytes. What
/// is not there need not be read, and it does not matter which zeroes are holes. Thread contract: stateless.
/// </summary>
internal static class DiskDigest
{
    private const int BlockLength = 1 << 20;

    /// <summary>Computes the digest of a disk image.</summary>
    /// <returns>The digest, lower-case hexadecimal, and the bytes of the blocks that are not zero.</returns>
    public static (string Digest, long Stored) Compute(string path, CancellationToken cancellation)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long length = RandomAccess.GetLength(file), stored = 0, next = 0;
        Append(hash, length);
        byte[] block = new byte[BlockLength];
        foreach (FileStretch stretch in SparseFile.Data(file))
        {
            long last = (stretch.Offset + stretch.Length - 1) / BlockLength;
            for (long number = Math.Max(next, stretch.Offset / BlockLength); number <= last; number++)
            {
                cancellation.ThrowIfCancellationRequested();
                int count = (int)Math.Min(BlockLength, length - (number * BlockLength));
                Fill(file, block.AsSpan(0, count), number * BlockLength);
                if (block.AsSpan(0, count).IndexOfAnyExcept((byte)0) < 0) continue;
                Append(hash, number);
                hash.AppendData(block, 0, count);
                stored += count;
            }
            next = last + 1;
        }
        return (Convert.ToHexStringLower(hash.GetHashAndReset()), stored);
    }

    private static void Append(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }

    private static void Fill(SafeFileHandle file, Span<byte> block, long offset)
    {
        while (!block.IsEmpty)
        {
            int count = RandomAccess.Read(file, block, offset);
            if (count == 0) throw new EndOfStreamException("a disk image has become shorter while it was read");
            block = block[count..];
            offset += count;
        }
    }
}
