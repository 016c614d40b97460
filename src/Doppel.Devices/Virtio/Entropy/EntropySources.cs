using System.Buffers.Binary;
using Doppel.Host;

namespace Doppel.Devices.Virtio.Entropy;

/// <summary>Fills a buffer with random bytes. It must not block.</summary>
public delegate void EntropySource(Span<byte> buffer);

/// <summary>The sources of <see cref="VirtioEntropy"/>.</summary>
public static class EntropySources
{
    /// <summary>The host's own generator, fit for keys.</summary>
    public static EntropySource Host { get; } = HostRandom.Fill;

    /// <summary>A sequence that is the same in every run, for machines whose runs repeat. Never fit for keys that matter.</summary>
    /// <param name="seed">Chooses the sequence.</param>
    public static EntropySource CreateSeeded(ulong seed)
    {
        ulong state = seed;
        return buffer =>
        {
            Span<byte> word = stackalloc byte[8];
            for (; !buffer.IsEmpty; buffer = buffer[Math.Min(8, buffer.Length)..])
            {
                BinaryPrimitives.WriteUInt64LittleEndian(word, Next(ref state));
                word[..Math.Min(8, buffer.Length)].CopyTo(buffer);
            }
        };
    }

    // SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    private static ulong Next(ref ulong state)
    {
        ulong z = state += 0x9E37_79B9_7F4A_7C15;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }
}
