using System.Collections.Concurrent;
using System.Net.Sockets;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.Switch;

namespace Doppel.UnitTests.Net;

public sealed class SwitchTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("doppel-test-");
    private readonly List<Machine> _machines = [];

    private string Socket => Path.Combine(_folder.FullName, "net.sock");

    public void Dispose()
    {
        foreach (Machine machine in _machines) machine.Cable.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Frames_KnownAddress_ReachOnlyItsMachine()
    {
        Machine[] m = [Connect(1), Connect(2), Connect(3)];
        Meet(m);
        byte[] frame = m[0].Send(m[1].Mac, 500);
        Assert.True(m[1].Got(frame), "the frame did not arrive");
        m[0].Send(MacAddress.Broadcast, 60);
        Assert.True(m[2].GotFrom(m[0], MacAddress.Broadcast), "the broadcast did not arrive");
        Assert.DoesNotContain(m[2].Frames, f => f.Bytes.AsSpan().SequenceEqual(frame));
    }

    [Fact]
    public void Frames_LeftToCut_StayWholeForThoseWhoTakeThem()
    {
        Machine[] m = [Connect(1), Connect(2)];
        Meet(m);
        NetOffload offload = new(true, 34, 16, NetSegmentation.Tcp4, 1460, 54, false);
        byte[] frame = m[0].Send(m[1].Mac, VnetHeader.MaxFrame, offload);
        Assert.True(m[1].Got(frame), "the frame did not arrive");
        Assert.Contains(m[1].Frames, f => f.Offload == offload);
    }

    [Fact]
    public void Switch_ThatGoes_IsReplacedAndFramesPassAgain()
    {
        Machine[] m = [Connect(1), Connect(2), Connect(3)];
        Meet(m);
        Assert.Equal([true, false, false], m.Select(static x => x.Cable.IsSwitch));
        m[0].Cable.Dispose();
        Meet(m[1..]);
        Assert.Single(m[1..], static x => x.Cable.IsSwitch);
        Machine again = Connect(4);
        Meet([again, .. m[1..]]);
    }

    [Fact]
    public void Socket_LeftByASwitchThatDied_IsTakenOver()
    {
        using (Socket dead = new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified))
        {
            // A socket that is closed in order takes its file along, unless that has another name by then.
            dead.Bind(new UnixDomainSocketEndPoint(Socket + ".1"));
            File.Move(Socket + ".1", Socket);
        }
        Assert.True(File.Exists(Socket));
        Meet([Connect(1), Connect(2)]);
    }

    [Fact]
    public void Path_OfAFileOrAMissingFolder_IsRefusedAndTheFileIsLeft()
    {
        string file = Path.Combine(_folder.FullName, "precious");
        File.WriteAllText(file, "content");
        Assert.ThrowsAny<IOException>(() => new SwitchNetBackend(file, static _ => { }));
        Assert.Equal("content", File.ReadAllText(file));
        Assert.ThrowsAny<IOException>(() => new SwitchNetBackend(Path.Combine(_folder.FullName, "none", "net.sock"), static _ => { }));
        Assert.ThrowsAny<IOException>(() => new SwitchNetBackend(Path.Combine(_folder.FullName, new string('x', 200)), static _ => { }));
    }

    [Fact]
    public void Path_OfAnEmptyFileOrAnotherProgramsSocket_IsRefusedAndLeft()
    {
        string file = Path.Combine(_folder.FullName, "empty"), busy = Path.Combine(_folder.FullName, "busy");
        File.WriteAllText(file, "");
        using Socket stranger = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        stranger.Bind(new UnixDomainSocketEndPoint(busy));
        stranger.Listen();
        IOException empty = Assert.ThrowsAny<IOException>(() => new SwitchNetBackend(file, static _ => { }));
        IOException taken = Assert.ThrowsAny<IOException>(() => new SwitchNetBackend(busy, static _ => { }));
        Assert.All([empty, taken], static e => Assert.Contains("no switch of Doppel's", e.Message, StringComparison.Ordinal));
        Assert.True(File.Exists(file));
        using Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(busy));
    }

    [Fact]
    public void Addresses_OneMachineMakesUpThousands_OthersAreStillLearned()
    {
        Machine[] m = [Connect(1), Connect(2), Connect(3)];
        Meet(m);
        byte[] frame = NetGuest.Frame(m[0].Mac, 60, 1);
        for (ulong i = 0; i < 5000; i++)
        {
            new MacAddress(0x0600_0000_0000 + i).Write(frame.AsSpan(6));
            m[2].Cable.Transmit(frame, default);
        }
        // Whatever the switch has learned of a newcomer, frames for it do not go to the machine that has filled the table.
        Machine late = Connect(4);
        Meet([m[0], m[2], late]);
        byte[] secret = m[0].Send(late.Mac, 500);
        Assert.True(late.Got(secret), "the frame did not arrive");
        m[0].Send(MacAddress.Broadcast, 70);
        Assert.True(SpinWait.SpinUntil(() => m[2].Frames.Any(static f => f.Bytes.Length == 70), s_patience), "the broadcast did not arrive");
        Assert.DoesNotContain(m[2].Frames, f => f.Bytes.AsSpan().SequenceEqual(secret));
    }

    [Fact]
    public void Garbage_FromAStranger_HarmsNobody()
    {
        Machine[] m = [Connect(1), Connect(2)];
        Meet(m);
        Random random = new(20261);
        for (int i = 0; i < 50; i++)
        {
            using Socket stranger = new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
            stranger.Connect(new UnixDomainSocketEndPoint(Socket));
            stranger.Send(random.Next(2) == 0 ? SwitchWire.Hello : "hello"u8);
            byte[] packet = new byte[random.Next(1, 300)];
            random.NextBytes(packet);
            stranger.Send(packet, SocketFlags.None, out _);
        }
        Meet(m);
    }

    private Machine Connect(int number)
    {
        Machine machine = new(new SwitchNetBackend(Socket, static _ => { }), new MacAddress(0x0200_0000_0000 + (ulong)number));
        _machines.Add(machine);
        return machine;
    }

    // Each sends to everybody until each has heard each: the switch has no other way to say that it is there.
    private static void Meet(Machine[] machines)
    {
        foreach (Machine machine in machines) machine.Frames.Clear();
        bool met = SpinWait.SpinUntil(() =>
        {
            foreach (Machine machine in machines) machine.Send(MacAddress.Broadcast, 60);
            Thread.Sleep(5);
            return machines.All(to => machines.All(from => from == to || to.Heard(from)));
        }, s_patience);
        Assert.True(met, "the machines did not meet");
    }

    private sealed class Machine : INetReceiver
    {
        private int _count;

        internal Machine(SwitchNetBackend cable, MacAddress mac)
        {
            Cable = cable;
            Mac = mac;
            cable.Attach(this);
        }

        internal SwitchNetBackend Cable { get; }

        internal MacAddress Mac { get; }

        internal ConcurrentQueue<SeenFrame> Frames { get; } = [];

        public NetCapabilities Capabilities => NetCapabilities.All;

        public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload)
        {
            Frames.Enqueue(new SeenFrame(frame.ToArray(), offload));
            return true;
        }

        internal byte[] Send(MacAddress to, int length, in NetOffload offload = default)
        {
            byte[] frame = NetGuest.Frame(to, length, ++_count);
            Mac.Write(frame.AsSpan(6));
            Cable.Transmit(frame, offload);
            return frame;
        }

        internal bool Got(byte[] frame) => SpinWait.SpinUntil(() => Frames.Any(f => f.Bytes.AsSpan().SequenceEqual(frame)), s_patience);

        internal bool GotFrom(Machine from, MacAddress to)
            => SpinWait.SpinUntil(() => Frames.Any(f => MacAddress.Read(f.Bytes) == to && MacAddress.Read(f.Bytes.AsSpan(6)) == from.Mac), s_patience);

        internal bool Heard(Machine from) => Frames.Any(f => MacAddress.Read(f.Bytes.AsSpan(6)) == from.Mac);
    }
}
