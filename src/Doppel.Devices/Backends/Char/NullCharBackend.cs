namespace Doppel.Devices.Backends.Char;

/// <summary>Drops all output and never has input. Thread contract: stateless.</summary>
public sealed class NullCharBackend : ICharBackend
{
    /// <inheritdoc/>
    public bool InputEnded => false;

    /// <inheritdoc/>
    public void Attach(Action inputChanged, Action roomChanged)
    {
    }

    /// <inheritdoc/>
    public int Write(ReadOnlySpan<byte> data) => data.Length;

    /// <inheritdoc/>
    public void WriteUnbounded(ReadOnlySpan<byte> data)
    {
    }

    /// <inheritdoc/>
    public int Read(Span<byte> destination) => 0;

    /// <inheritdoc/>
    public void WaitForRoom()
    {
    }

    /// <inheritdoc/>
    public void SetGuestOpen(bool open)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
