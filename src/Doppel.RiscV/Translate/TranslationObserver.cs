using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Doppel.Core.Diagnostics;
using Doppel.Jit.Dump;
using Doppel.Jit.Ir;
using Doppel.RiscV.Semantics;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Tells whoever wants to know of each translation, and remembers how long the code is. Thread contract: as
/// <see cref="MachineCode"/>, but <see cref="Describe"/> from any thread.
/// </summary>
internal sealed class TranslationObserver(JitOptions options)
{
    private readonly Dictionary<nint, (int Bytes, string Quality)> _known = [];

    /// <summary>An observer, or null where nobody wants to know.</summary>
    internal static TranslationObserver? For(JitOptions options) => options.Translated is null && !options.Verify ? null : new(options);

    /// <summary>Guest instructions with the operations that they became, if that is wanted.</summary>
    internal string Describe(ReadOnlySpan<IrUnit> blocks, ReadOnlySpan<byte> page)
    {
        if (!options.Trace) return "";
        StringBuilder text = new();
        foreach (IrUnit block in blocks)
        {
            int offset = -1;
            foreach (ref readonly IrInst inst in block.Insts)
            {
                if (inst.GuestOffset != offset && inst.GuestOffset < page.Length) text.Append(CultureInfo.InvariantCulture, $"  +{inst.GuestOffset:x3}  {Decode(page[inst.GuestOffset..])}\n");
                offset = inst.GuestOffset;
                // What a pass has removed stays in its place.
                text.Append("          ").Append(inst.Op == IrOp.Nop ? "(removed)" : IrPrinter.Format(inst)).Append('\n');
            }
        }
        return text.ToString();
    }

    /// <summary>Notes a translation.</summary>
    internal void Add(TranslatedPage page, int offset, int instructions, (nint Address, ReadOnlyMemory<byte> Bytes) code, (string Quality, string Text) made)
    {
        _known[code.Address] = (code.Bytes.Length, made.Quality);
        options.Translated?.Invoke(new TranslatedCode(
            page.Gpa + (ulong)offset, "USM"[page.Mode], made.Quality, instructions, (ulong)code.Address, code.Bytes, made.Text));
    }

    /// <summary>Length and quality of the code at an address, if it was noted.</summary>
    internal (int Bytes, string Quality) Find(nint address) => _known.GetValueOrDefault(address, (0, "unknown"));

    private static string Decode(ReadOnlySpan<byte> bytes)
    {
        uint low = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        return InstructionText.Format(InstructionText.IsLong(low) && bytes.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : low);
    }
}
