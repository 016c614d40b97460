using System.Text;
using Doppel.Images.Archives;

namespace Doppel.Images;

/// <summary>
/// What the guest runs after boot instead of its shell. It travels as a small archive behind the image's own, because a kernel command
/// line is too short and has no quoting that every character survives. Thread contract: immutable.
/// </summary>
public sealed record GuestCommand
{
    /// <summary>The program and its arguments; empty: a login shell, whose end powers the machine off without a status.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Variables set for the command, beyond PATH, HOME, USER, LOGNAME and SHELL, which the guest sets.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Folder of the guest it starts in.</summary>
    public string WorkingDirectory { get; init; } = "/";

    /// <summary>
    /// True: it gets the terminal on the console port. False: its three streams are the ports <c>doppel.stdin</c>,
    /// <c>doppel.stdout</c> and <c>doppel.stderr</c>. A shell always gets the terminal.
    /// </summary>
    public bool Terminal { get; init; }

    /// <summary>Width of the terminal in characters, or zero if it is not known. Only used where the console device tells no size.</summary>
    public int Columns { get; init; }

    /// <summary>Height of the terminal in lines, or zero if it is not known.</summary>
    public int Rows { get; init; }

    /// <summary>How the network interfaces are set up, in the machine's order.</summary>
    public IReadOnlyList<GuestNetwork> Networks { get; init; } = [];

    /// <summary>Shared folders that are mounted before the command starts.</summary>
    public IReadOnlyList<GuestShare> Shares { get; init; } = [];

    /// <summary>The archive: <c>/doppel/command</c> and, if there are shared folders, <c>/doppel/shares</c>, that the guest's process 1 reads.</summary>
    /// <exception cref="ArgumentException">An argument holds a NUL character, or a variable has a name that no shell accepts.</exception>
    public byte[] ToInitrd()
    {
        var archive = new CpioArchive();
        archive.AddDirectory("doppel", 0x1C0);
        archive.AddFile("doppel/command", Encoding.UTF8.GetBytes(ToScript()), 0x180);
        if (Shares.Count > 0) archive.AddFile("doppel/shares", GuestShare.ToFile(Shares), 0x180);
        return archive.ToArray();
    }

    private string ToScript()
    {
        bool shell = Arguments.Count == 0;
        var script = new StringBuilder();
        if (shell || Terminal) script.Append("tty=1\n");
        if (!shell) script.Append("reports=1\n");
        if (Columns > 0 && Rows > 0) script.Append($"columns={Columns} rows={Rows}\n");
        if (Networks.Count > 0) script.Append($"networks={ShellText.Quote(string.Join(' ', Networks.Select(static n => n.ToWord())))}\n");
        script.Append("run() {\n");
        foreach ((string name, string value) in Environment.OrderBy(variable => variable.Key, StringComparer.Ordinal))
            script.Append($"export {CheckName(name)}={ShellText.Quote(value)}\n");
        script.Append($"cd {ShellText.Quote(WorkingDirectory)} || exit 125\nunset OLDPWD\n");
        if (shell) script.Append("export TERM=\"${TERM:-xterm}\"\n");
        // The shell is the guest's own: BusyBox's, or bash on a disk that has it.
        if (shell) script.Append("exec \"$SHELL\" -l");
        else script.Append("exec").AppendJoin("", Arguments.Select(argument => " " + ShellText.Quote(argument)));
        return script.Append("\n}\n").ToString();
    }

    private static string CheckName(string name) =>
        name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')
            ? name
            : throw new ArgumentException($"'{name}' is no name of an environment variable", nameof(name));
}
