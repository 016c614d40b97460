namespace Doppel.Core.Diagnostics;

/// <summary>Two engines that ran the same guest code did not get the same result: the machine cannot go on.</summary>
/// <param name="report">What differs where, for people: several lines.</param>
public sealed class EngineDifferenceException(string report) : Exception(report)
{
    /// <summary>The report for people, without the host code.</summary>
    public string Report { get; } = report;

    /// <summary>Guest-virtual address of the first instruction that differs.</summary>
    public required ulong GuestAddress { get; init; }

    /// <summary>Host code of the translation that the instruction belongs to; empty if it is not known.</summary>
    public ReadOnlyMemory<byte> HostCode { get; init; }

    /// <summary>Where <see cref="HostCode"/> ran.</summary>
    public ulong HostAddress { get; init; }
}
