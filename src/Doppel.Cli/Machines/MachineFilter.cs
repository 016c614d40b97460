using System.Globalization;
using Doppel.Cli.Output;

namespace Doppel.Cli.Machines;

/// <summary>
/// Chooses machines by words such as <c>status=running</c>, as container tools have them: of words with the same key one must hold, of different
/// keys all. Thread contract: immutable.
/// </summary>
internal sealed class MachineFilter
{
    private static readonly (string Key, Func<MachineRecord, MachineState, string, bool> Holds)[] s_keys =
    [
        ("name",   static (record, _, value) => record.Name.Contains(value, StringComparison.Ordinal)),
        ("image",  static (record, _, value) => record.Image == value),
        ("status", static (_, state, value) => MachineState.Word(state.Status).Equals(value, StringComparison.OrdinalIgnoreCase)),
        ("exited", static (_, state, value) => state.IsOver && state.ExitCode.ToString(CultureInfo.InvariantCulture) == value),
    ];

    private readonly ILookup<string, string> _words;

    /// <summary>Reads words.</summary>
    /// <exception cref="CliException">One is not understood.</exception>
    internal MachineFilter(IEnumerable<string> words) => _words = words.Select(Split).ToLookup(static w => w.Key, static w => w.Value, StringComparer.Ordinal);

    /// <summary>True if it asks for machines that have ended, too.</summary>
    internal bool MeansEnded => _words.Contains("status") || _words.Contains("exited");

    internal bool Takes(MachineRecord record, MachineState state) =>
        Array.TrueForAll(s_keys, k => !_words.Contains(k.Key) || _words[k.Key].Any(value => k.Holds(record, state, value)));

    private static (string Key, string Value) Split(string word)
    {
        int at = word.IndexOf('=', StringComparison.Ordinal);
        string key = at < 0 ? word : word[..at];
        if (at < 0 || !Array.Exists(s_keys, k => k.Key == key))
            throw CliException.Usage($"--filter {word}: not understood", $"it is one of {string.Join(", ", s_keys.Select(static k => k.Key + "=VALUE"))}");
        return (key, word[(at + 1)..]);
    }
}
