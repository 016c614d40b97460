using System.Buffers.Binary;
using System.Text;
using Doppel.Core.Execution;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Share;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Fs9p;

/// <summary>
/// The 9P transport device (virtio device 9; Linux, include/uapi/linux/virtio_9p.h): carries messages between the guest's file system and a
/// <see cref="ShareServer"/>. In real time they are served on a thread of its own; in deterministic time inside the notification.
/// Thread contract: as <see cref="IVirtioDevice"/>; messages are served one after the other under the queue's lock.
/// </summary>
public sealed class VirtioFs9p : IVirtioDevice
{
    /// <summary>Longest tag in bytes.</summary>
    public const int MaxTag = 255;

    private const ulong MountTag = 1 << 0;

    // What Linux's driver counts on when it chooses the length of its messages.
    private const ushort QueueSize = 128;

    private readonly ShareServer _server;
    private readonly byte[] _config;
    private readonly byte[] _message = new byte[ShareServer.MaxMessage], _reply = new byte[ShareServer.MaxMessage];
    private readonly VcpuSignal? _work;
    private readonly Thread? _worker;
    private IVirtioTransport? _transport;
    private VirtQueueChain? _chain;
    private Fs9pBulk? _bulk;
    private volatile bool _stopping;
    private bool _disposed;

    /// <summary>Creates the device.</summary>
    /// <param name="server">Serves the messages; this device owns it.</param>
    /// <param name="tag">What the guest mounts it by; <see cref="MaxTag"/> bytes at most.</param>
    /// <param name="time">Tells whether runs must repeat.</param>
    public VirtioFs9p(ShareServer server, string tag, MachineTime time)
    {
        _server = server;
        byte[] name = Encoding.UTF8.GetBytes(tag);
        _config = new byte[2 + name.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(_config, (ushort)name.Length);
        name.CopyTo(_config, 2);
        if (time.IsDeterministic) return;
        _work = new VcpuSignal();
        _worker = new Thread(Work, maxStackSize: 256 << 10) { IsBackground = true, Name = $"doppel-{tag}" };
        _worker.Start();
    }

    /// <inheritdoc/>
    public uint DeviceId => 9;

    /// <inheritdoc/>
    public ulong Features => MountTag;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; } = [QueueSize];

    /// <inheritdoc/>
    public uint ConfigGeneration => 0;

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport)
    {
        _chain = new VirtQueueChain(transport.Memory);
        _bulk = new Fs9pBulk(_chain);
        _transport = transport;
    }

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> data) => ConfigSpace.Read(_config, offset, data);

    /// <inheritdoc/>
    public void WriteConfig(uint offset, ReadOnlySpan<byte> data)
    {
    }

    /// <inheritdoc/>
    public void Activate(ulong features)
    {
    }

    /// <inheritdoc/>
    public void Notify(int queue)
    {
        if (_work is null) Serve();
        else _work.Raise();
    }

    /// <inheritdoc/>
    public void Reset()
    {
        lock (_transport!.Queues[0].Gate) _server.Reset();
    }

    /// <summary>Ends the thread after the message at hand, and the server.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _stopping = true;
        _work?.Raise();
        _worker?.Join();
        _work?.Dispose();
        _server.Dispose();
    }

    private void Work()
    {
        while (true)
        {
            _work!.Wait();
            if (_stopping) return;
            Serve();
        }
    }

    private void Serve()
    {
        VirtQueue queue = _transport!.Queues[0];
        do
        {
            lock (queue.Gate) queue.DisableNotifications();
            while (!_stopping && ServeOne(queue))
            {
                // The lock is free between messages, so that a reset gets in.
            }
        }
        while (!_stopping && !EnableNotifications(queue));
    }

    private bool ServeOne(VirtQueue queue)
    {
        bool signal;
        lock (queue.Gate)
        {
            if (!queue.TryPop(_chain!)) return false;
            if (_chain!.ReadableLength < Fs9pBulk.Smallest || _chain.WritableLength < ShareServer.ErrorLength)
                return queue.Fail("a message has no header, or no room for a reply");
            queue.Push(_chain, Execute(_chain));
            signal = queue.NeedsSignal();
        }
        if (signal) _transport!.SignalQueue(0);
        return true;
    }

    // Every byte of the message is read once, because the guest may change it meanwhile.
    private uint Execute(VirtQueueChain chain)
    {
        int length = chain.CopyOut(0, _message.AsSpan(0, Fs9pBulk.SourceOffset));
        bool isWrite = Fs9pBulk.IsWrite(_message);
        if (!isWrite) length += chain.CopyOut((uint)length, _message.AsSpan(length));
        _bulk!.Begin(isWrite);
        Span<byte> room = _reply.AsSpan(0, (int)Math.Min(chain.WritableLength, (uint)_reply.Length));
        ShareReply reply = _server.Serve(_message.AsSpan(0, length), room, _bulk);
        chain.CopyIn(0, _reply.AsSpan(0, reply.Head));
        return (uint)reply.Head + reply.Bulk;
    }

    private static bool EnableNotifications(VirtQueue queue)
    {
        lock (queue.Gate) return queue.EnableNotifications();
    }
}
