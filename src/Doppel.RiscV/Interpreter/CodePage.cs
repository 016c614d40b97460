using System.Runtime.InteropServices;
using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Interpreter;

/// <summary>The decoded instructions of one physical page.</summary>
internal sealed unsafe class CodePage : IDisposable
{
    /// <summary>One slot for each half-word, and two behind the end, where execution runs over to the next page.</summary>
    internal const int Slots = 2048 + 2;

    internal CodePage()
    {
        Instructions = (DecodedInstruction*)NativeMemory.AlignedAlloc((nuint)((Slots + 1) * sizeof(DecodedInstruction)), 64);
    }

    internal DecodedInstruction* Instructions { get; }

    /// <summary>Guest-physical address of the page. It stands behind the last slot, where running code finds it.</summary>
    internal ulong Gpa
    {
        get => GpaOf(Instructions);
        set => *(ulong*)(Instructions + Slots) = value;
    }

    /// <summary>Guest-physical address of the page that an array of decoded instructions belongs to.</summary>
    internal static ulong GpaOf(DecodedInstruction* instructions) => *(ulong*)(instructions + Slots);

    /// <summary>Code stamp of the page when decoding began: another value now means that the page was written.</summary>
    internal uint Stamp { get; set; }

    /// <summary>Number of the arming in the <see cref="HartGroup"/> that belongs to the stamp.</summary>
    internal ulong Arming { get; set; }

    /// <summary>True once every store to the page changes the stamp; before that, its bytes tell whether it was written.</summary>
    internal bool IsSettled { get; set; }

    /// <summary>The page's bytes when decoding began: what was written back unchanged need not be decoded again.</summary>
    internal byte[] Bytes { get; } = new byte[4096];

    public void Dispose() => NativeMemory.AlignedFree(Instructions);
}
