using System.CommandLine;
using System.CommandLine.Parsing;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary>The options of <c>doppel run</c> that are about the engine <c>jit</c>, and how they are read.</summary>
internal sealed class TranslatorSyntax
{
    private const string Prefix = "no-";

    private readonly Option<string[]> _jit = new("--jit")
    {
        HelpName = "OPTION[,OPTION...]",
        Description = "Switch optimisations of the engine jit off, as in --jit no-chaining,no-homes; docs/jit.md lists them",
        CustomParser = ParseSwitches,
    };

    private readonly Option<long> _cache = new("--jit-cache")
    {
        HelpName = "SIZE",
        Description = "Most memory for the code that jit generates, shared by the processors; a plain number counts MiB [default: 72M]",
        CustomParser = ParseCache,
        DefaultValueFactory = static _ => TranslatorConfig.Default.CacheBytes,
    };

    private readonly Option<bool> _verify = new("--verify")
    {
        Description = "Run everything that jit does once more on interp, and stop at the first instruction that differs; implies --time icount",
    };

    private readonly Option<string?> _trace = new("--trace-jit")
    {
        HelpName = "FILE",
        Description = "Write each translation of jit, guest code, operations and host code, to a file, or to standard error",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<bool> _map = new("--perf-map")
    {
        Description = "Name translated code for profilers in /tmp/perf-PID.map",
    };

    internal TranslatorSyntax() =>
        _jit.CompletionSources.Add([.. TranslatorConfig.Switches.Select(static s => Prefix + s.Key)]);

    /// <summary>The options, for the command.</summary>
    internal IEnumerable<Option> Options => [_jit, _cache, _verify, _trace, _map];

    /// <summary>File of the trace, empty for standard error, null for none.</summary>
    internal string? TraceOf(ParseResult result) => result.GetResult(_trace) is null ? null : result.GetValue(_trace) ?? "";

    internal bool Maps(ParseResult result) => result.GetValue(_map);

    internal bool Verifies(ParseResult result) => result.GetValue(_verify);

    internal TranslatorConfig Read(ParseResult result) => new()
    {
        Off = result.GetValue(_jit) ?? [],
        CacheBytes = result.GetValue(_cache),
        Verify = Verifies(result),
    };

    private static long ParseCache(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (MemorySize.TryParse(text, out ulong bytes) && bytes is >= 1 << 20 and <= 1UL << 40) return (long)bytes;
        result.AddError($"--jit-cache {text}: not an amount of memory from 1M on, for instance 64M");
        return 0;
    }

    // Which names there are is the validator's business, what they look like ours.
    private static string[] ParseSwitches(ArgumentResult result)
    {
        string[] words = result.Tokens[0].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        foreach (string word in words.Where(static w => !w.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            string names = string.Join(", ", TranslatorConfig.Switches.Select(static s => Prefix + s.Key));
            result.AddError($"--jit {word}: options switch something off; there are {names}");
        }
        return [.. words.Where(static w => w.StartsWith(Prefix, StringComparison.Ordinal)).Select(static w => w[Prefix.Length..])];
    }
}
