namespace Doppel.Host;

/// <summary>The kernel's interface to TAP devices (linux/if_tun.h, linux/if.h).</summary>
internal static unsafe partial class Interop
{
    internal const nuint TunSetIff = 0x400454CA, TunSetOffload = 0x400454D0, TunSetVnetHdrSize = 0x400454D8;
    internal const ushort IffTap = 2, IffNoPi = 0x1000, IffVnetHdr = 0x4000;
    internal const uint TunCsum = 1, TunTso4 = 2, TunTso6 = 4, TunTsoEcn = 8, TunUso4 = 0x20, TunUso6 = 0x40;
    internal const int ONonblock = 0x800;

    /// <summary>Sizes of <c>struct ifreq</c> and of the name in front of it; the flags follow the name.</summary>
    internal const int IfReqBytes = 40, IfNameBytes = 16;

    internal const int Eperm = 1, Eacces = 13, Enoent = 2, Enxio = 6, Ebusy = 16, Enodev = 19, Einval = 22;
}
