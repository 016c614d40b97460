using Doppel.Core.Execution;
using Doppel.Core.Memory;
using Doppel.RiscV;

namespace Doppel.Boot.Sbi;

/// <summary>What the firmware may use of its machine.</summary>
/// <param name="Memory">Guest memory.</param>
/// <param name="Console">Debug console.</param>
/// <param name="Power">Takes requests to switch off or to start again.</param>
internal sealed record SbiPlatform(GuestMemory Memory, SbiConsole Console, Action<PowerRequest> Power);

/// <summary>
/// The RISC-V Supervisor Binary Interface, version 2.0, served from outside guest memory: extensions BASE, TIME, IPI, RFENCE, HSM, SRST,
/// DBCN and the legacy calls. Section numbers are those of that specification.
/// Thread contract: <see cref="Call"/> on any vCPU thread; <see cref="Harts"/> is set before the machine runs.
/// </summary>
internal sealed class SbiFirmware(SbiPlatform platform) : IRiscVFirmware
{
    private const int A0 = 10, A1 = 11;
    private const ulong Base = 0x10, Timer = 0x54494D45, Ipi = 0x735049, Fences = 0x52464E43, HartState = 0x48534D,
        SystemReset = 0x53525354, DebugConsole = 0x4442434E;
    private const ulong SpecificationVersion = 2UL << 24, ImplementationId = 0x444F5050, ImplementationVersion = 1UL << 16;
    private const ulong LastLegacyExtension = 8;
    private const ulong MaxConsoleBytes = 4096;

    private readonly SbiLegacy _legacy = new(platform);

    /// <summary>The harts of the machine.</summary>
    public SbiHarts Harts { get; set; } = new([], default);

    /// <inheritdoc/>
    public FirmwareResult Call(int hart, ref RiscVState state)
    {
        SbiCall call = new(hart, ref state);
        if (call.Extension <= LastLegacyExtension) return _legacy.Call(call, Harts);
        SbiResult result = Dispatch(call);
        state.SetX(A0, (ulong)result.Error);
        state.SetX(A1, result.Value);
        return result.Next;
    }

    private SbiResult Dispatch(in SbiCall call) => call.Extension switch
    {
        Base => CallBase(call),
        Timer => call.Function == 0 ? SetTimer(call) : SbiError.NotSupported,
        Ipi => call.Function == 0 ? Harts.Interrupt(call.Argument0, call.Argument1) : SbiError.NotSupported,
        Fences => CallRemoteFence(call),
        HartState => CallHartState(call),
        SystemReset => call.Function == 0 ? Reset(call) : SbiError.NotSupported,
        DebugConsole => CallDebugConsole(call),
        _ => SbiError.NotSupported,
    };

    // Chapter 4.
    private static SbiResult CallBase(in SbiCall call) => call.Function switch
    {
        0 => SbiResult.Ok(SpecificationVersion),
        1 => SbiResult.Ok(ImplementationId),
        2 => SbiResult.Ok(ImplementationVersion),
        3 => SbiResult.Ok(IsImplemented(call.Argument0) ? 1UL : 0UL),
        // The machine has no vendor's identity: mvendorid, marchid and mimpid read as zero.
        4 or 5 or 6 => SbiResult.Ok(),
        _ => SbiError.NotSupported,
    };

    private static bool IsImplemented(ulong extension) =>
        extension is <= LastLegacyExtension or Base or Timer or Ipi or Fences or HartState or SystemReset or DebugConsole;

    // Chapter 6. STIP follows the comparison (Sstc), so setting a time in the future also takes the pending bit back.
    private static SbiResult SetTimer(in SbiCall call)
    {
        call.State.Stimecmp = call.Argument0;
        return SbiResult.Ok();
    }

    // Chapter 8: 0 FENCE.I, 1 SFENCE.VMA, 2 the same for one ASID. A range of nothing from zero, or of all ones, is everything. The HFENCE calls
    // need the H extension.
    private SbiResult CallRemoteFence(in SbiCall call)
    {
        if (call.Function > 2) return SbiError.NotSupported;
        ulong size = call is { Argument2: 0, Argument3: 0 } ? ulong.MaxValue : call.Argument3;
        return Harts.Fence(call.Argument0, call.Argument1, call.Function switch
        {
            0 => RemoteFence.Instructions,
            1 => new RemoteFence(IsInstruction: false, call.Argument2, size, null),
            _ => new RemoteFence(IsInstruction: false, call.Argument2, size, call.Argument4 & 0xFFFF),
        });
    }

    // Chapter 9.
    private SbiResult CallHartState(in SbiCall call)
    {
        switch (call.Function)
        {
            case 0:
                if (!platform.Memory.TryTranslate(call.Argument1, 2, writable: false, out _)) return SbiError.InvalidAddress;
                return Harts.Start(call.Argument0, call.Argument1, call.Argument2);
            case 1:
                Harts.Stop(call.Hart);
                return new SbiResult(SbiError.Success, 0, FirmwareResult.Stop);
            case 2:
                return Harts.Status(call.Argument0);
            case 3:
                return Suspend(call);
            default:
                return SbiError.NotSupported;
        }
    }

    // 9.4: the type is 32 bits wide; only the default retentive suspend is implemented. The default non-retentive one is a valid type that
    // this platform does not offer, everything else is reserved or some platform's own.
    private static SbiResult Suspend(in SbiCall call) => (uint)call.Argument0 switch
    {
        0 => new SbiResult(SbiError.Success, 0, FirmwareResult.Wait),
        0x8000_0000 => SbiError.NotSupported,
        _ => SbiError.InvalidParameter,
    };

    // Chapter 10: type 0 is a shutdown, 1 and 2 are reboots; reason 0 is none, 1 is a failure, the rest is reserved up to 0xE0000000.
    private SbiResult Reset(in SbiCall call)
    {
        ulong type = (uint)call.Argument0, reason = (uint)call.Argument1;
        if (reason is > 1 and < 0xE000_0000) return SbiError.InvalidParameter;
        switch (type)
        {
            case 0:
                platform.Power(new PowerRequest(PowerAction.PowerOff, reason == 0 ? 0 : 1));
                break;
            case 1 or 2:
                platform.Power(new PowerRequest(PowerAction.Reboot));
                break;
            case >= 0xF000_0000:
                return SbiError.NotSupported;
            default:
                return SbiError.InvalidParameter;
        }
        // The call does not return; the machine stops this hart for good.
        return new SbiResult(SbiError.Success, 0, FirmwareResult.Stop);
    }

    // Chapter 12: 0 write, 1 read, 2 write byte. A call may move fewer bytes than asked; the bound keeps one call short.
    private SbiResult CallDebugConsole(in SbiCall call)
    {
        if (call.Function == 2)
        {
            platform.Console.Write((byte)call.Argument0);
            return SbiResult.Ok();
        }
        if (call.Function > 2) return SbiError.NotSupported;
        if (call.Argument2 != 0) return SbiError.InvalidParameter;
        bool toGuest = call.Function == 1;
        // The whole range must be memory of the supervisor, even though only a part is used.
        if (!platform.Memory.TryTranslate(call.Argument1, call.Argument0, toGuest, out _)) return SbiError.InvalidParameter;
        int count = (int)Math.Min(call.Argument0, MaxConsoleBytes);
        return SbiResult.Ok((ulong)(toGuest ? ReadConsole(call.Argument1, count) : WriteConsole(call.Argument1, count)));
    }

    private int WriteConsole(ulong address, int count)
    {
        Span<byte> bytes = stackalloc byte[(int)MaxConsoleBytes];
        bytes = bytes[..count];
        if (!platform.Memory.TryRead(address, bytes)) return 0;
        foreach (byte value in bytes) platform.Console.Write(value);
        return count;
    }

    private int ReadConsole(ulong address, int count)
    {
        int done = 0;
        while (done < count && platform.Console.TryRead(out byte value) && platform.Memory.TryWrite(address + (ulong)done, value)) done++;
        return done;
    }
}
