using Doppel.Core.Execution;
using Doppel.Core.Sharing;

namespace Doppel.UnitTests.Sharing;

/// <summary>A host with a few processors whose kernel gives each thread that runs the same time, machines on it, and a clock that a test moves.</summary>
internal sealed class HostModel : IDisposable
{
    internal const long Second = 1_000_000_000;

    private readonly ProcessorShareTable _table = ProcessorShareTable.Create();
    private readonly List<ModelMachine> _machines = [];
    private readonly double _processors;
    private readonly Random _load;
    private readonly bool _isLoaded;
    private long _nowNs = 1_000 * Second;

    /// <param name="processors">Number of processors.</param>
    /// <param name="loadSeed">Zero for a host that runs nothing else; else other programs take up to half of it, at random.</param>
    internal HostModel(int processors, int loadSeed = 0)
    {
        _processors = processors;
        _isLoaded = loadSeed != 0;
        _load = new Random(loadSeed);
    }

    internal long NowNs => _nowNs;

    internal ModelMachine Add(int weight, int lanes, double? limit = null)
    {
        ModelMachine machine = new(_table.Take(weight, [.. Enumerable.Range(0, (int)_processors)])!, lanes, limit, (int)_processors);
        _machines.Add(machine);
        return machine;
    }

    /// <summary>A machine whose process does nothing any more, though its threads run on.</summary>
    internal void Silence(ModelMachine machine) => _machines.Remove(machine);

    internal void Run(double seconds)
    {
        for (long end = _nowNs + (long)(seconds * Second); _nowNs < end; _nowNs += ProcessorGovernor.PeriodNs)
        {
            foreach (ModelMachine machine in _machines) machine.Governor.Look(_nowNs);
            ModelLane[] running = [.. _machines.SelectMany(static m => m.Lanes).Where(static l => l is { IsBusy: true, IsHeld: false })];
            double left = _isLoaded ? _processors * (1 - (_load.NextDouble() / 2)) : _processors;
            double part = running.Length == 0 ? 0 : Math.Min(1, left / running.Length);
            foreach (ModelLane lane in running) lane.ProcessorTimeNs += (long)(part * ProcessorGovernor.PeriodNs);
        }
    }

    public void Dispose() => _table.Dispose();
}

internal sealed class ModelMachine
{
    internal ModelMachine(ProcessorSeat seat, int lanes, double? limit, int processors)
    {
        Seat = seat;
        Lanes = [.. Enumerable.Range(0, lanes).Select(static _ => new ModelLane())];
        Governor = new ProcessorGovernor(Lanes, seat, limit, processors);
    }

    internal ProcessorSeat Seat { get; }

    internal IReadOnlyList<ModelLane> Lanes { get; }

    internal ProcessorGovernor Governor { get; }

    /// <summary>Processor seconds since the last call.</summary>
    internal double Take()
    {
        double seconds = Lanes.Sum(static l => l.ProcessorTimeNs) / (double)HostModel.Second;
        double taken = seconds - _taken;
        _taken = seconds;
        return taken;
    }

    private double _taken;
}

internal sealed class ModelLane : IVcpuLane
{
    public long ProcessorTimeNs { get; set; }

    public bool IsBusy { get; set; } = true;

    public bool IsHeld { get; set; }
}
