using Doppel.Host.Terminal;

namespace Doppel.Cli.Running;

/// <summary>
/// The user's terminal while it belongs to the guest: raw, with the escape key, and with its size followed.
/// Thread contract: one owner; <see cref="Resized"/> is called on the runtime's signal thread.
/// </summary>
internal sealed class TerminalSession : IDisposable
{
    private const string HelpText = "\r\nCtrl-A X  quit: the machine is switched off at once\r\n" +
        "Ctrl-A H  this help\r\nCtrl-A A  send Ctrl-A to the guest\r\n";

    private readonly RawTerminal _raw;
    private readonly IDisposable _resize;
    private readonly EscapeKeys _keys = new();
    private readonly List<byte> _forGuest = [];

    private TerminalSession(RawTerminal raw)
    {
        _raw = raw;
        _resize = HostTerminal.OnResize(() => Resized(Size));
    }

    /// <summary>Called with the new size when the window changes.</summary>
    internal Action<TerminalSize> Resized { get; set; } = static _ => { };

    /// <summary>The size now; 80 by 24 if the terminal does not know.</summary>
    internal static TerminalSize Size => HostTerminal.GetSize(0) ?? HostTerminal.GetSize(1) ?? new TerminalSize(80, 24);

    internal static bool IsPossible => HostTerminal.IsTerminal(0);

    internal static TerminalSession Start() => new(RawTerminal.Enter(0));

    /// <summary>Passes what was typed on, without what is meant for Doppel.</summary>
    /// <returns>The bytes for the guest, and whether the user wants to quit. The bytes are valid until the next call.</returns>
    internal (ReadOnlyMemory<byte> ForGuest, bool Quit) Type(ReadOnlySpan<byte> typed)
    {
        _forGuest.Clear();
        EscapeAction action = _keys.Feed(typed, _forGuest);
        if (action == EscapeAction.Help) Console.Error.Write(HelpText);
        return (_forGuest.ToArray(), action == EscapeAction.Quit);
    }

    public void Dispose()
    {
        _resize.Dispose();
        _raw.Dispose();
    }
}
