using Doppel.Devices.Backends.Share;
using Doppel.Devices.Virtio.Queue;
using Doppel.Host;

namespace Doppel.Devices.Virtio.Fs9p;

/// <summary>The data of a message, where they lie in guest memory. Thread contract: one thread at a time.</summary>
internal sealed class Fs9pBulk(VirtQueueChain chain) : IShareBulk
{
    /// <summary>Bytes in front of the data of a write, and of a read's reply.</summary>
    internal const int SourceOffset = 23, TargetOffset = 11;

    /// <summary>Bytes that every message has.</summary>
    internal const int Smallest = 7;

    private const byte WriteType = 118;
    private const int TypeOffset = 4;

    private readonly HostBuffer[] _buffers = new HostBuffer[VirtQueueChain.MaxSegments];
    private bool _isWrite;

    public uint SourceLength => _isWrite && chain.ReadableLength > SourceOffset ? chain.ReadableLength - SourceOffset : 0;

    public uint TargetLength => chain.WritableLength - TargetOffset;

    /// <summary>True for a message whose data are left where they are.</summary>
    internal static bool IsWrite(ReadOnlySpan<byte> message) => message[TypeOffset] == WriteType;

    public ReadOnlySpan<HostBuffer> GetSource(uint length) => _buffers.AsSpan(0, chain.GetReadableBuffers(SourceOffset, length, _buffers));

    public ReadOnlySpan<HostBuffer> GetTarget(uint length) => _buffers.AsSpan(0, chain.GetWritableBuffers(TargetOffset, length, _buffers));

    public void CopySource(Span<byte> destination) => chain.CopyOut(SourceOffset, destination);

    /// <summary>The chain holds the next message.</summary>
    internal void Begin(bool isWrite) => _isWrite = isWrite;
}
