using Doppel.RiscV.Engines;
using Doppel.RiscV.Translate;

namespace Doppel.IsaTests.Harts;

/// <summary>The engines that every test of this project runs on, by name.</summary>
internal static class Engines
{
    // An engine belongs to one machine, so each test makes its own.
    private static readonly Dictionary<string, Func<IRiscVEngine>> s_all = new(StringComparer.Ordinal)
    {
        ["interp"] = static () => new InterpreterEngine(),
        ["jit"] = static () => new JitEngine(JitOptions.Default with { HotSamples = -1 }),
        ["jit-optimised"] = static () => new JitEngine(JitOptions.Default with { HotSamples = 0 }),
    };

    /// <summary>Names of all engines, as theory data.</summary>
    public static TheoryData<string> Names => [.. s_all.Keys];

    /// <summary>Each engine with each number below a count: rows of a table of cases.</summary>
    internal static TheoryData<string, int> With(int count)
    {
        TheoryData<string, int> data = [];
        foreach (string name in s_all.Keys)
        {
            for (int i = 0; i < count; i++) data.Add(name, i);
        }
        return data;
    }

    internal static IRiscVEngine Create(string name) => s_all[name]();
}
