namespace Doppel.Core.Execution;

/// <summary>What the guest asks of its power supply.</summary>
public enum PowerAction
{
    /// <summary>Switch off.</summary>
    PowerOff,

    /// <summary>Start again from reset.</summary>
    Reboot,
}

/// <summary>A guest's request to the board, with the status that it reports (0 for success).</summary>
/// <param name="Action">What is asked.</param>
/// <param name="Status">The guest's own exit code; non-zero is a failure.</param>
public readonly record struct PowerRequest(PowerAction Action, int Status = 0);
