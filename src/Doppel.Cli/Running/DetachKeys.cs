namespace Doppel.Cli.Running;

/// <summary>
/// Finds, in what is typed into a machine that one is attached to, the keys that leave it: Ctrl-P Ctrl-Q, or Ctrl-A D. Ctrl-A A sends Ctrl-A, and
/// Ctrl-P before any other key goes to the guest with it. Thread contract: one thread.
/// </summary>
internal sealed class DetachKeys
{
    private const byte CtrlA = 1, CtrlP = 16, CtrlQ = 17;

    private byte _pending;

    /// <summary>Reads a piece of input.</summary>
    /// <param name="input">Bytes as they were typed.</param>
    /// <param name="guest">Receives what is meant for the guest.</param>
    /// <returns>True if the user wants to leave; what was typed after that is dropped.</returns>
    internal bool Feed(ReadOnlySpan<byte> input, List<byte> guest)
    {
        foreach (byte key in input)
        {
            byte before = _pending;
            _pending = 0;
            if ((before, key) is (CtrlP, CtrlQ) or (CtrlA, (byte)'d' or (byte)'D')) return true;
            if (before == CtrlP) guest.Add(CtrlP);
            if (before == CtrlA)
            {
                if (key is CtrlA or (byte)'a' or (byte)'A') guest.Add(CtrlA);
            }
            else if (key is CtrlA or CtrlP)
            {
                _pending = key;
            }
            else
            {
                guest.Add(key);
            }
        }
        return false;
    }
}
