using Doppel.RiscV.Engines;

namespace Doppel.IsaTests.Harts;

/// <summary>The engines that every test of this project runs on, by name.</summary>
internal static class Engines
{
    // An engine belongs to one machine, so each test makes its own.
    private static readonly Dictionary<string, Func<IRiscVEngine>> s_all = new(StringComparer.Ordinal)
    {
        ["interp"] = static () => new InterpreterEngine(),
        ["jit"] = static () => new JitEngine(),
    };

    /// <summary>Names of all engines, as theory data.</summary>
    public static TheoryData<string> Names => [.. s_all.Keys];

    internal static IRiscVEngine Create(string name) => s_all[name]();
}
