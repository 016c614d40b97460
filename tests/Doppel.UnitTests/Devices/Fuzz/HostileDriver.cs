using Doppel.Core.Bus;
using Doppel.Devices.Virtio;
using Doppel.Devices.Virtio.Transport;

namespace Doppel.UnitTests.Devices.Fuzz;

/// <summary>
/// Drives one virtio device with garbage: some cases write anywhere, most set the device up as a good driver would and then break one
/// rule or several in rings, descriptors and requests.
/// </summary>
internal sealed class HostileDriver
{
    private const ulong Window = 0x1000_1000, Version1 = 1UL << 32;
    private const uint AllStatusBits = 1 | 2 | 4 | 8 | 64 | 128;
    private readonly GuardedMemory _guarded;
    private readonly IVirtioDevice _device;
    private readonly MmioBus _bus = new();
    private readonly VirtioMmioTransport _transport;
    private readonly IrqLine _irq = IrqLine.CreateUnconnected();
    private readonly ulong _offered;
    private readonly int _queues;
    private readonly ulong[] _tables;
    private readonly ushort[] _available;
    private int _lines;
    private int _resets;

    internal HostileDriver(GuardedMemory guarded, IVirtioDevice device)
    {
        _guarded = guarded;
        _device = device;
        _transport = new VirtioMmioTransport(device, _irq, guarded.Memory, _ => _lines++);
        _bus.Attach(new MmioWindow(Window, VirtioMmioTransport.WindowSize, 1, 4, "fuzz"), _transport);
        _queues = device.QueueSizes.Count;
        _tables = new ulong[_queues];
        _available = new ushort[_queues];
        _offered = device.Features | Version1 | (1UL << 28) | (1UL << 29) | (1UL << 40);
    }

    internal void RunCase(Random random)
    {
        if (random.Next(4) == 0) WriteAnywhere(random);
        if (random.Next(3) == 0 || (_transport.State.Status & 4) == 0 || _transport.State.NeedsReset) SetUp(random);
        for (int i = random.Next(4); i >= 0; i--) Submit(random, random.Next(_queues));
        if (random.Next(8) == 0) Load(random);
    }

    /// <summary>
    /// As <see cref="RunCase"/>, on a device with threads of its own; now and then it waits for them, or a busy host would let the whole run pass
    /// before they come.
    /// </summary>
    internal void RunCaseInRealTime(Random random)
    {
        RunCase(random);
        if (random.Next(10) != 0) return;
        _device.Quiesce();
        _device.Resume();
    }

    /// <summary>What holds of any device at any time, whatever its driver did (virtio 1.2, sections 2.1, 2.2, 4.2.2).</summary>
    internal void AssertConform()
    {
        VirtioMmioState state = _transport.State;
        Assert.Equal(0x7472_6976UL, Read(0x000));
        Assert.Equal(2UL, Read(0x004));
        uint status = (uint)Read(0x070);
        Assert.Equal(0u, status & ~AllStatusBits);
        Assert.Equal(state.NeedsReset, (status & 64) != 0);
        bool featuresAreAgreed = (status & 8) == 0 || ((state.DriverFeatures & ~_offered) == 0 && (state.DriverFeatures & Version1) != 0);
        Assert.True(featuresAreAgreed, "FEATURES_OK with features that were not offered");
        Assert.True((status & 4) == 0 || (status & 8) != 0, "DRIVER_OK without FEATURES_OK");
        ulong interrupt = Read(0x060);
        Assert.Equal(interrupt != 0, _irq.Level);
        Assert.Equal(0UL, interrupt & ~3UL);
        Assert.True(interrupt == 0 || (status & 4) != 0, "an interrupt before DRIVER_OK");
        Assert.True(_lines <= _resets + 1, "more than one line for one error");
    }

    /// <summary>After all that, a reset brings the device back, and a good driver can use it.</summary>
    internal void AssertEndsWithReset()
    {
        Write(0x070, 0);
        Assert.Equal(0UL, Read(0x070));
        Assert.Equal(0UL, Read(0x060));
        Assert.False(_irq.Level);
        Negotiate(_offered & ~(1UL << 5));
        Assert.Equal(11UL, Read(0x070));
        Assert.True(_lines > 0, "no rule was broken in the whole run");
    }

    private ulong Read(ulong offset)
    {
        Assert.True(_bus.TryRead(Window + offset, 4, out ulong value));
        return value;
    }

    private void Write(ulong offset, ulong value)
    {
        if (offset == 0x070 && (uint)value == 0) _resets++;
        Assert.True(_bus.TryWrite(Window + offset, 4, (uint)value));
    }

    private void Negotiate(ulong features)
    {
        Write(0x070, 0);
        Write(0x070, 3);
        Write(0x024, 0);
        Write(0x020, features);
        Write(0x024, 1);
        Write(0x020, features >> 32);
        Write(0x070, 11);
    }

    private void WriteAnywhere(Random random)
    {
        for (int i = random.Next(8); i >= 0; i--)
        {
            int size = 1 << random.Next(4);
            ulong offset = (ulong)random.Next(0x140);
            ulong value = Garbage(random);
            // A reset is counted, because it allows the device one more line; a store may be split so that it is one.
            _resets++;
            _bus.TryWrite(Window + offset, size, value);
            _bus.TryRead(Window + (ulong)random.Next(0x1000), size, out _);
        }
    }

    private void SetUp(Random random)
    {
        Negotiate(random.Next(8) == 0 ? _offered & (ulong)random.NextInt64() | Version1 : _offered & ~(random.Next(2) == 0 ? 1UL << 29 : 0));
        for (int i = 0; i < _queues; i++) SetUpQueue(random, i);
        Write(0x070, 15);
    }

    private void SetUpQueue(Random random, int index)
    {
        const uint size = 16;
        ulong table = GuardedMemory.Ram + ((ulong)index * 0x2000);
        if (random.Next(30) == 0) table = Address(random);
        _tables[index] = table;
        _available[index] = 0;
        _guarded.Memory.TryWrite(table + 0x400, (uint)random.Next(2));
        Write(0x030, (uint)index);
        Write(0x038, random.Next(30) == 0 ? Garbage(random) : size);
        SetAddress(0x080, table);
        SetAddress(0x090, random.Next(40) == 0 ? Address(random) : table + 0x400);
        SetAddress(0x0A0, random.Next(40) == 0 ? Address(random) : table + 0x800);
        Write(0x044, 1);
    }

    private void SetAddress(ulong register, ulong value)
    {
        Write(register, value);
        Write(register + 4, value >> 32);
    }

    // One request: a chain of readable and then writable buffers, bent here and there; then the ring's index and the notification.
    private void Submit(Random random, int index)
    {
        ulong table = _tables[index];
        int head = random.Next(16), length = 1 + random.Next(5), writableFrom = random.Next(1, 4);
        for (int i = 0; i < length; i++)
        {
            bool last = i == length - 1;
            int flags = (last ? 0 : 1) | (i >= writableFrom || index == 0 && random.Next(3) == 0 ? 2 : 0) | (random.Next(12) == 0 ? 4 : 0);
            if (random.Next(50) == 0) flags = random.Next(0x1_0000);
            int next = random.Next(40) == 0 ? random.Next(0x1_0000) : (head + i + 1) % 16;
            Describe(table, (head + i) % 16, Address(random), Length(random, i, last), flags, next);
        }
        if (random.Next(3) != 0)
        {
            WriteRequest(random, table, head);
            WriteRange(random, table, (head + 1) % 16);
        }
        ulong slot = table + 0x404 + (2UL * (uint)(_available[index] % 16));
        _guarded.Memory.TryWrite(slot, (ushort)(random.Next(60) == 0 ? random.Next() : head));
        _available[index] += (ushort)(random.Next(60) == 0 ? random.Next() : 1);
        _guarded.Memory.TryWrite(table + 0x402, _available[index]);
        _guarded.Memory.TryWrite(table + 0x404 + 32, (ushort)random.Next(random.Next(2) == 0 ? 4 : 0x1_0000));
        Write(0x050, random.Next(30) == 0 ? Garbage(random) : (uint)index);
        if (random.Next(2) == 0) Write(0x064, random.Next(10) == 0 ? Garbage(random) : 3);
    }

    // Makes the first buffer look like a request of any of the devices.
    private void WriteRequest(Random random, ulong table, int head)
    {
        if (!_guarded.Memory.TryRead(table + (16UL * (uint)head), out ulong address)) return;
        uint[] types = [0, 1, 4, 8, 11, 13, 3, 6];
        _guarded.Memory.TryWrite(address, random.Next(3) == 0 ? (uint)random.Next(3) : types[random.Next(types.Length)]);
        _guarded.Memory.TryWrite(address + 4, (uint)(random.Next(8) | (random.Next(2) << 16)));
        _guarded.Memory.TryWrite(address + 8, random.Next(10) == 0 ? Garbage(random) : (ulong)random.Next(260));
    }

    // Makes the second buffer look like the range of a request that discards or clears (section 5.2.6).
    private void WriteRange(Random random, ulong table, int slot)
    {
        if (!_guarded.Memory.TryRead(table + (16UL * (uint)slot), out ulong address)) return;
        _guarded.Memory.TryWrite(address, random.Next(10) == 0 ? Garbage(random) : (ulong)random.Next(260));
        _guarded.Memory.TryWrite(address + 8, (ulong)random.Next(20));
    }

    private void Describe(ulong table, int slot, ulong address, uint length, int flags, int next)
    {
        ulong at = table + (16UL * (uint)slot);
        _guarded.Memory.TryWrite(at, address);
        _guarded.Memory.TryWrite(at + 8, length);
        _guarded.Memory.TryWrite(at + 12, (ushort)flags);
        _guarded.Memory.TryWrite(at + 14, (ushort)next);
    }

    private void Load(Random random)
    {
        Span<byte> garbage = stackalloc byte[64];
        random.NextBytes(garbage);
        _guarded.Memory.TryWrite(Address(random), garbage);
    }

    private static uint Length(Random random, int index, bool last) => random.Next(20) switch
    {
        0 => (uint)Garbage(random),
        1 => 0,
        < 4 => (uint)random.Next(0x1000),
        < 9 => 16,
        < 15 when last => 1,
        _ => index == 0 ? 16u : 512u * (uint)random.Next(1, 4),
    };

    // Mostly inside RAM, sometimes across its ends, in ROM, or anywhere.
    private static ulong Address(Random random) => random.Next(24) switch
    {
        0 => Garbage(random),
        1 => GuardedMemory.Ram - (ulong)random.Next(0x2000),
        2 => GuardedMemory.Ram + GuardedMemory.RamSize - (ulong)random.Next(0x2000),
        3 => GuardedMemory.Ram + GuardedMemory.RamSize + (ulong)random.Next(0x2000),
        _ => GuardedMemory.Ram + 0x1_0000 + (ulong)random.Next(0x2_8000),
    };

    private static ulong Garbage(Random random) => random.Next(6) switch
    {
        0 => 0,
        1 => ulong.MaxValue,
        2 => 1UL << random.Next(64),
        3 => (ulong)random.Next(20),
        _ => (ulong)random.NextInt64() ^ ((ulong)random.NextInt64() << 1),
    };
}
