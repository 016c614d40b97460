using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>The kernel's interface to KVM as far as the probe needs it (linux/kvm.h, asm/kvm.h for x86-64).</summary>
internal static unsafe partial class Interop
{
    internal const nuint KVM_GET_API_VERSION = 0xAE00, KVM_CREATE_VM = 0xAE01, KVM_GET_VCPU_MMAP_SIZE = 0xAE04;
    internal const nuint KVM_CREATE_VCPU = 0xAE41, KVM_SET_USER_MEMORY_REGION = 0x4020AE46, KVM_RUN = 0xAE80;
    internal const nuint KVM_GET_REGS = 0x8090AE81, KVM_SET_REGS = 0x4090AE82, KVM_GET_SREGS = 0x8138AE83, KVM_SET_SREGS = 0x4138AE84;
    internal const uint KVM_EXIT_IO = 2, KVM_EXIT_HLT = 5;
    internal const int KvmApiVersion = 12, KvmRunExitReason = 8, KvmSregsBytes = 0x138, KvmSregsCsBase = 0, KvmSregsCsSelector = 12;
    internal const int ORdwr = 2, OCloexec = 0x80000;

    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmUserspaceMemoryRegion
    {
        internal uint Slot, Flags;
        internal ulong GuestPhysicalAddress, MemorySize, UserspaceAddress;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmRegs
    {
        internal ulong Rax, Rbx, Rcx, Rdx, Rsi, Rdi, Rsp, Rbp, R8, R9, R10, R11, R12, R13, R14, R15, Rip, Rflags;
    }

    [LibraryImport(Libc, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags);

    [LibraryImport(Libc, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int IoctlValue(int fd, nuint request, nuint argument);
}
