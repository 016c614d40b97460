using System.Runtime.InteropServices;

namespace Doppel.Host;

internal static unsafe partial class Interop
{
    internal const int OpenReadWrite = 2, OpenAppend = 0x400, OpenCreate = 0x40, OpenWriteOnly = 1;

    [LibraryImport(Libc, EntryPoint = "setsid", SetLastError = true)]
    internal static partial int SetSid();

    [LibraryImport(Libc, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags, uint mode);

    [LibraryImport(Libc, EntryPoint = "dup2", SetLastError = true)]
    internal static partial int Dup2(int from, int to);

    [LibraryImport(Libc, EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int pid, int signal);
}
