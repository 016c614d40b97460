using System.Diagnostics;
using Doppel.Core.Diagnostics;
using Doppel.Core.Time;
using Doppel.Host;
using Doppel.RiscV.Engines;

namespace Doppel;

/// <summary>Adds up the counters of the boards that a machine has had. Thread contract: all members from any thread.</summary>
internal sealed class MachineCounters(HostStopwatch watch)
{
    // Causes as the privileged manual's table of mcause names them.
    private static readonly string[] s_exceptions =
    [
        "instruction misaligned", "instruction access fault", "illegal instruction", "breakpoint", "load misaligned", "load access fault",
        "store misaligned", "store access fault", "ecall from U", "ecall from S", "reserved 10", "ecall from M", "instruction page fault",
        "load page fault", "reserved 14", "store page fault",
    ];

    private static readonly string[] s_interrupts =
    [
        "reserved 0", "supervisor software", "reserved 2", "machine software", "reserved 4", "supervisor timer", "reserved 6", "machine timer",
        "reserved 8", "supervisor external", "reserved 10", "machine external", "reserved 12", "reserved 13", "reserved 14", "reserved 15",
    ];

    private readonly Lock _gate = new();
    private readonly TimeSpan _processorAtStart = Environment.CpuUsage.TotalTime;
    private readonly List<RiscVStatistics> _finished = [];
    private Func<IEnumerable<RiscVStatistics>> _current = static () => [];
    private Func<ulong>? _guestResident;
    private ulong _overhead;

    /// <summary>Measures the machine's running time.</summary>
    public HostStopwatch Watch { get; } = watch;

    /// <summary>Number of boards that were switched on after the first.</summary>
    public int Reboots { get; private set; }

    /// <summary>A board was switched on.</summary>
    public void Begin(Func<IEnumerable<RiscVStatistics>> board, Func<ulong> guestResident, bool isReboot)
    {
        lock (_gate)
        {
            _current = board;
            _guestResident = guestResident;
            if (isReboot) Reboots++;
        }
    }

    /// <summary>The board is about to go; its counters are kept.</summary>
    public void Finish()
    {
        lock (_gate)
        {
            _finished.AddRange(_current());
            _current = static () => [];
            _overhead = MeasureOverhead();
            _guestResident = null;
        }
    }

    /// <summary>Adds everything up.</summary>
    public VirtualMachineStatistics Read(string engine)
    {
        lock (_gate)
        {
            List<RiscVStatistics> all = [.. _finished, .. _current()];
            using Process process = Process.GetCurrentProcess();
            return new VirtualMachineStatistics
            {
                Engine = engine,
                Instructions = Sum(all, static s => s.Instructions),
                Elapsed = Watch.Elapsed,
                ProcessorTime = Environment.CpuUsage.TotalTime - _processorAtStart,
                Exits = [.. Causes(all).Where(static e => e.Value > 0)],
                PeakMemoryBytes = (ulong)process.PeakWorkingSet64,
                OverheadBytes = MeasureOverhead(),
                Translation = TranslationStatistics.Sum(all.Select(static s => s.Translation)),
                Reboots = Reboots,
            };
        }
    }

    // What the process holds beyond the guest's RAM; of a machine that has ended, when it ended.
    private ulong MeasureOverhead()
    {
        if (_guestResident is not { } guest) return _overhead;
        ulong all = ProcessMemory.ReadProportionalBytes();
        return all - Math.Min(all, guest());
    }

    private static IEnumerable<KeyValuePair<string, ulong>> Causes(List<RiscVStatistics> all)
    {
        yield return new("device access", Sum(all, static s => s.MmioAccesses));
        yield return new("page-table walk", Sum(all, static s => s.PageWalks));
        yield return new("firmware call", Sum(all, static s => s.FirmwareCalls));
        yield return new("wait for interrupt", Sum(all, static s => s.Waits));
        yield return new("code invalidation", Sum(all, static s => s.CodeInvalidations));
        for (int i = 0; i < s_exceptions.Length; i++) yield return new($"exception: {s_exceptions[i]}", Sum(all, s => s.Exceptions[i]));
        for (int i = 0; i < s_interrupts.Length; i++) yield return new($"interrupt: {s_interrupts[i]}", Sum(all, s => s.Interrupts[i]));
    }

    private static ulong Sum(List<RiscVStatistics> all, Func<RiscVStatistics, ulong> counter)
    {
        ulong sum = 0;
        foreach (RiscVStatistics one in all) sum += counter(one);
        return sum;
    }
}
