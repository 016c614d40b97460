using Doppel.Host;
using Doppel.Jit.X64;
using Iced.Intel;

namespace Doppel.UnitTests.Jit;

/// <summary>Assembles into executable memory; Iced says what the bytes mean, the processor what they do.</summary>
internal sealed unsafe class AssemblerFixture : IDisposable
{
    private readonly ExecutableMemory _memory = ExecutableMemory.Create("doppel-test", 1 << 16);

    internal AssemblerFixture() => Asm.Begin(_memory.Writable, _memory.Executable, 1 << 16);

    internal Doppel.Jit.X64.Assembler Asm { get; } = new();

    /// <summary>What was assembled, in Intel syntax.</summary>
    internal string[] Disassemble()
    {
        Asm.ResolveLabels();
        // SAFETY: the first Position bytes of the mapping were written by the assembler.
        byte[] code = new ReadOnlySpan<byte>((void*)_memory.Writable, Asm.Position).ToArray();
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(code));
        IntelFormatter formatter = new();
        formatter.Options.UppercaseHex = false;
        List<string> lines = [];
        while (decoder.IP < (ulong)code.Length)
        {
            decoder.Decode(out Instruction instruction);
            StringOutput output = new();
            formatter.Format(instruction, output);
            lines.Add(output.ToStringAndReset());
        }
        return [.. lines];
    }

    /// <summary>Calls the code as a function of two integers.</summary>
    internal ulong Run(ulong a, ulong b)
    {
        Asm.ResolveLabels();
        // SAFETY: the test has assembled a leaf function that follows the System V ABI.
        return ((delegate* unmanaged<ulong, ulong, ulong>)_memory.Executable)(a, b);
    }

    public void Dispose() => _memory.Dispose();
}
