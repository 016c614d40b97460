using Doppel.IsaTests.Encoding;
using Doppel.IsaTests.Streams;

namespace Doppel.IsaTests.Oracle;

/// <summary>Collects instructions at known addresses.</summary>
internal sealed class CodeBuilder(ulong origin)
{
    private readonly List<byte> _bytes = [];

    internal ulong Here => origin + (ulong)_bytes.Count;

    /// <summary>Number of instructions so far.</summary>
    internal int Count { get; private set; }

    internal void Emit(string name, params long[] values)
    {
        Step.Of(name, values).Emit(_bytes);
        Count++;
    }

    internal void Append(ReadOnlySpan<byte> code) => _bytes.AddRange(code);

    /// <summary>Loads an address within 2 GiB.</summary>
    internal void LoadAddress(int register, ulong target)
    {
        (long high, long low) = Split(target);
        Emit("auipc", register, high);
        Emit("addi", register, register, low);
    }

    /// <summary>Jumps to an address within 2 GiB; clobbers a register.</summary>
    internal void JumpFar(int register, ulong target)
    {
        (long high, long low) = Split(target);
        Emit("auipc", register, high);
        Emit("jalr", 0, low, register);
    }

    internal byte[] ToArray() => [.. _bytes];

    // Both halves are sign-extended, so the upper one is rounded.
    private (long High, long Low) Split(ulong target)
    {
        long distance = (long)(target - Here);
        long low = distance << 52 >> 52;
        return ((distance - low) >> 12 & 0xFFFFF, low);
    }
}
