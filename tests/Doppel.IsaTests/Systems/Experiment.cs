using System.Text;
using Doppel.IsaTests.Encoding;
using Doppel.IsaTests.Streams;
using Doppel.RiscV;

namespace Doppel.IsaTests.Systems;

/// <summary>A few instructions, run in some mode from a full set of registers until the first trap that reaches M-mode.</summary>
internal sealed record Experiment
{
    internal required int World { get; init; }

    internal required PrivilegeMode Mode { get; init; }

    /// <summary>x0 to x31.</summary>
    internal required ulong[] X { get; init; }

    /// <summary>Values of <see cref="ExperimentCsrs.Loaded"/>.</summary>
    internal required ulong[] Csrs { get; init; }

    /// <summary>True where the code is reached through the mapping for U-mode.</summary>
    internal required bool ThroughAlias { get; init; }

    /// <summary>Instructions in groups that belong together.</summary>
    internal required IReadOnlyList<Step[]> Body { get; init; }

    /// <summary>True if some instruction of the body is of a kind.</summary>
    internal bool Has(Func<Instruction, bool> kind) => Steps.Any(s => kind(s.Row));

    private IEnumerable<Step> Steps => Body.SelectMany(group => group);

    /// <summary>The body, and the ECALL that ends it.</summary>
    internal byte[] Encode()
    {
        List<byte> code = [];
        foreach (Step step in Steps) step.Emit(code);
        Step.Of("ecall").Emit(code);
        return [.. code];
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine($"  {Mode} mode, world {World}{(ThroughAlias ? ", code in the user alias" : "")}");
        foreach (Step step in Steps) text.Append("    ").AppendLine(step.Row.Format(step.Values));
        foreach (int i in Steps.SelectMany(s => s.Row.Operands.Zip(s.Values).Where(p => p.First.Class == OperandClass.X)).Select(p => (int)p.Second).Distinct().Order())
            text.AppendLine($"  {RegisterNames.X[i],-4} = {X[i]:x16}");
        for (int i = 0; i < Csrs.Length; i++) text.AppendLine($"  {ExperimentCsrs.Loaded[i],-10} = {Csrs[i]:x16}");
        return text.ToString();
    }
}
