using Doppel.Core.Time;

namespace Doppel.Devices.Backends.Char;

/// <summary>
/// Carries a back end's input into the machine. Bytes enter only inside events of <see cref="MachineTime.Post"/>, so that a run can be
/// repeated; they then wait here until the guest's device has room for them. While this buffer is full, the back end keeps the rest.
/// Thread contract: <see cref="Take"/> from any thread.
/// </summary>
internal sealed class CharInput
{
    private const int Capacity = 4096;

    private readonly Lock _gate = new();
    private readonly ByteRing _ring = new(Capacity);
    private readonly ICharBackend _backend;
    private readonly MachineTime _time;
    private readonly Action _arrived;
    private readonly Action _pull;
    private int _scheduled;
    private bool _ended;
    private bool _starved;

    /// <summary>Connects to a back end.</summary>
    /// <param name="backend">Where input comes from; its callbacks are taken.</param>
    /// <param name="time">The door through which input enters.</param>
    /// <param name="arrived">Called inside the event, without locks, when there is more input or its end.</param>
    /// <param name="roomChanged">Called as an event when the back end may take output again.</param>
    internal CharInput(ICharBackend backend, MachineTime time, Action arrived, Action roomChanged)
    {
        _backend = backend;
        _time = time;
        _arrived = arrived;
        _pull = Pull;
        backend.Attach(Schedule, () => time.Post(roomChanged));
        Schedule();
    }

    /// <summary>True when the back end's input has ended and all of it was taken.</summary>
    internal bool IsEnded
    {
        get
        {
            lock (_gate) return _ended && _ring.Count == 0;
        }
    }

    /// <summary>Bytes that can be taken now.</summary>
    internal int Available
    {
        get
        {
            lock (_gate) return _ring.Count;
        }
    }

    /// <summary>Takes bytes for the guest, and asks the back end for more once this buffer is half empty.</summary>
    internal int Take(Span<byte> destination)
    {
        int taken;
        bool pull;
        lock (_gate)
        {
            taken = _ring.Read(destination);
            pull = _starved && _ring.Room >= Capacity / 2;
            if (pull) _starved = false;
        }
        if (pull) Schedule();
        return taken;
    }

    private void Schedule()
    {
        if (Interlocked.Exchange(ref _scheduled, 1) == 0) _time.Post(_pull);
    }

    private void Pull()
    {
        Volatile.Write(ref _scheduled, 0);
        Span<byte> buffer = stackalloc byte[1024];
        lock (_gate)
        {
            int count;
            do
            {
                count = _backend.Read(buffer[..Math.Min(buffer.Length, _ring.Room)]);
                _ring.Write(buffer[..count]);
            }
            while (count != 0);
            _starved = _ring.Room == 0;
            _ended = _backend.InputEnded;
        }
        _arrived();
    }
}
