namespace Doppel;

/// <summary>
/// Everything that describes a virtual machine before it starts, as plain data. Checked by
/// <see cref="VirtualMachineConfigValidator"/>; immutable, so one value may start any number of machines from any thread.
/// </summary>
public sealed record VirtualMachineConfig
{
    /// <summary>Machine model; <c>riscv-virt</c> is the only one.</summary>
    public string Board { get; init; } = "riscv-virt";

    /// <summary>What executes the guest: <c>interp</c>, <c>jit</c>, or <c>auto</c> for the fastest that works here.</summary>
    public string Engine { get; init; } = "auto";

    /// <summary>How the engine <c>jit</c> works; other engines take no notice.</summary>
    public TranslatorConfig Translator { get; init; } = TranslatorConfig.Default;

    /// <summary>Size of RAM in bytes, a multiple of 4096, at least 32 MiB. The host commits pages on first touch.</summary>
    public ulong MemoryBytes { get; init; } = 512UL << 20;

    /// <summary>Number of virtual processors.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>How much of the host's processors they may use.</summary>
    public CpuShareConfig CpuShare { get; init; } = CpuShareConfig.Default;

    /// <summary>Linux <c>Image</c> (also compressed), ELF file or flat binary; null where the firmware file is all there is.</summary>
    public string? KernelPath { get; init; }

    /// <summary>Initial RAM disk, or null.</summary>
    public string? InitrdPath { get; init; }

    /// <summary>Archives that follow <see cref="InitrdPath"/> in memory, each aligned to 4 bytes: the kernel unpacks all of them.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> ExtraInitrds { get; init; } = [];

    /// <summary>Kernel command line (<c>/chosen/bootargs</c> of the device tree).</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>A flattened device tree to use in the place of the generated one, or null. Boot arguments, RAM disk and memory are patched in.</summary>
    public string? DeviceTreePath { get; init; }

    /// <summary>What runs in M-mode.</summary>
    public FirmwareChoice Firmware { get; init; } = FirmwareChoice.Builtin;

    /// <summary>Virtio block devices, in the guest's order: <c>vda</c>, <c>vdb</c>, ….</summary>
    public IReadOnlyList<DiskConfig> Disks { get; init; } = [];

    /// <summary>Virtio network devices, in the guest's order: <c>eth0</c>, <c>eth1</c>, …; empty for no network.</summary>
    public IReadOnlyList<NetworkConfig> Networks { get; init; } = [];

    /// <summary>Folders of the host that the guest sees; empty for none.</summary>
    public IReadOnlyList<SharedFolder> Shares { get; init; } = [];

    /// <summary>How the machine's time runs.</summary>
    public TimePolicy Time { get; init; } = TimePolicy.RealTime;

    /// <summary>Where the serial port (the guest's <c>ttyS0</c>) leads.</summary>
    public SerialConfig Serial { get; init; } = SerialConfig.Console;

    /// <summary>
    /// Ports of the virtio console device; empty for no such device. The first port with <see cref="ConsolePortConfig.IsConsole"/> is
    /// the guest's <c>hvc0</c>, the others are found under <c>/dev/virtio-ports</c> by name.
    /// </summary>
    public IReadOnlyList<ConsolePortConfig> ConsolePorts { get; init; } = [];

    /// <summary>Sockets between host and guest (virtio-vsock); null for no such device.</summary>
    public VsockConfig? Vsock { get; init; }

    /// <summary>
    /// True for a memory balloon (virtio-balloon): the guest gives free memory back to the host, and <see cref="VirtualMachine.Memory"/> can make it
    /// do with less.
    /// </summary>
    public bool Balloon { get; init; } = true;

    /// <summary>Longest time that the machine may run, in host time, before it ends with <see cref="VirtualMachineExitReason.Timeout"/>; null for no limit.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>True to start again when the guest reboots; false to end with <see cref="VirtualMachineExitReason.Reboot"/>.</summary>
    public bool RestartOnReboot { get; init; } = true;

    /// <summary>
    /// Receives, on any thread, one line for people when a driver in the guest breaks the rules or a disk image fails. It must not block.
    /// </summary>
    public Action<string> Log { get; init; } = static _ => { };

    /// <summary>Seed of everything random that the machine gives its guest under <see cref="TimePolicy.InstructionCount"/>.</summary>
    public ulong Seed { get; init; }
}

/// <summary>How the machine's time runs.</summary>
public enum TimePolicy
{
    /// <summary>With the host's clock.</summary>
    RealTime,

    /// <summary>With the number of guest instructions, all vCPUs on one thread: two runs from the same inputs are the same.</summary>
    InstructionCount,
}

/// <summary>What runs in M-mode.</summary>
public sealed record FirmwareChoice
{
    private FirmwareChoice(string? path, bool isBuiltin)
    {
        Path = path;
        IsBuiltin = isBuiltin;
    }

    /// <summary>The supervisor binary interface (SBI) implemented by the library; the kernel is entered in S-mode.</summary>
    public static FirmwareChoice Builtin { get; } = new(null, isBuiltin: true);

    /// <summary>None: the kernel file is entered in M-mode.</summary>
    public static FirmwareChoice None { get; } = new(null, isBuiltin: false);

    /// <summary>Path of a firmware file, or null.</summary>
    public string? Path { get; }

    /// <summary>True for <see cref="Builtin"/>.</summary>
    public bool IsBuiltin { get; }

    /// <summary>True for <see cref="None"/>.</summary>
    public bool IsNone => Path is null && !IsBuiltin;

    /// <summary>A firmware file that is entered in M-mode, such as OpenSBI's <c>fw_dynamic.bin</c>.</summary>
    public static FirmwareChoice File(string path) => new(path, isBuiltin: false);
}

/// <summary>Kinds of <see cref="SerialConfig"/>.</summary>
public enum SerialKind
{
    /// <summary><see cref="VirtualMachine.Console"/> only.</summary>
    Console,

    /// <summary>Nowhere; no input.</summary>
    Null,

    /// <summary>Output is also written to a file; no input.</summary>
    File,

    /// <summary>A Unix domain socket that the machine listens on; one client at a time.</summary>
    Socket,
}

/// <summary>Where the serial port leads. Whatever is chosen, <see cref="VirtualMachine.Console"/> sees the output.</summary>
/// <param name="Kind">Kind of back end.</param>
/// <param name="Path">Path for <see cref="SerialKind.File"/> and <see cref="SerialKind.Socket"/>.</param>
public sealed record SerialConfig(SerialKind Kind, string? Path = null)
{
    /// <summary>In process: <see cref="VirtualMachine.Console"/>.</summary>
    public static SerialConfig Console { get; } = new(SerialKind.Console);

    /// <summary>Nowhere.</summary>
    public static SerialConfig Null { get; } = new(SerialKind.Null);
}

/// <summary>The virtio socket device; its host end is <see cref="VirtualMachine.Vsock"/>.</summary>
/// <param name="GuestCid">Address of the guest: 3 or above. Guests of different machines may have the same one.</param>
/// <param name="SocketPath">
/// A Unix domain socket for other programs, or null: who connects and sends <c>CONNECT port</c> and a line feed is connected to that port of the
/// guest, and a guest that connects to port N of the host, on which the library does not listen, reaches the socket at this path followed by
/// <c>_N</c>. Firecracker's tools speak this.
/// </param>
public sealed record VsockConfig(uint GuestCid = 3, string? SocketPath = null);

/// <summary>One port of the virtio console device; its host end is <see cref="VirtualMachine.Ports"/>.</summary>
/// <param name="Name">Name in the guest, unique in the machine.</param>
/// <param name="IsConsole">True for a terminal (<c>hvc0</c>, with window size), false for a plain byte channel.</param>
public sealed record ConsolePortConfig(string Name, bool IsConsole = false);
