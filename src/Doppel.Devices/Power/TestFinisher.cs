using System.Buffers.Binary;
using Doppel.Core.Bus;
using Doppel.Core.Execution;

namespace Doppel.Devices.Power;

/// <summary>
/// The "test finisher" through which firmware and bare-metal programs switch the machine off, end it with a status, or restart it.
/// Thread contract: stateless; the sink is called on the vCPU thread that wrote.
/// </summary>
public sealed class TestFinisher : IMmioDevice
{
    /// <summary>Bytes of the register window; take it on the bus with accesses of up to four bytes.</summary>
    public const ulong WindowSize = 0x1000;

    /// <summary>Compatible strings of the device-tree node, most specific first.</summary>
    public const string Compatible = "sifive,test1", CompatibleOld = "sifive,test0", CompatibleSyscon = "syscon";

    /// <summary>Values of the register's low half (device tree: syscon-poweroff, syscon-reboot): failure has its status in the high half.</summary>
    public const uint Pass = 0x5555, Fail = 0x3333, Reboot = 0x7777;

    private readonly Action<PowerRequest> _request;

    /// <summary>Creates the device.</summary>
    /// <param name="request">Called with each request; it must not wait for the calling vCPU.</param>
    public TestFinisher(Action<PowerRequest> request) => _request = request;

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data) => data.Clear();

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (offset != 0 || data.Length is not (2 or 4)) return;
        uint low = BinaryPrimitives.ReadUInt16LittleEndian(data);
        int code = data.Length == 4 ? BinaryPrimitives.ReadUInt16LittleEndian(data[2..]) : 0;
        switch (low)
        {
            case Pass: _request(new PowerRequest(PowerAction.PowerOff)); break;
            case Fail: _request(new PowerRequest(PowerAction.PowerOff, code)); break;
            case Reboot: _request(new PowerRequest(PowerAction.Reboot)); break;
        }
    }
}
