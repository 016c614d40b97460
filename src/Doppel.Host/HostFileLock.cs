using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>
/// The locks on image files that QEMU and its tools keep (block/file-posix.c there): one byte for each right that a program uses, another for
/// each that it denies to others. All are locks for reading, so that taking them never fails; whoever comes then looks whether one stands
/// against it. They belong to the open file and end with it. Thread contract: static, no state.
/// </summary>
internal static unsafe class HostFileLock
{
    private const int UsedBase = 100, DeniedBase = 200;

    // Rights by QEMU's numbers: 0 to read what does not change meanwhile, 1 to write, 3 to change the length.
    private static ReadOnlySpan<byte> Reading => [0];

    private static ReadOnlySpan<byte> Changing => [1, 3];

    private static ReadOnlySpan<byte> ReadingAndChanging => [0, 1, 3];

    /// <summary>Takes the locks of a reader, or of a writer, who both suffer no other writer.</summary>
    /// <returns>False if another program stands against that; the file is to be closed then.</returns>
    internal static bool TryTake(SafeFileHandle file, bool writable)
    {
        ReadOnlySpan<byte> used = writable ? ReadingAndChanging : Reading;
        foreach (byte right in used) Take(file, UsedBase + right);
        foreach (byte right in Changing) Take(file, DeniedBase + right);
        foreach (byte right in used)
        {
            if (IsHeld(file, DeniedBase + right)) return false;
        }
        foreach (byte right in Changing)
        {
            if (IsHeld(file, UsedBase + right)) return false;
        }
        return true;
    }

    /// <summary>Gives all of them up: a child process that was just begun may hold the open file a moment longer than this one.</summary>
    internal static void Release(SafeFileHandle file) => Set(file, Interop.LockNone, UsedBase, 2 * (DeniedBase - UsedBase));

    private static void Take(SafeFileHandle file, int place) => Set(file, Interop.LockToRead, place, 1);

    // File systems without such locks do without.
    private static void Set(SafeFileHandle file, short type, int place, int length)
    {
        Interop.FileLock wanted = new() { Type = type, Start = place, Length = length };
        // SAFETY: the structure lives on the stack for the call.
        unsafe { _ = Interop.Fcntl(file, Interop.FcntlSetFileLock, &wanted); }
    }

    private static bool IsHeld(SafeFileHandle file, int place)
    {
        Interop.FileLock found = new() { Type = Interop.LockToWrite, Start = place, Length = 1 };
        int result;
        // SAFETY: as above; the kernel writes what stands against the lock into the structure.
        unsafe { result = Interop.Fcntl(file, Interop.FcntlGetFileLock, &found); }
        return result == 0 && found.Type != Interop.LockNone;
    }
}
