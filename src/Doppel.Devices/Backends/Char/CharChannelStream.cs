using Doppel.Host;

namespace Doppel.Devices.Backends.Char;

/// <summary>The host's end of a <see cref="CharChannel"/>. Thread contract: one reader and one writer at a time.</summary>
internal sealed class CharChannelStream(BytePipe input, BytePipe output) : ByteStream
{
    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override int Read(Span<byte> buffer) => buffer.IsEmpty ? 0 : input.Read(buffer);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty) return 0;
        while (true)
        {
            await input.WaitReadableAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
            int count = input.TryRead(buffer.Span);
            if (count != 0 || input.IsEnded || input.IsAbandoned) return count;
        }
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (true)
        {
            buffer = buffer[output.TryWrite(buffer)..];
            if (buffer.IsEmpty) return;
            output.WaitForRoom();
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            buffer = buffer[output.TryWrite(buffer.Span)..];
            if (buffer.IsEmpty) return;
            await output.WaitWritableAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    protected override void Dispose(bool disposing)
    {
        output.SetCompleted(true);
        input.Abandon();
        base.Dispose(disposing);
    }
}
