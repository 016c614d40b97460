using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>Why the host did not do what a socket was asked for; a value, because guests provoke most of these.</summary>
public enum HostSocketError : byte
{
    /// <summary>Done.</summary>
    None,

    /// <summary>Not now: wait until the poller says that the socket is ready.</summary>
    WouldBlock,

    /// <summary>Nobody listens there.</summary>
    Refused,

    /// <summary>The peer broke the connection.</summary>
    Reset,

    /// <summary>The host has no way to that network.</summary>
    NetworkUnreachable,

    /// <summary>The machine with that address does not answer its neighbours.</summary>
    HostUnreachable,

    /// <summary>No answer in time.</summary>
    TimedOut,

    /// <summary>Another program holds that port.</summary>
    AddressInUse,

    /// <summary>The host has no such address.</summary>
    AddressNotAvailable,

    /// <summary>This user may not do that.</summary>
    AccessDenied,

    /// <summary>The host can not do that, for instance because it has no IPv6.</summary>
    NotSupported,

    /// <summary>The datagram is longer than the way to its destination allows.</summary>
    MessageTooLong,

    /// <summary>The host has no file descriptors or memory left.</summary>
    NoResources,

    /// <summary>Anything else.</summary>
    Other,
}

/// <summary>What the C library's error numbers mean for sockets.</summary>
internal static class HostSocketErrors
{
    internal static HostSocketError Last() => FromErrno(Marshal.GetLastPInvokeError());

    internal static HostSocketError FromErrno(int errno) => errno switch
    {
        0 => HostSocketError.None,
        Interop.EAGAIN or Interop.EINPROGRESS or Interop.EINTR => HostSocketError.WouldBlock,
        Interop.ECONNREFUSED => HostSocketError.Refused,
        Interop.ECONNRESET or Interop.EPIPE or Interop.ECONNABORTED => HostSocketError.Reset,
        Interop.ENETUNREACH or Interop.ENETDOWN => HostSocketError.NetworkUnreachable,
        Interop.EHOSTUNREACH or Interop.EHOSTDOWN => HostSocketError.HostUnreachable,
        Interop.ETIMEDOUT => HostSocketError.TimedOut,
        Interop.EADDRINUSE => HostSocketError.AddressInUse,
        Interop.EADDRNOTAVAIL => HostSocketError.AddressNotAvailable,
        Interop.EPERM or Interop.EACCES => HostSocketError.AccessDenied,
        Interop.EAFNOSUPPORT or Interop.EPROTONOSUPPORT => HostSocketError.NotSupported,
        Interop.EMSGSIZE => HostSocketError.MessageTooLong,
        Interop.EMFILE or Interop.ENFILE or Interop.ENOBUFS or Interop.ENOMEM => HostSocketError.NoResources,
        _ => HostSocketError.Other,
    };
}
