using System.Net;
using Doppel.Devices.Backends.Net.User;

namespace Doppel;

/// <summary>A port of the host that leads to one of the guest.</summary>
/// <param name="HostAddress">Address of the host that it is open on.</param>
/// <param name="HostPort">Port of the host; where the machine was configured with 0, the one that the host chose.</param>
/// <param name="GuestPort">Port of the guest.</param>
/// <param name="IsUdp">True for UDP, false for TCP.</param>
public sealed record VirtualMachinePublishedPort(string HostAddress, int HostPort, int GuestPort, bool IsUdp)
{
    internal static VirtualMachinePublishedPort Of(PublishedPort port) => new(port.HostAddress.ToString(), port.HostPort, port.GuestPort, port.IsUdp);

    internal PublishedPort ToPort() => new(IPAddress.Parse(HostAddress), (ushort)HostPort, (ushort)GuestPort, IsUdp);
}
