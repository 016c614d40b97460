using Doppel.RiscV.Engines;
using Doppel.RiscV.Translate;

namespace Doppel.IsaTests.Harts;

/// <summary>The engines that every test of this project runs on, by name.</summary>
internal static class Engines
{
    private static readonly JitOptions s_quick = JitOptions.Default with { HotSamples = -1 }, s_optimised = JitOptions.Default with { HotSamples = 0 };

    // An engine belongs to one machine, so each test makes its own.
    private static readonly Dictionary<string, Func<IRiscVEngine>> s_all = new(StringComparer.Ordinal)
    {
        ["interp"] = static () => new InterpreterEngine(),
        ["jit"] = static () => new JitEngine(s_quick),
        ["jit-optimised"] = static () => new JitEngine(s_optimised),
        ["jit-verify"] = static () => new JitEngine(s_optimised with { Verify = true }),
    };

    /// <summary>Names of all engines, as theory data.</summary>
    public static TheoryData<string> Names => [.. s_all.Keys];

    /// <summary>Names of all engines but the interpreter.</summary>
    public static TheoryData<string> Translators => [.. s_all.Keys.Where(static name => name != "interp")];

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

    /// <summary>The translator with each of its optimisations switched off alone, in each quality: names that <see cref="Create"/> knows.</summary>
    internal static TheoryData<string> Switched => [.. JitSwitch.All.SelectMany(static s => new[] { $"jit no-{s.Name}", $"jit-optimised no-{s.Name}" })];

    internal static IRiscVEngine Create(string name)
    {
        string[] words = name.Split(" no-");
        if (words.Length == 1) return s_all[name]();
        JitOptions options = string.Equals(words[0], "jit", StringComparison.Ordinal) ? s_quick : s_optimised;
        return new JitEngine(options with { Off = JitSwitch.All.Single(s => s.Name == words[1]).Feature });
    }
}
