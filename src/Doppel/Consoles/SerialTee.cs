using Doppel.Devices.Backends.Char;

namespace Doppel.Consoles;

/// <summary>
/// Joins two lines into one: output goes to both, input comes from either. What the first does not take is not shown to the second, so
/// both see the same bytes. Thread contract: as <see cref="ICharBackend"/>.
/// </summary>
internal sealed class SerialTee(ICharBackend first, ICharBackend second) : ICharBackend
{
    public bool InputEnded => first.InputEnded && second.InputEnded;

    public void Attach(Action inputChanged, Action roomChanged)
    {
        first.Attach(inputChanged, roomChanged);
        second.Attach(inputChanged, roomChanged);
    }

    public int Write(ReadOnlySpan<byte> data)
    {
        int taken = first.Write(data);
        ReadOnlySpan<byte> rest = data[..taken];
        while (!rest.IsEmpty)
        {
            int copied = second.Write(rest);
            if (copied == 0) second.WaitForRoom();
            rest = rest[copied..];
        }
        return taken;
    }

    public void WriteUnbounded(ReadOnlySpan<byte> data)
    {
        first.WriteUnbounded(data);
        second.WriteUnbounded(data);
    }

    public int Read(Span<byte> destination)
    {
        int count = first.Read(destination);
        return count != 0 ? count : second.Read(destination);
    }

    public void WaitForRoom() => first.WaitForRoom();

    public void SetGuestOpen(bool open)
    {
        first.SetGuestOpen(open);
        second.SetGuestOpen(open);
    }

    public void Dispose()
    {
        first.Dispose();
        second.Dispose();
    }
}
