using Doppel.Cli.Output;
using Doppel.Host;

namespace Doppel.Cli.Machines;

/// <summary>
/// The named machines of a user, each a folder below the state folder. It does not depend on the login session: a machine that was started in one
/// is found from another, and from cron. Thread contract: any thread and any process.
/// </summary>
internal sealed class MachineRegistry
{
    internal const string StateVariable = "DOPPEL_STATE";

    private const int LongestName = 40;

    private static readonly string[] s_qualities =
        ["amber", "bold", "brave", "bright", "calm", "clear", "crisp", "eager", "early", "fair", "fond", "fresh", "gentle", "glad", "golden", "keen",
        "kind", "lively", "lucid", "merry", "mild", "neat", "noble", "patient", "proud", "quick", "quiet", "ready", "silver", "steady", "swift", "warm"];

    private static readonly string[] s_things =
        ["badger", "beacon", "birch", "brook", "cedar", "cloud", "comet", "coral", "crane", "delta", "falcon", "fern", "finch", "harbor", "hazel", "heron",
        "island", "lark", "maple", "meadow", "otter", "pebble", "pine", "plover", "quartz", "raven", "river", "sparrow", "spruce", "thistle", "walrus", "willow"];

    private MachineRegistry(string root) => Root = root;

    /// <summary>Folder of the machines' folders.</summary>
    internal string Root { get; }

    /// <summary>The user's: below <c>$DOPPEL_STATE</c>, else <c>$XDG_STATE_HOME/doppel</c>, else <c>~/.local/state/doppel</c>.</summary>
    internal static MachineRegistry Open()
    {
        if (Environment.GetEnvironmentVariable(StateVariable) is { Length: > 0 } own) return new(Path.Combine(Path.GetFullPath(own), "machines"));
        string? state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        if (!string.IsNullOrEmpty(state) && Path.IsPathRooted(state)) return new(Path.Combine(state, "doppel", "machines"));
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (home.Length == 0) throw new CliException("no folder for machines: there is no home folder, by HOME or by the list of users", $"set {StateVariable} to a folder of yours");
        return new(Path.Combine(home, ".local", "state", "doppel", "machines"));
    }

    /// <summary>Where all machines of the user, with and without a name, share the host's processors.</summary>
    /// <exception cref="IOException">There is no such file, and none can be made.</exception>
    internal CpuShareGroup OpenShares()
    {
        string folder = Path.GetDirectoryName(Root)!;
        MachineFolder.CreatePrivate(folder);
        return CpuShareGroup.Open(Path.Combine(folder, "shares"));
    }

    /// <summary>All machines, by name.</summary>
    internal IEnumerable<MachineFolder> List() => Directory.Exists(Root)
        ? Directory.EnumerateDirectories(Root).Where(static d => IsName(Path.GetFileName(d))).Order(StringComparer.Ordinal)
            .Select(static d => new MachineFolder(d))
        : [];

    /// <summary>The machine of a name.</summary>
    /// <exception cref="CliException">There is none; the hint names those there are.</exception>
    internal MachineFolder Find(string name)
    {
        if (TryFind(name) is { } folder) return folder;
        string[] names = [.. List().Select(static m => m.Name)];
        string hint = names.Length == 0 ? "start one with `doppel run -d --name NAME`" : $"there are: {string.Join(", ", names)}";
        throw new CliException($"there is no machine {name}", hint);
    }

    /// <summary>The machine of a name, or null if there is none.</summary>
    internal MachineFolder? TryFind(string name) => IsName(name) && new MachineFolder(Path.Combine(Root, name)) is { Exists: true } folder ? folder : null;

    /// <summary>Takes the record's name, or, where it has none, one that is free.</summary>
    internal MachineFolder Create(MachineRecord record)
    {
        try
        {
            MachineFolder.CreatePrivate(Root);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"the folder for machines, {Root}, cannot be made: {e.Message}", $"set {StateVariable} to a folder of yours");
        }
        MachineFolder.BuryRest(Root);
        if (record.Name.Length != 0) return MachineFolder.Create(Root, record);
        while (true)
        {
            string name = $"{Pick(s_qualities)}-{Pick(s_things)}";
            if (!Directory.Exists(Path.Combine(Root, name))) return MachineFolder.Create(Root, record with { Name = name });
        }
    }

    /// <summary>True if a text may name a machine: letters, digits, <c>.</c>, <c>_</c> and <c>-</c>, the first a letter or digit.</summary>
    internal static bool IsName(string text) => text.Length is > 0 and <= LongestName && char.IsAsciiLetterOrDigit(text[0])
        && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>The text, if it may name a machine.</summary>
    /// <exception cref="CliException">It may not; the message says what may.</exception>
    internal static string CheckName(string what, string name) => IsName(name) ? name
        : throw CliException.Usage($"{what} {name}: not a name for a machine", "take letters, digits, - _ and ., at most 40, the first a letter or digit");

    private static string Pick(string[] words) => words[HostRandom.GetUInt32() % words.Length];
}
