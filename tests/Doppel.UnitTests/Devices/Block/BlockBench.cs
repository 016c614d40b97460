using System.Buffers.Binary;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Virtio.Block;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>A driver with many requests under way on a block device of several queues. Each request has a slot of guest memory of its own.</summary>
internal sealed class BlockBench : IDisposable
{
    internal const int Slots = 60, SlotBytes = 4096;
    internal const uint Read = 0, Write = 1, Flush = 4, Discard = 11, WriteZeroes = 13;
    private const ulong Stride = 0x2000, DataOffset = 0x1000, StatusOffset = 0x10;
    private const ulong ReadOnly = 1UL << 5;
    private readonly Dictionary<(int Queue, uint Head), int> _slots = [];
    private readonly VirtioBlock _device;
    private DriverQueue[] _queues = [];

    internal BlockBench(IBlockBackend backend, VirtioBlockOptions? options = null, MachineTime? time = null)
    {
        Options = options ?? new VirtioBlockOptions { Serial = "bench" };
        _device = new VirtioBlock(backend, Options, Counters, time ?? new ManualTime(), Log.Add);
        Bench = new VirtioBench(_device);
        Start();
    }

    internal VirtioBlockOptions Options { get; }

    internal VirtioBench Bench { get; }

    internal BlockCounters Counters { get; } = new();

    internal List<string> Log { get; } = [];

    public void Dispose() => Bench.Dispose();

    /// <summary>Initialises the device as a driver does, after a reset too.</summary>
    internal void Start()
    {
        Bench.Negotiate((Bench.ReadFeatures() | VirtioBench.Version1) & ~ReadOnly);
        _slots.Clear();
        // The rings of an earlier life.
        Bench.Memory.TryWrite(VirtioBench.Ram + 0x8_0000, new byte[0x4000 * Options.Queues]);
        _queues = [.. Enumerable.Range(0, Options.Queues).Select(i => Bench.CreateQueue(i, 256))];
        Bench.Start();
    }

    internal static ulong Data(int slot) => VirtioBench.Ram + ((ulong)slot * Stride) + DataOffset;

    /// <summary>Puts a request on a queue, without notifying.</summary>
    internal void Add(int queue, int slot, uint type, ulong sector, int bytes = SlotBytes)
    {
        ulong header = VirtioBench.Ram + ((ulong)slot * Stride);
        Span<byte> fields = stackalloc byte[16];
        fields.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(fields, type);
        BinaryPrimitives.WriteUInt64LittleEndian(fields[8..], sector);
        Bench.Memory.TryWrite(header, fields);
        Bench.Memory.TryWrite(header + StatusOffset, (byte)0xFF);
        ushort head = bytes == 0
            ? _queues[queue].Add((header, 16, false), (header + StatusOffset, 1, true))
            : _queues[queue].Add((header, 16, false), (Data(slot), bytes, type == Read), (header + StatusOffset, 1, true));
        _slots[(queue, head)] = slot;
    }

    internal void Notify(int queue = 0) => _queues[queue].Notify();

    /// <summary>Puts one request on a queue and notifies.</summary>
    internal void Submit(int queue, int slot, uint type, ulong sector = 0, int bytes = SlotBytes)
    {
        Add(queue, slot, type, sector, bytes);
        Notify(queue);
    }

    /// <summary>The slots that a queue has given back since it was last asked.</summary>
    internal List<int> TakeDone(int queue = 0)
    {
        List<int> done = [];
        while (_queues[queue].TryGetUsed(out uint head, out _)) done.Add(_slots[(queue, head)]);
        return done;
    }

    /// <summary>Waits until a queue has given back so many requests; gives their slots in its order.</summary>
    internal List<int> WaitForDone(int count, int queue = 0)
    {
        List<int> done = [];
        Assert.True(
            SpinWait.SpinUntil(() =>
            {
                done.AddRange(TakeDone(queue));
                return done.Count >= count;
            }, TimeSpan.FromSeconds(60)),
            $"only {done.Count} of {count} requests came back");
        return done;
    }

    internal byte Status(int slot) => Bench.Read(VirtioBench.Ram + ((ulong)slot * Stride) + StatusOffset, 1)[0];

    internal void Fill(int slot, byte value, int bytes = SlotBytes)
    {
        byte[] data = new byte[bytes];
        data.AsSpan().Fill(value);
        Bench.Memory.TryWrite(Data(slot), data);
    }

    internal byte[] ReadData(int slot, int bytes = SlotBytes) => Bench.Read(Data(slot), bytes);

    internal void Quiesce() => _device.Quiesce();

    internal void Reset() => Bench.Transport.Write32(0x070, 0);

    internal void ResetQueue(int queue)
    {
        Bench.Transport.Write32(0x030, (uint)queue);
        Bench.Transport.Write32(0x0C0, 1);
    }
}
