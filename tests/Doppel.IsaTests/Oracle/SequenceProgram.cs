using System.Buffers.Binary;
using Doppel.IsaTests.Streams;

namespace Doppel.IsaTests.Oracle;

/// <summary>
/// One program that runs many sequences. Each has a block of data that holds the registers it starts from, and that its final registers
/// replace. Its anchor register points into the block throughout; the register next to it carries the harness's jumps. When the last
/// sequence is through, the program writes all blocks to standard output and exits, by the Linux calls WRITE and EXIT.
/// </summary>
internal sealed class SequenceProgram
{
    internal const ulong CodeBase = 0x4000_0000;
    internal const long SystemCallWrite = 64;
    internal const long SystemCallExit = 93;

    private const int FOffset = 31 * 8;
    private const int FcsrOffset = FOffset + (32 * 8);
    private const int BodyOffset = FcsrOffset + 8;
    private const int LoaderOffset = BodyOffset + 8;
    private const int ScratchOffset = LoaderOffset + 8;
    private const int AnchorInBlock = ScratchOffset + Sequence.AnchorOffset;
    // No power of two: blocks then stand at every place in a page, and some accesses cross its end.
    private const int Stride = ScratchOffset + Sequence.ScratchBytes + 8;

    private readonly IReadOnlyList<Sequence> _sequences;
    private readonly ulong[] _loaders = new ulong[32];
    private readonly ulong[] _storers = new ulong[32];
    private readonly int[] _overhead = new int[32];
    private readonly ulong[] _bodies;

    internal SequenceProgram(IReadOnlyList<Sequence> sequences)
    {
        _sequences = sequences;
        _bodies = new ulong[sequences.Count];
        byte[][] bodies = [.. sequences.Select(s => s.Encode())];
        // The harness takes less than 64 KiB; a body is followed by two instructions.
        ulong codeBytes = 0x10000 + (ulong)bodies.Sum(b => b.Length + 8L);
        DataBase = (CodeBase + codeBytes + 0xFFFF) & ~0xFFFFUL;

        var code = new CodeBuilder(CodeBase);
        Entry = code.Here;
        code.LoadAddress(1, DataBase + AnchorInBlock);
        EmitNext(code);
        for (int anchor = 1; anchor < 32; anchor++) EmitLoader(code, anchor);
        for (int anchor = 1; anchor < 32; anchor++) EmitStorer(code, anchor);
        Finish = code.Here;
        EmitFinish(code);
        TrapHandler = (code.Here + 3) & ~3UL;
        while (code.Here < TrapHandler) code.Emit("c.nop");
        code.Emit("ecall");
        for (int i = 0; i < bodies.Length; i++)
        {
            _bodies[i] = code.Here;
            code.Append(bodies[i]);
            code.JumpFar(sequences[i].Link, _storers[sequences[i].Anchor]);
        }
        Code = new Segment(CodeBase, code.ToArray(), Executable: true);
        Data = new Segment(DataBase, MakeData(), Executable: false);
    }

    internal ulong Entry { get; }

    internal ulong DataBase { get; }

    internal Segment Code { get; }

    internal Segment Data { get; }

    /// <summary>Where a trap may send an S-mode hart: an ECALL that no sequence reaches.</summary>
    internal ulong TrapHandler { get; }

    /// <summary>Instructions that the harness itself executes.</summary>
    internal long HarnessInstructions => 4 + 8 + _sequences.Sum(s => (long)_overhead[s.Anchor]);

    private ulong Finish { get; }

    private int BlocksBytes => _sequences.Count * Stride;

    internal byte[] ToElf() => ElfWriter.Write(Entry, Code, Data);

    /// <summary>Index of the sequence whose code holds an address, or -1.</summary>
    internal int SequenceAt(ulong pc)
    {
        int index = Array.BinarySearch(_bodies, pc);
        return index >= 0 ? index : ~index - 1;
    }

    /// <summary>Compares what two runs left of one sequence.</summary>
    /// <returns>Null if all is equal, else one line for each difference.</returns>
    internal static string? Compare(int sequence, ReadOnlySpan<byte> oracle, ReadOnlySpan<byte> subject)
    {
        ReadOnlySpan<byte> expected = oracle.Slice(sequence * Stride, Stride);
        ReadOnlySpan<byte> actual = subject.Slice(sequence * Stride, Stride);
        if (expected.SequenceEqual(actual)) return null;
        List<string> lines = [];
        for (int at = 0; at < Stride; at += 8)
        {
            ulong right = BinaryPrimitives.ReadUInt64LittleEndian(expected[at..]);
            ulong wrong = BinaryPrimitives.ReadUInt64LittleEndian(actual[at..]);
            if (right != wrong) lines.Add($"  {NameOf(at),-12} oracle {right:x16}  subject {wrong:x16}");
        }
        return string.Join('\n', lines);
    }

    private static string NameOf(int offset) => offset switch
    {
        < FOffset => Encoding.RegisterNames.X[(offset / 8) + 1],
        < FcsrOffset => Encoding.RegisterNames.F[(offset - FOffset) / 8],
        FcsrOffset => "fcsr",
        _ => $"scratch+{offset - ScratchOffset}",
    };

    // x1 holds the address of the next block's anchor.
    private static void EmitNext(CodeBuilder code)
    {
        code.Emit("ld", 2, LoaderOffset - AnchorInBlock, 1);
        code.Emit("jalr", 0, 0, 2);
    }

    private void EmitLoader(CodeBuilder code, int anchor)
    {
        int before = code.Count;
        int link = Sequence.LinkOf(anchor);
        _loaders[anchor] = code.Here;
        code.Emit("addi", anchor, 1, 0);
        code.Emit("ld", link, FcsrOffset - AnchorInBlock, anchor);
        code.Emit("csrrw", 0, 3, link);
        for (int i = 0; i < 32; i++) code.Emit("fld", i, FOffset + (i * 8) - AnchorInBlock, anchor);
        foreach (int i in OwnRegisters(anchor)) code.Emit("ld", i, ((i - 1) * 8) - AnchorInBlock, anchor);
        code.Emit("ld", link, BodyOffset - AnchorInBlock, anchor);
        code.Emit("jalr", 0, 0, link);
        _overhead[anchor] += code.Count - before;
    }

    private void EmitStorer(CodeBuilder code, int anchor)
    {
        int before = code.Count;
        int link = Sequence.LinkOf(anchor);
        _storers[anchor] = code.Here;
        foreach (int i in OwnRegisters(anchor)) code.Emit("sd", i, ((i - 1) * 8) - AnchorInBlock, anchor);
        for (int i = 0; i < 32; i++) code.Emit("fsd", i, FOffset + (i * 8) - AnchorInBlock, anchor);
        code.Emit("csrrs", link, 3, 0);
        code.Emit("sd", link, FcsrOffset - AnchorInBlock, anchor);
        code.Emit("addi", 1, anchor, Stride);
        EmitNext(code);
        _overhead[anchor] += code.Count - before + 2;
    }

    private static IEnumerable<int> OwnRegisters(int anchor) =>
        Enumerable.Range(1, 31).Where(i => i != anchor && i != Sequence.LinkOf(anchor));

    private void EmitFinish(CodeBuilder code)
    {
        code.Emit("addi", 10, 0, 1);
        code.LoadAddress(11, DataBase);
        // The length stands where the block behind the last has its body's address; x1 is that block's anchor.
        code.Emit("ld", 12, BodyOffset - AnchorInBlock, 1);
        code.Emit("addi", 17, 0, SystemCallWrite);
        code.Emit("ecall");
        code.Emit("addi", 10, 0, 0);
        code.Emit("addi", 17, 0, SystemCallExit);
        code.Emit("ecall");
    }

    private byte[] MakeData()
    {
        byte[] data = new byte[BlocksBytes + Stride];
        for (int i = 0; i < _sequences.Count; i++)
        {
            Sequence sequence = _sequences[i];
            Span<byte> block = data.AsSpan(i * Stride, Stride);
            ulong scratch = DataBase + (ulong)(i * Stride) + ScratchOffset;
            for (int r = 1; r < 32; r++)
            {
                ulong value = sequence.Pointers.TryGetValue(r, out int offset) ? scratch + (ulong)offset : sequence.X[r];
                BinaryPrimitives.WriteUInt64LittleEndian(block[((r - 1) * 8)..], value);
            }
            for (int r = 0; r < 32; r++) BinaryPrimitives.WriteUInt64LittleEndian(block[(FOffset + (r * 8))..], sequence.F[r]);
            BinaryPrimitives.WriteUInt64LittleEndian(block[FcsrOffset..], sequence.Fcsr);
            BinaryPrimitives.WriteUInt64LittleEndian(block[BodyOffset..], _bodies[i]);
            BinaryPrimitives.WriteUInt64LittleEndian(block[LoaderOffset..], _loaders[sequence.Anchor]);
            sequence.Scratch.CopyTo(block[ScratchOffset..]);
        }
        BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(BlocksBytes + BodyOffset), (ulong)BlocksBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(BlocksBytes + LoaderOffset), Finish);
        return data;
    }
}
