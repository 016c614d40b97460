using Doppel.RiscV.Decode;
using Doppel.RiscV.Semantics;

namespace Doppel.RiscV.Interpreter;

/// <summary>
/// Counts executed instructions by the body that executes them. Thread contract: one thread counts; any thread may read, and gets numbers
/// that are approximate meanwhile.
/// </summary>
internal sealed unsafe class InstructionHistogram
{
    // A power of two, well above the number of bodies that there are.
    private const int Slots = 1024;

    private readonly nint[] _bodies = new nint[Slots];
    private readonly ulong[] _counts = new ulong[Slots];

    internal void Count(nint body)
    {
        int slot = (int)((ulong)body * 0x9E3779B97F4A7C15 >> 54);
        for (int i = 0; i < Slots; i++, slot = (slot + 1) & (Slots - 1))
        {
            if (_bodies[slot] == 0) _bodies[slot] = body;
            if (_bodies[slot] != body) continue;
            _counts[slot]++;
            return;
        }
    }

    /// <summary>Names and counts. Instructions that share a body share a name: that of the first in the table.</summary>
    internal IEnumerable<KeyValuePair<string, ulong>> Read()
    {
        Dictionary<nint, string> names = Names();
        for (int slot = 0; slot < Slots; slot++)
        {
            if (_counts[slot] > 0) yield return KeyValuePair.Create(names.GetValueOrDefault(_bodies[slot], "illegal"), _counts[slot]);
        }
    }

    private static Dictionary<nint, string> Names()
    {
        Dictionary<nint, string> names = [];
        foreach (InstructionRow row in InstructionTable.Rows())
        {
            names.TryAdd((nint)row.Execute, row.Name);
            if (row.ExecuteNear != null) names.TryAdd((nint)row.ExecuteNear, row.Name);
        }
        return names;
    }
}
