using Doppel.RiscV.Engines;

namespace Doppel.Boards;

/// <summary>The engines that can run RISC-V harts.</summary>
internal static class EngineCatalog
{
    internal const string Automatic = "auto";

    private static readonly (string Name, Func<TranslatorConfig, IRiscVEngine> Create)[] s_engines =
    [
        ("interp", static _ => new InterpreterEngine()),
        ("jit", static translator => new JitEngine(translator.ToOptions())),
    ];

    /// <summary>Names that a configuration may give.</summary>
    internal static IEnumerable<string> Names => s_engines.Select(static e => e.Name).Prepend(Automatic);

    /// <summary>Creates an engine by name.</summary>
    internal static IRiscVEngine Create(string name, TranslatorConfig translator) =>
        Find(string.Equals(name, Automatic, StringComparison.Ordinal) ? Preferred : name).Create(translator);

    /// <summary>The engine that <see cref="Automatic"/> stands for on this host.</summary>
    internal static string Preferred => JitEngine.IsSupported ? "jit" : "interp";

    /// <summary>True if what is asked for takes translated code, and this host cannot run any.</summary>
    internal static bool NeedsMore(string name, TranslatorConfig translator) =>
        !JitEngine.IsSupported && (string.Equals(name, "jit", StringComparison.Ordinal) || (translator.Verify && string.Equals(name, Automatic, StringComparison.Ordinal)));

    private static (string Name, Func<TranslatorConfig, IRiscVEngine> Create) Find(string name) =>
        s_engines.First(e => string.Equals(e.Name, name, StringComparison.Ordinal));
}
