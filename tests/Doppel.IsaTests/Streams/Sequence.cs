using System.Text;
using Doppel.IsaTests.Encoding;

namespace Doppel.IsaTests.Streams;

/// <summary>A short program with the registers and the memory that it starts from.</summary>
internal sealed record Sequence
{
    /// <summary>Bytes of memory that a sequence may load and store.</summary>
    internal const int ScratchBytes = 512;

    /// <summary>Where the anchor register points, in bytes from the start of the scratch memory.</summary>
    internal const int AnchorOffset = 256;

    /// <summary>x0 to x31. Those of pointers and of the link register are not used.</summary>
    internal required ulong[] X { get; init; }

    internal required ulong[] F { get; init; }

    internal required uint Fcsr { get; init; }

    internal required byte[] Scratch { get; init; }

    /// <summary>The register that holds the address of the middle of the scratch memory throughout.</summary>
    internal required int Anchor { get; init; }

    /// <summary>Further registers that point into the scratch memory throughout, with their offset in it.</summary>
    internal required IReadOnlyDictionary<int, int> Pointers { get; init; }

    internal required IReadOnlyList<Item> Items { get; init; }

    /// <summary>The register next to the anchor; it belongs to the harness.</summary>
    internal int Link => LinkOf(Anchor);

    internal static int LinkOf(int anchor) => anchor == 31 ? 1 : anchor + 1;

    internal byte[] Encode()
    {
        List<byte> code = [];
        foreach (Step step in Item.Flatten(Items)) step.Emit(code);
        return [.. code];
    }

    /// <summary>Number of instructions in the code.</summary>
    internal int Length => Item.Flatten(Items).Count();

    /// <summary>The sequence as assembler text, with the initial values of the registers that it names.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        HashSet<int> x = [], f = [];
        text.Append($"  anchor {RegisterNames.X[Anchor]} = scratch+{AnchorOffset}");
        foreach ((int register, int offset) in Pointers) text.Append($", {RegisterNames.X[register]} = scratch+{offset}");
        text.AppendLine($", fcsr {Fcsr:x2}");
        foreach (Step step in Item.Flatten(Items))
        {
            text.Append("    ").AppendLine(step.Row.Format(step.Values));
            foreach ((Operand operand, long value) in step.Row.Operands.Zip(step.Values))
            {
                if (operand.Class == OperandClass.X) x.Add((int)value);
                if (operand.Class == OperandClass.F) f.Add((int)value);
            }
        }
        x.ExceptWith(Pointers.Keys.Append(Anchor).Append(0));
        foreach (int i in x.Order()) text.AppendLine($"  {RegisterNames.X[i],-4} = {X[i]:x16}");
        foreach (int i in f.Order()) text.AppendLine($"  {RegisterNames.F[i],-4} = {F[i]:x16}");
        return text.ToString();
    }
}
