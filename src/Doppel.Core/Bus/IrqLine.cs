namespace Doppel.Core.Bus;

/// <summary>
/// One level-triggered interrupt wire from a device to an interrupt controller (or from a controller to a vCPU).
/// Thread contract: <see cref="Set"/> from any thread; the sink is called only when the level changes, under this line's lock.
/// </summary>
public sealed class IrqLine
{
    private readonly Lock _gate = new();
    private readonly Action<bool> _sink;
    private bool _level;

    /// <summary>Creates a line at level low.</summary>
    /// <param name="sink">Called with the new level on each change. It must not call back into the device.</param>
    public IrqLine(Action<bool> sink) => _sink = sink;

    /// <summary>A line that leads nowhere.</summary>
    public static IrqLine CreateUnconnected() => new(static _ => { });

    /// <summary>The level now.</summary>
    public bool Level => Volatile.Read(ref _level);

    /// <summary>Drives the line.</summary>
    public void Set(bool level)
    {
        if (Volatile.Read(ref _level) == level) return;
        lock (_gate)
        {
            if (_level == level) return;
            _level = level;
            _sink(level);
        }
    }
}
