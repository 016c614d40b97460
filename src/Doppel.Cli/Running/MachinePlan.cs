using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Images;

namespace Doppel.Cli.Running;

/// <summary>What the guest is to the person who started it.</summary>
internal enum RunMode
{
    /// <summary>The user's own kernel or program; the serial port is its terminal.</summary>
    Plain,

    /// <summary>A shell on the image's terminal.</summary>
    Shell,

    /// <summary>One command on the image's terminal.</summary>
    TerminalCommand,

    /// <summary>One command whose three streams are Doppel's own.</summary>
    PipedCommand,
}

/// <summary>A machine to start, and how its streams are to be connected.</summary>
internal sealed record MachinePlan(VirtualMachineConfig Config, RunMode Mode)
{
    internal const string ConsolePort = "doppel.console", ControlPort = "doppel.control";
    internal const string InputPort = "doppel.stdin", OutputPort = "doppel.stdout", ErrorPort = "doppel.stderr", AgentPort = "doppel.agent";

    // A kernel that panics would otherwise spin for ever, and nobody would see it.
    private const string RebootOnPanic = "panic=-1";

    /// <summary>The same machine with a root disk that keeps what is written, in the place of the one that does not; for an image without one, the same.</summary>
    internal MachinePlan WithLastingRoot(Image? image, MachineFolder folder)
        => image?.DiskPath is null ? this : this with { Config = Config with { Disks = [LastingRoot(image, folder), .. Config.Disks.Skip(1)] } };

    internal bool IsCommand => IsCommandMode(Mode);

    /// <summary>True if keys go to the guest as they are typed.</summary>
    internal bool IsInteractive => Mode is not RunMode.PipedCommand;

    /// <summary>Works out what a request means.</summary>
    /// <param name="request">What the user typed.</param>
    /// <param name="image">The image, or null if the user brings a kernel.</param>
    /// <param name="terminals">Which of Doppel's own streams are terminals.</param>
    /// <exception cref="CliException">The options contradict each other.</exception>
    internal static MachinePlan For(RunRequest request, Image? image, Terminals terminals)
    {
        if (image is null && (request.Command is not null || request.Environment.Count > 0 || request.WorkingDirectory is not null))
        {
            throw CliException.Usage("a guest command, its variables and its folder need an image whose init takes them, and --kernel alone brings none",
                "name one, as in `doppel run debian --kernel FILE -- uname -a`, or put the command into your own --initrd");
        }
        RunMode mode = ModeOf(request, image, terminals);
        VirtualMachineConfig config = new()
        {
            Engine = request.Engine,
            Translator = request.Translator,
            MemoryBytes = request.MemoryBytes,
            Balloon = request.Balloon,
            Cpus = request.Cpus,
            CpuShare = request.CpuShare,
            KernelPath = request.Kernel ?? image?.KernelPath,
            InitrdPath = request.Initrd ?? image?.InitrdPath,
            ExtraInitrds = image?.ExtraInitrds(GuestCommandOf(request, image, mode)) ?? [],
            CommandLine = string.Join(' ', new[] { image?.Manifest.CommandLine, IsCommandMode(mode) ? RebootOnPanic : null, request.Append }.Where(static s => !string.IsNullOrEmpty(s))),
            DeviceTreePath = request.Dtb,
            Firmware = FirmwareOf(request.Bios),
            Disks = image?.ThrowawayDisk is { } root ? [root, .. request.Disks] : request.Disks,
            Networks = [.. request.Networks.Select(static n => n.Config!)],
            Shares = request.Shares,
            Time = request.InstructionCountTime ? TimePolicy.InstructionCount : TimePolicy.RealTime,
            Serial = request.Serial ?? SerialConfig.Console,
            ConsolePorts = PortsOf(mode, request.IsNamed),
            Vsock = request.IsNamed ? new VsockConfig() : null,
            Timeout = request.Timeout,
            RestartOnReboot = mode is RunMode.Plain or RunMode.Shell,
        };
        IReadOnlyList<string> problems = VirtualMachineConfigValidator.Validate(config);
        return problems.Count == 0 ? new(config, mode) : throw CliException.Usage(string.Join("\n        ", problems));
    }

    // A machine that is started again has its disk already.
    private static DiskConfig LastingRoot(Image image, MachineFolder folder)
        => File.Exists(folder.RootDisk) ? new DiskConfig(folder.RootDisk) { Format = "qcow2" } : image.CreateOverlay(folder.RootDisk, folder.RootBase);

    private static bool IsCommandMode(RunMode mode) => mode is RunMode.TerminalCommand or RunMode.PipedCommand;

    private static RunMode ModeOf(RunRequest request, Image? image, Terminals terminals)
    {
        if (image is null) return RunMode.Plain;
        if (request.Detach) return request.Command is null ? RunMode.Shell : request.Terminal ? RunMode.TerminalCommand : RunMode.PipedCommand;
        if (request.Command is null && terminals.Input) return RunMode.Shell;
        return terminals is { Input: true, Output: true } ? RunMode.TerminalCommand : RunMode.PipedCommand;
    }

    private static FirmwareChoice FirmwareOf(string bios) => bios switch
    {
        "builtin" => FirmwareChoice.Builtin,
        "none" => FirmwareChoice.None,
        _ => FirmwareChoice.File(bios),
    };

    // The guest takes doppel.control, the last one, as the sign that the others are there.
    private static ConsolePortConfig[] PortsOf(RunMode mode, bool hasAgent)
    {
        if (mode == RunMode.Plain) return [];
        IEnumerable<string> pipes = mode == RunMode.PipedCommand ? [InputPort, OutputPort, ErrorPort] : [];
        IEnumerable<string> agent = hasAgent ? [AgentPort] : [];
        return [new(ConsolePort, IsConsole: true), .. pipes.Concat(agent).Append(ControlPort).Select(static name => new ConsolePortConfig(name))];
    }

    // Commands that come through a pipe are a script for a shell that is not interactive.
    private static GuestCommand? GuestCommandOf(RunRequest request, Image image, RunMode mode)
    {
        GuestNetwork[] networks = [.. request.Networks.Select(static n => n.Guest)];
        GuestShare[] shares = [.. request.Shares.Select((s, i) => new GuestShare($"share{i}", s.GuestPath, s.IsReadOnly))];
        Dictionary<string, string> variables = new(image.Manifest.Environment, StringComparer.Ordinal);
        foreach ((string name, string value) in request.Environment) variables[name] = value;
        GuestCommand command = new()
        {
            Arguments = request.Command ?? (mode == RunMode.PipedCommand ? ["sh"] : []),
            Networks = networks,
            Shares = shares,
            Environment = variables,
            WorkingDirectory = request.WorkingDirectory ?? "/",
        };
        if (mode == RunMode.PipedCommand) return command;
        Host.Terminal.TerminalSize size = TerminalSession.Size;
        if (!request.Environment.ContainsKey("TERM")) variables["TERM"] = Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } term ? term : "vt100";
        return command with { Terminal = true, Columns = size.Columns, Rows = size.Rows };
    }
}

/// <summary>Which of Doppel's own streams are terminals.</summary>
internal readonly record struct Terminals(bool Input, bool Output);
