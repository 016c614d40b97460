using System.Buffers.Binary;
using System.Text;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Share;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Fs9p;

/// <summary>
/// The 9P transport device (virtio device 9; Linux, include/uapi/linux/virtio_9p.h): carries messages between the guest's file system and
/// a <see cref="ShareServer"/>. Messages that need no disk are served inside the notification, which spares the guest two changes of
/// threads for each; the others on a thread of the device's, and all of them while the host turns out to be slow. In deterministic time
/// there is no thread. Thread contract: as <see cref="IVirtioDevice"/>; messages are served one after the other under the queue's lock.
/// </summary>
public sealed class VirtioFs9p : IVirtioDevice
{
    /// <summary>Longest tag in bytes.</summary>
    public const int MaxTag = 255;

    private const ulong MountTag = 1 << 0;

    // What Linux's driver counts on when it chooses the length of its messages.
    private const ushort QueueSize = 128;

    // A message that is served on the vCPU's thread should cost it no more than a change of threads; after one that did, so many go to
    // the thread.
    private const long QuickNs = 250_000;
    private const int QuickMessages = 16, SlowMessages = 64;

    private readonly ShareServer _server;
    private readonly MachineTime _time;
    private readonly byte[] _config;
    private readonly byte[] _message = new byte[ShareServer.MaxMessage], _reply = new byte[ShareServer.MaxMessage];
    private readonly DeviceWorker? _worker;
    private IVirtioTransport? _transport;
    private VirtQueueChain? _chain;
    private Fs9pBulk? _bulk;
    private int _length;
    private int _patience;
    private bool _disposed;

    /// <summary>Creates the device.</summary>
    /// <param name="server">Serves the messages; this device owns it.</param>
    /// <param name="tag">What the guest mounts it by; <see cref="MaxTag"/> bytes at most.</param>
    /// <param name="time">Tells whether runs must repeat.</param>
    public VirtioFs9p(ShareServer server, string tag, MachineTime time)
    {
        _server = server;
        _time = time;
        byte[] name = Encoding.UTF8.GetBytes(tag);
        _config = new byte[2 + name.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(_config, (ushort)name.Length);
        name.CopyTo(_config, 2);
        if (!time.IsDeterministic) _worker = new DeviceWorker($"doppel-{tag}", Serve);
    }

    /// <summary>All state that is neither in the queue nor in the folder, between two messages.</summary>
    public ShareServerState Save()
    {
        lock (_transport!.Queues[0].Gate) return _server.Save();
    }

    /// <summary>Goes on where another device was, before the guest runs.</summary>
    public void Restore(ShareServerState state)
    {
        lock (_transport!.Queues[0].Gate) _server.Restore(state);
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
        if (_worker is null) Serve();
        else if (!TryServeHere(_transport!.Queues[0])) _worker.Raise();
    }

    /// <inheritdoc/>
    public void Quiesce() => _worker?.Quiesce();

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
        _worker?.Dispose();
        _server.Dispose();
    }

    private bool IsStopping => _worker is { IsStopping: true };

    private Span<byte> Room => _reply.AsSpan(0, (int)Math.Min(_chain!.WritableLength, (uint)_reply.Length));

    private void Serve()
    {
        VirtQueue queue = _transport!.Queues[0];
        do
        {
            lock (queue.Gate) queue.DisableNotifications();
            while (!IsStopping && ServeOne(queue))
            {
                // The lock is free between messages, so that a reset gets in.
            }
        }
        while (!IsStopping && !EnableNotifications(queue));
    }

    private bool ServeOne(VirtQueue queue)
    {
        bool signal;
        lock (queue.Gate)
        {
            if (!TryTake(queue)) return false;
            ShareReply reply = _server.Serve(_message.AsSpan(0, _length), Room, _bulk!);
            signal = Give(queue, reply);
        }
        if (signal) _transport!.SignalQueue(0);
        return true;
    }

    // On a vCPU's thread, which has better things to do than to wait: for the lock, for a disk, or for the end of the other vCPUs'
    // messages.
    private bool TryServeHere(VirtQueue queue)
    {
        if (Volatile.Read(ref _patience) < 0)
        {
            Interlocked.Increment(ref _patience);
            return false;
        }
        if (!queue.Gate.TryEnter()) return false;
        long start = _time.NowNs;
        bool isDone = false, signal = false;
        try
        {
            for (int i = 0; i < QuickMessages && !isDone && TryServeQuickly(queue, ref signal); i++) isDone = queue.EnableNotifications();
        }
        finally
        {
            queue.Gate.Exit();
        }
        if (_time.NowNs - start > QuickNs) Volatile.Write(ref _patience, -SlowMessages);
        if (signal) _transport!.SignalQueue(0);
        return isDone;
    }

    // False for a message that is left to the thread.
    private bool TryServeQuickly(VirtQueue queue, ref bool signal)
    {
        if (!TryTake(queue)) return true;
        if (!_server.TryServeQuickly(_message.AsSpan(0, _length), Room, _bulk!, out ShareReply reply))
        {
            queue.Rewind(1);
            return false;
        }
        signal |= Give(queue, reply);
        return true;
    }

    // Every byte of the message is read once, because the guest may change it meanwhile.
    private bool TryTake(VirtQueue queue)
    {
        if (!queue.TryPop(_chain!)) return false;
        if (_chain!.ReadableLength < Fs9pBulk.Smallest || _chain.WritableLength < ShareServer.ErrorLength)
            return queue.Fail("a message has no header, or no room for a reply");
        _length = _chain.CopyOut(0, _message.AsSpan(0, Fs9pBulk.SourceOffset));
        bool isWrite = Fs9pBulk.IsWrite(_message);
        if (!isWrite) _length += _chain.CopyOut((uint)_length, _message.AsSpan(_length));
        _bulk!.Begin(isWrite);
        return true;
    }

    private bool Give(VirtQueue queue, ShareReply reply)
    {
        _chain!.CopyIn(0, _reply.AsSpan(0, reply.Head));
        queue.Push(_chain, (uint)reply.Head + reply.Bulk);
        return queue.NeedsSignal();
    }

    private static bool EnableNotifications(VirtQueue queue)
    {
        lock (queue.Gate) return queue.EnableNotifications();
    }
}
