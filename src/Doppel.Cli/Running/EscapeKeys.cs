namespace Doppel.Cli.Running;

/// <summary>What the user asked of Doppel itself while typing into the guest.</summary>
internal enum EscapeAction
{
    None,
    Quit,
    Help,
}

/// <summary>
/// Finds the escape key Ctrl-A in what is typed: Ctrl-A X quits, Ctrl-A H helps, Ctrl-A A and Ctrl-A Ctrl-A send Ctrl-A to the guest.
/// Any other key after Ctrl-A helps too. Thread contract: one thread.
/// </summary>
internal sealed class EscapeKeys
{
    private const byte CtrlA = 1;

    private bool _pending;

    /// <summary>Reads a piece of input.</summary>
    /// <param name="input">Bytes as they were typed.</param>
    /// <param name="guest">Receives what is meant for the guest.</param>
    /// <returns>The first action found; what was typed after Quit is dropped, after Help it goes on.</returns>
    internal EscapeAction Feed(ReadOnlySpan<byte> input, List<byte> guest)
    {
        EscapeAction action = EscapeAction.None;
        foreach (byte key in input)
        {
            if (!_pending)
            {
                _pending = key == CtrlA;
                if (!_pending) guest.Add(key);
                continue;
            }
            _pending = false;
            switch (key)
            {
                case (byte)'x' or (byte)'X':
                    return EscapeAction.Quit;
                case CtrlA or (byte)'a' or (byte)'A':
                    guest.Add(CtrlA);
                    break;
                default:
                    action = EscapeAction.Help;
                    break;
            }
        }
        return action;
    }
}
