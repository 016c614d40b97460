using Doppel.Core.Time;
using Doppel.Devices.Backends.Share;
using Doppel.Devices.Virtio.Fs9p;
using Doppel.Host.Shares;

namespace Doppel.Boards;

/// <summary>
/// A folder that a machine shares, reboots included: each time the guest starts it finds a server that knows nothing of it. Thread
/// contract: one owner.
/// </summary>
internal sealed class BoardShare(HostEntry root, ShareOptions options, string tag) : IDisposable
{
    /// <summary>Creates the device.</summary>
    public VirtioFs9p CreateDevice(MachineTime time) => new(new ShareServer(root, options), tag, time);

    /// <summary>Lets go of the folder.</summary>
    public void Dispose() => root.Dispose();
}
