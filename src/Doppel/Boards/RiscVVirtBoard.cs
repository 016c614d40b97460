using Doppel.Boot;
using Doppel.Boot.DeviceTrees;
using Doppel.Boot.Payloads;
using Doppel.Boot.Sbi;
using Doppel.Core.Bus;
using Doppel.Core.Execution;
using Doppel.Core.Memory;
using Doppel.Core.Time;
using Doppel.Devices.Interrupts;
using Doppel.Devices.Power;
using Doppel.Devices.Rtc;
using Doppel.Devices.Serial;
using Doppel.RiscV;
using Doppel.RiscV.Engines;

namespace Doppel.Boards;

/// <summary>
/// The board <c>riscv-virt</c>, from power-on to power-off: memory, devices, harts, and the boot files in their places. A reboot is a new
/// board, so nothing of the old run is left. Thread contract: one owner; it does not dispose while another of its calls runs.
/// </summary>
internal sealed class RiscVVirtBoard : IDisposable
{
    private const int SupervisorExternal = 9, MachineExternal = 11, MachineSoftware = 3, MachineTimer = 7;

    private readonly VirtualMachineConfig _config;
    private readonly BoardConnections _connections;
    private readonly IRiscVVcpu[] _vcpus;
    private readonly GuestMemory _memory;
    private readonly MachineTime _time;
    private readonly MachineCounter _counter;
    private readonly MmioBus _bus = new();
    private readonly Plic _plic;
    private readonly Uart16550 _uart;
    private readonly SbiConsole _console;
    private readonly VirtioSlots _virtio;
    private readonly VcpuScheduler _scheduler;
    private readonly BoardProcessors _processors;
    private readonly SbiFirmware? _firmware;
    private readonly RiscVState _reset;
    private int _powerRequested;

    private RiscVVirtBoard(VirtualMachineConfig config, BoardConnections connections)
    {
        _config = config;
        _connections = connections;
        _vcpus = new IRiscVVcpu[config.Cpus];
        try
        {
            _memory = new GuestMemory(
                new RamRegion(RiscVVirtMap.ResetRomBase, RiscVVirtMap.ResetRomSize, ReadOnly: true, "rom"),
                new RamRegion(RiscVVirtMap.RamBase, config.MemoryBytes, ReadOnly: false, "ram"));
            _time = BoardTime.Create(config.Time, CountTicks);
            _counter = new MachineCounter(_time, Aclint.FrequencyHz);
            _plic = new Plic(Wires(MachineExternal, SupervisorExternal));
            _uart = new Uart16550(_plic.CreateInput(RiscVVirtMap.Uart.Irq), _time, connections.Serial);
            _console = new SbiConsole(_uart, connections.Serial);
            AttachDevices();
            _virtio = new VirtioSlots(config, connections, _memory, _time, (_bus, _plic));
            _firmware = config.Firmware.IsBuiltin ? new SbiFirmware(new SbiPlatform(_memory, _console, OnPower)) : null;
            EngineName = connections.Engine.Name;
            RiscVPlatform platform = new(_memory, _bus, _time) { Firmware = _firmware, HartCount = config.Cpus, Counter = _counter };
            for (int i = 0; i < _vcpus.Length; i++) _vcpus[i] = connections.Engine.CreateVcpu(i, platform);
            _vcpus[0].Save(ref _reset);
            IReadOnlyList<int> pinned = BoardProcessors.PinnedOf(config.CpuShare);
            _scheduler = _time is InstructionCountTime counted
                ? new InstructionCountScheduler(_vcpus, counted, pinned) : new ThreadPerVcpuScheduler(_vcpus, pinned);
            _processors = new BoardProcessors(config.CpuShare, _scheduler);
            _scheduler.Failed = connections.Failed;
        }
        catch
        {
            // The host may refuse memory, threads or processors at any of these steps.
            Dispose();
            throw;
        }
    }

    /// <summary>Builds the board, loads the boot files and leaves the harts paused before their first instruction.</summary>
    /// <param name="config">A valid configuration.</param>
    /// <param name="files">Contents of the boot files.</param>
    /// <param name="connections">The host's side.</param>
    /// <exception cref="VirtualMachineException">Something does not fit into RAM.</exception>
    /// <exception cref="Host.HostException">The host refuses memory or threads.</exception>
    public static RiscVVirtBoard Create(VirtualMachineConfig config, BootFiles files, BoardConnections connections)
    {
        RiscVVirtBoard board = new(config, connections);
        try
        {
            board.Boot(files);
            return board;
        }
        catch
        {
            board.Dispose();
            throw;
        }
    }

    /// <summary>Name of the engine that runs the harts.</summary>
    public string EngineName { get; }

    /// <summary>Host memory that the guest's RAM and ROM take now, in bytes.</summary>
    public ulong ResidentBytes => _memory.ResidentBytes;

    /// <summary>Counters of each hart; exact while paused.</summary>
    public IEnumerable<RiscVStatistics> Statistics => _vcpus.Select(static v => v.Statistics);

    /// <summary>Lets devices, time and harts run.</summary>
    public void Resume()
    {
        _virtio.Resume();
        _time.Resume();
        _scheduler.Resume();
    }

    /// <summary>
    /// Stops harts, time and devices; returns when none runs any more, and all that the guest has written is in the files of its disks.
    /// </summary>
    public void Pause()
    {
        _scheduler.Pause();
        _time.Pause();
        _virtio.Quiesce();
        foreach (BoardDisk disk in _connections.Disks) disk.Flush(_connections.Log);
    }

    /// <summary>Stops the harts for good; time and devices run on, so that output which still waits can leave.</summary>
    public void Halt() => _scheduler.Pause();

    /// <summary>Tells the guest the size of the terminal behind its console.</summary>
    public void ResizeConsole(int columns, int rows) => _virtio.Resize(columns, rows);

    /// <summary>True while the host has not taken all that the guest has sent through its console ports.</summary>
    public bool HasPendingOutput => _uart.HasPendingOutput || _virtio.HasPendingOutput;

    /// <summary>Ends the threads and gives all memory back.</summary>
    public void Dispose()
    {
        _processors?.Dispose();
        _scheduler?.Dispose();
        _virtio?.Dispose();
        _time?.Dispose();
        foreach (IRiscVVcpu? vcpu in _vcpus) vcpu?.Dispose();
        _memory?.Dispose();
    }

    private ulong CountTicks()
    {
        ulong ticks = 0;
        foreach (IRiscVVcpu vcpu in _vcpus) ticks += vcpu.Ticks;
        return ticks;
    }

    // The wires of all harts, hart by hart: the order in which controllers number their contexts.
    private IrqLine[] Wires(params int[] bits) =>
        [.. Enumerable.Range(0, _vcpus.Length).SelectMany(hart => bits.Select(bit => new IrqLine(level => _vcpus[hart].SetInterrupt(bit, level))))];

    private void AttachDevices()
    {
        Attach(RiscVVirtMap.Test, new TestFinisher(OnPower));
        Attach(RiscVVirtMap.Rtc, new GoldfishRtc(_plic.CreateInput(RiscVVirtMap.Rtc.Irq), _time));
        Attach(RiscVVirtMap.Clint, new Aclint(_counter, Wires(MachineSoftware), Wires(MachineTimer)));
        Attach(RiscVVirtMap.Plic, _plic);
        Attach(RiscVVirtMap.Uart, _uart);
    }

    private void Attach(in BoardSlot slot, IMmioDevice device) => _bus.Attach(slot.ToWindow(), device);

    private void Boot(BootFiles files)
    {
        BootRange ram = new(RiscVVirtMap.RamBase, _config.MemoryBytes);
        DeviceTree tree = CreateDeviceTree(files, ram);
        // The addresses of the RAM disk have a fixed size in the tree, so any will do to measure it.
        BootArguments.SetInitrd(tree, new BootRange(0, files.InitrdBytes));
        BootPlan plan = BootPlanner.Plan(new BootRequest(ram)
        {
            Firmware = files.Firmware,
            Kernel = files.Kernel,
            IsBare = _config.Firmware.IsNone,
            InitrdBytes = files.InitrdBytes,
            DeviceTreeBytes = (ulong)DeviceTreeWriter.Write(tree).Length,
        });
        BootArguments.SetInitrd(tree, plan.Initrd);
        if (files.Firmware is { } file) PayloadLoader.Load(_memory, file, file.IsRelocatable ? plan.FirmwareBase : 0);
        if (files.Kernel is { } kernel)
        {
            PayloadLoader.Load(_memory, kernel, plan.KernelBase);
            HostTargetInterface.Attach(kernel.Symbols, _memory, _console, OnPower);
        }
        foreach ((ulong offset, ReadOnlyMemory<byte> bytes) in files.Initrd) _memory.Load(plan.Initrd.Start + offset, bytes.Span);
        _memory.Load(plan.DeviceTree.Start, DeviceTreeWriter.Write(tree));
        StartHarts(files, plan);
    }

    private DeviceTree CreateDeviceTree(BootFiles files, BootRange ram)
    {
        DeviceTree? own = files.ReadDeviceTree();
        DeviceTree tree = own ?? RiscVVirtDeviceTree.Create(ram.Size, _config.Cpus, BoardTime.BootSeed(_config), _virtio.ExtraSlots);
        try
        {
            if (own is not null) BootArguments.SetMemory(tree, ram);
        }
        catch (FormatException e)
        {
            throw new VirtualMachineException($"--dtb {_config.DeviceTreePath}: {e.Message}", e);
        }
        BootArguments.SetCommandLine(tree, _config.CommandLine);
        return tree;
    }

    // Built-in firmware starts one hart in S-mode; without it all harts begin in the boot ROM, as they do after reset.
    private void StartHarts(BootFiles files, BootPlan plan)
    {
        if (_firmware is not null)
        {
            _firmware.Harts = new SbiHarts(_vcpus, _reset);
            _firmware.Harts.Start(0, plan.KernelEntry, plan.DeviceTree.Start);
            return;
        }
        ulong entry = files.Firmware is null ? plan.KernelEntry : plan.FirmwareEntry;
        ulong next = files.Kernel is null ? 0 : plan.KernelEntry;
        _memory.Load(RiscVVirtMap.ResetRomBase, ResetVector.Create(entry, plan.DeviceTree.Start, next));
        foreach (IRiscVVcpu vcpu in _vcpus)
        {
            RiscVState state = _reset;
            state.Mhartid = (ulong)vcpu.Index;
            state.Pc = RiscVVirtMap.ResetRomBase;
            vcpu.Start(state);
        }
    }

    private void OnPower(PowerRequest request)
    {
        if (Interlocked.Exchange(ref _powerRequested, 1) != 0) return;
        _scheduler.RequestPause();
        _connections.Power(request);
    }
}
