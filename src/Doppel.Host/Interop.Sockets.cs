using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>Sockets and readiness (socket(7), epoll(7)); the numbers are those of Linux on x86-64 and AArch64.</summary>
internal static unsafe partial class Interop
{
    internal const int AfInet = 2, AfInet6 = 10;
    internal const int SockStream = 1, SockDgram = 2, SockNonblock = 0x800, SockCloexec = 0x80000;
    internal const int IpprotoIcmp = 1, IpprotoTcp = 6, IpprotoIcmp6 = 58, IpprotoIp6 = 41;
    internal const int SolSocket = 1, SoReuseAddr = 2, SoError = 4, SoSndbuf = 7, SoRcvbuf = 8, SoKeepAlive = 9, SoOobInline = 10, SoLinger = 13;
    internal const int TcpNoDelay = 1, Ipv6V6Only = 26;
    internal const int MsgNoSignal = 0x4000;
    internal const int ShutWrite = 1;
    internal const int EpollCloexec = 0x80000, EpollAdd = 1, EpollDelete = 2;
    internal const uint EpollIn = 1, EpollOut = 4, EpollErr = 8, EpollHup = 0x10, EpollRdHup = 0x2000, EpollEdge = 1u << 31;

    internal const int EPERM = 1, EACCES = 13, EMFILE = 24, ENFILE = 23, ENOMEM = 12, EMSGSIZE = 90, EAFNOSUPPORT = 97, EPROTONOSUPPORT = 93;
    internal const int EADDRINUSE = 98, EADDRNOTAVAIL = 99, ENETDOWN = 100, ENETUNREACH = 101, ECONNABORTED = 103, ECONNRESET = 104;
    internal const int ENOBUFS = 105, ETIMEDOUT = 110, ECONNREFUSED = 111, EHOSTUNREACH = 113, EINPROGRESS = 115, EHOSTDOWN = 112;

    [LibraryImport(Libc, EntryPoint = "socket", SetLastError = true)]
    internal static partial int Socket(int family, int type, int protocol);

    [LibraryImport(Libc, EntryPoint = "bind", SetLastError = true)]
    internal static partial int Bind(SafeFileHandle socket, void* address, uint length);

    [LibraryImport(Libc, EntryPoint = "listen", SetLastError = true)]
    internal static partial int Listen(SafeFileHandle socket, int backlog);

    [LibraryImport(Libc, EntryPoint = "accept4", SetLastError = true)]
    internal static partial int Accept4(SafeFileHandle socket, void* address, uint* length, int flags);

    [LibraryImport(Libc, EntryPoint = "connect", SetLastError = true)]
    internal static partial int Connect(SafeFileHandle socket, void* address, uint length);

    [LibraryImport(Libc, EntryPoint = "recv", SetLastError = true)]
    internal static partial nint Recv(SafeFileHandle socket, void* buffer, nuint length, int flags);

    [LibraryImport(Libc, EntryPoint = "recvfrom", SetLastError = true)]
    internal static partial nint RecvFrom(SafeFileHandle socket, void* buffer, nuint length, int flags, void* address, uint* addressLength);

    [LibraryImport(Libc, EntryPoint = "send", SetLastError = true)]
    internal static partial nint Send(SafeFileHandle socket, void* buffer, nuint length, int flags);

    [LibraryImport(Libc, EntryPoint = "sendto", SetLastError = true)]
    internal static partial nint SendTo(SafeFileHandle socket, void* buffer, nuint length, int flags, void* address, uint addressLength);

    [LibraryImport(Libc, EntryPoint = "shutdown", SetLastError = true)]
    internal static partial int Shutdown(SafeFileHandle socket, int how);

    [LibraryImport(Libc, EntryPoint = "getsockname", SetLastError = true)]
    internal static partial int GetSockName(SafeFileHandle socket, void* address, uint* length);

    [LibraryImport(Libc, EntryPoint = "getsockopt", SetLastError = true)]
    internal static partial int GetSockOpt(SafeFileHandle socket, int level, int name, void* value, uint* length);

    [LibraryImport(Libc, EntryPoint = "setsockopt", SetLastError = true)]
    internal static partial int SetSockOpt(SafeFileHandle socket, int level, int name, void* value, uint length);

    [LibraryImport(Libc, EntryPoint = "epoll_create1", SetLastError = true)]
    internal static partial int EpollCreate(int flags);

    [LibraryImport(Libc, EntryPoint = "epoll_ctl", SetLastError = true)]
    internal static partial int EpollControl(SafeFileHandle epoll, int operation, SafeFileHandle socket, void* pollEvent);

    [LibraryImport(Libc, EntryPoint = "epoll_wait", SetLastError = true)]
    internal static partial int EpollWait(SafeFileHandle epoll, void* events, int count, int timeoutMs);
}
