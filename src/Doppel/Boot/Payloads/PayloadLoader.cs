using Doppel.Core.Memory;

namespace Doppel.Boot.Payloads;

/// <summary>Puts programs into guest memory. Only while the machine does not run.</summary>
internal static class PayloadLoader
{
    private static readonly byte[] s_zeros = new byte[1 << 16];

    /// <summary>Copies a program and clears what its file does not cover.</summary>
    /// <param name="memory">Guest memory.</param>
    /// <param name="payload">The program.</param>
    /// <param name="loadBase">Guest-physical load address of a relocatable program; 0 for ELF files.</param>
    /// <exception cref="VirtualMachineException">A segment lies outside RAM.</exception>
    public static void Load(GuestMemory memory, Payload payload, ulong loadBase)
    {
        foreach (PayloadSegment segment in payload.Segments)
        {
            ulong start = segment.Address + loadBase;
            if (!memory.TryTranslate(start, segment.MemorySize, writable: true, out _))
            {
                throw new VirtualMachineException(
                    $"{payload.Path}: its segment from 0x{start:x} to 0x{start + segment.MemorySize:x} lies outside the machine's RAM; link it for RAM, or give more --memory");
            }
            memory.Load(start, segment.Data.Span);
            Clear(memory, start + (ulong)segment.Data.Length, segment.MemorySize - (ulong)segment.Data.Length);
        }
    }

    private static void Clear(GuestMemory memory, ulong start, ulong size)
    {
        while (size > 0)
        {
            int count = (int)Math.Min(size, (ulong)s_zeros.Length);
            memory.Load(start, s_zeros.AsSpan(0, count));
            start += (ulong)count;
            size -= (ulong)count;
        }
    }
}
