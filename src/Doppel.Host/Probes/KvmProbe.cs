using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Doppel.Host.Probes;

/// <summary>
/// Measures KVM by using it: a virtual machine of one page whose processor turns a tiny loop in real mode. That the device
/// <c>/dev/kvm</c> exists says little: below it may be an emulator. Thread contract: static and re-entrant; blocks the caller.
/// </summary>
public static class KvmProbe
{
    private const string Device = "/dev/kvm";
    private const uint FirstTurns = 1000;
    private const int MemoryBytes = 0x2000, CodeAddress = 0x1000;
    private static readonly TimeSpan s_enough = TimeSpan.FromMilliseconds(20);

    // dec ecx; jnz .-4; hlt (16-bit code, operand-size prefix)
    private static ReadOnlySpan<byte> GuestLoop => [0x66, 0x49, 0x75, 0xFC, 0xF4];

    // out 0x80, al; jmp .-4
    private static ReadOnlySpan<byte> GuestExits => [0xE6, 0x80, 0xEB, 0xFC];

    // mov ecx, edi; dec ecx; jnz .-4; ret
    private static ReadOnlySpan<byte> HostLoop => [0x89, 0xF9, 0xFF, 0xC9, 0x75, 0xFC, 0xC3];

    /// <summary>Measures for about a tenth of a second.</summary>
    /// <param name="clock">What to measure time with.</param>
    /// <exception cref="HostException">KVM is missing, not permitted, or refuses a request.</exception>
    public static KvmSpeed Measure(TimeProvider clock)
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64) throw new HostException("the KVM probe is written for x86-64 hosts");
        using Descriptor kvm = new(Interop.Open(Device, Interop.ORdwr | Interop.OCloexec), "open", Device);
        if (kvm.Request(Interop.KVM_GET_API_VERSION, 0) != Interop.KvmApiVersion) throw new HostException($"{Device} speaks an unknown version");
        using HostMemory memory = HostMemory.Create("doppel-kvm-probe", MemoryBytes);
        using Descriptor machine = new(kvm.Request(Interop.KVM_CREATE_VM, 0), "KVM_CREATE_VM", Device);
        MapMemory(machine, memory);
        using Descriptor vcpu = new(machine.Request(Interop.KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU", Device);
        SetRealMode(vcpu);
        using SharedRun run = new(vcpu, kvm.Request(Interop.KVM_GET_VCPU_MMAP_SIZE, 0));
        double guest = MeasureGuestLoop(vcpu, run, memory, clock);
        double exit = MeasureExits(vcpu, run, memory, clock);
        return new KvmSpeed(MeasureHostLoop(clock), guest, exit);
    }

    private static void MapMemory(Descriptor machine, HostMemory memory)
    {
        Interop.KvmUserspaceMemoryRegion region = new() { MemorySize = memory.Length, UserspaceAddress = (ulong)memory.Address };
        // SAFETY: the kernel reads the local during the call only; the mapping outlives the virtual machine.
        unsafe { machine.Request(Interop.KVM_SET_USER_MEMORY_REGION, &region); }
    }

    private static void SetRealMode(Descriptor vcpu)
    {
        byte[] sregs = new byte[Interop.KvmSregsBytes];
        // SAFETY: the buffer has the size that the request's number encodes.
        unsafe
        {
            fixed (byte* pointer = sregs)
            {
                vcpu.Request(Interop.KVM_GET_SREGS, pointer);
                BinaryPrimitives.WriteUInt64LittleEndian(sregs.AsSpan(Interop.KvmSregsCsBase), 0);
                BinaryPrimitives.WriteUInt16LittleEndian(sregs.AsSpan(Interop.KvmSregsCsSelector), 0);
                vcpu.Request(Interop.KVM_SET_SREGS, pointer);
            }
        }
    }

    private static void Start(Descriptor vcpu, HostMemory memory, ReadOnlySpan<byte> code, uint turns)
    {
        Marshal.Copy(code.ToArray(), 0, memory.Address + CodeAddress, code.Length);
        Interop.KvmRegs registers = new() { Rip = CodeAddress, Rcx = turns, Rflags = 2 };
        // SAFETY: the kernel reads the local during the call only.
        unsafe { vcpu.Request(Interop.KVM_SET_REGS, &registers); }
    }

    private static double MeasureGuestLoop(Descriptor vcpu, SharedRun run, HostMemory memory, TimeProvider clock)
    {
        return MeasureLoop(clock, turns =>
        {
            Start(vcpu, memory, GuestLoop, turns);
            long start = clock.GetTimestamp();
            vcpu.Request(Interop.KVM_RUN, 0);
            TimeSpan elapsed = clock.GetElapsedTime(start);
            run.Expect(Interop.KVM_EXIT_HLT);
            return elapsed;
        });
    }

    private static double MeasureHostLoop(TimeProvider clock)
    {
        using ExecutableMemory code = ExecutableMemory.Create("doppel-probe", 0x1000);
        Marshal.Copy(HostLoop.ToArray(), 0, code.Writable, HostLoop.Length);
        return MeasureLoop(clock, turns =>
        {
            long start = clock.GetTimestamp();
            // SAFETY: the mapping holds a whole function of this signature that touches only ecx, and lives until the end of the caller.
            unsafe { ((delegate* unmanaged<uint, void>)code.Executable)(turns); }
            return clock.GetElapsedTime(start);
        });
    }

    // Doubles the work until it takes long enough to be measured, so that even an emulated host is done soon.
    private static double MeasureLoop(TimeProvider clock, Func<uint, TimeSpan> runTurns)
    {
        runTurns(FirstTurns);
        for (uint turns = FirstTurns; ; turns *= 2)
        {
            TimeSpan elapsed = runTurns(turns);
            if (elapsed >= s_enough || turns > uint.MaxValue / 2) return elapsed.TotalNanoseconds / turns;
        }
    }

    private static double MeasureExits(Descriptor vcpu, SharedRun run, HostMemory memory, TimeProvider clock)
    {
        Start(vcpu, memory, GuestExits, 0);
        vcpu.Request(Interop.KVM_RUN, 0);
        long start = clock.GetTimestamp();
        for (int exits = 1; ; exits++)
        {
            vcpu.Request(Interop.KVM_RUN, 0);
            run.Expect(Interop.KVM_EXIT_IO);
            TimeSpan elapsed = clock.GetElapsedTime(start);
            if (elapsed >= s_enough) return elapsed.TotalNanoseconds / exits;
        }
    }

    // A file descriptor of KVM; every failure names the request.
    private sealed class Descriptor : IDisposable
    {
        private readonly int _fd;

        internal Descriptor(int fd, string call, string resource) => _fd = fd >= 0 ? fd : throw HostException.FromErrno(call, resource);

        internal int Fd => _fd;

        internal int Request(nuint request, nuint argument) => Check(Interop.IoctlValue(_fd, request, argument), request);

        internal unsafe void Request(nuint request, void* argument) => Check(Interop.Ioctl(_fd, request, argument), request);

        public void Dispose() => _ = Interop.Close(_fd);

        private static int Check(int result, nuint request)
            => result >= 0 ? result : throw HostException.FromErrno($"ioctl 0x{(ulong)request:X}", Device);
    }

    // The page in which KVM says why the vCPU came back.
    private sealed class SharedRun : IDisposable
    {
        private readonly nint _address;
        private readonly int _length;

        internal SharedRun(Descriptor vcpu, int length)
        {
            _length = length;
            _address = Interop.Mmap(0, (nuint)length, Interop.ProtRead | Interop.ProtWrite, Interop.MapShared, vcpu.Fd, 0);
            if (_address == -1) throw HostException.FromErrno("mmap", "the vCPU of " + Device);
        }

        internal void Expect(uint reason)
        {
            uint actual = (uint)Marshal.ReadInt32(_address, Interop.KvmRunExitReason);
            if (actual != reason) throw new HostException($"{Device}: the guest left with reason {actual} where {reason} was due");
        }

        public void Dispose() => _ = Interop.Munmap(_address, (nuint)_length);
    }
}
