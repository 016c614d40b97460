namespace Doppel.Devices.Backends.Char;

/// <summary>
/// The host's end of a character device: a serial line or a console port. Both directions are bounded; whoever is ahead waits, so no
/// byte is lost. Thread contract: all members from any thread; only <see cref="WaitForRoom"/> blocks.
/// </summary>
public interface ICharBackend : IDisposable
{
    /// <summary>True when the host has ended its input and the guest's side has read all of it.</summary>
    bool InputEnded { get; }

    /// <summary>Sets who is told of changes. Called by a device before its machine runs; one that takes over after a reboot replaces the old.</summary>
    /// <param name="inputChanged">Called on any thread, without locks, when input came in or ended.</param>
    /// <param name="roomChanged">Called on any thread, without locks, when <see cref="Write"/> may take bytes again.</param>
    void Attach(Action inputChanged, Action roomChanged);

    /// <summary>Takes bytes that the guest sends.</summary>
    /// <returns>How many were taken, from the front; fewer than all when the bound is reached. With nobody there, all are dropped.</returns>
    int Write(ReadOnlySpan<byte> data);

    /// <summary>Takes all bytes, past the bound if need be: for what a guest has left behind that is gone and can not wait.</summary>
    /// <param name="data">The bytes; the caller limits how many.</param>
    void WriteUnbounded(ReadOnlySpan<byte> data);

    /// <summary>Hands out bytes for the guest.</summary>
    /// <returns>How many were handed out; zero when there are none now.</returns>
    int Read(Span<byte> destination);

    /// <summary>
    /// Waits until <see cref="Write"/> may take bytes, or the back end is disposed of. A machine in deterministic time stands still meanwhile, and
    /// can not even be paused: to end it, dispose of its back ends first.
    /// </summary>
    void WaitForRoom();

    /// <summary>The guest opened or closed its end. A serial line is always open.</summary>
    void SetGuestOpen(bool open);
}
