using Doppel.RiscV;

namespace Doppel.Boot.Sbi;

/// <summary>Standard error codes (SBI 2.0, chapter 3).</summary>
internal enum SbiError : long
{
    Success = 0,
    Failed = -1,
    NotSupported = -2,
    InvalidParameter = -3,
    Denied = -4,
    InvalidAddress = -5,
    AlreadyAvailable = -6,
    AlreadyStarted = -7,
    AlreadyStopped = -8,
}

/// <summary>What a call gives back in a0 and a1, and what the hart does next.</summary>
internal readonly record struct SbiResult(SbiError Error, ulong Value = 0, FirmwareResult Next = FirmwareResult.Continue)
{
    /// <summary>Success with a value.</summary>
    public static SbiResult Ok(ulong value = 0) => new(SbiError.Success, value);

    /// <summary>An error without a value.</summary>
    public static implicit operator SbiResult(SbiError error) => new(error);
}
