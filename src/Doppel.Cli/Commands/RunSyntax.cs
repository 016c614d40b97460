using System.CommandLine;
using System.CommandLine.Parsing;
using Doppel.Cli.Running;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary>The options of <c>doppel run</c>, and how they are read.</summary>
internal sealed class RunSyntax
{
    private readonly Argument<string?> _image = new("IMAGE")
    {
        Description = "Guest image; pulled on first use. Without one, and without --kernel, it is debian.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string> _engine = OneOf("--engine", "ENGINE", "What executes the guest's processors", "auto", "interp", "jit");

    private readonly TranslatorSyntax _translator = new();
    private readonly NetworkOptions _network = new();

    private readonly Option<ulong> _memory = new("--memory", "-m")
    {
        HelpName = "SIZE",
        Description = $"Guest memory, {MemorySize.Example}; a plain number counts MiB [default: 512M]",
        CustomParser = ParseMemory,
        DefaultValueFactory = static _ => 512UL << 20,
    };

    private readonly Option<string> _balloon = OneOf("--balloon", "CHOICE", "Give memory that the guest does not use back to the host (virtio-balloon)", "on", "off");

    private readonly Option<int> _cpus = new("--cpus", "-c", "-smp")
    {
        HelpName = "N",
        Description = "Number of virtual processors [default: 1]",
        CustomParser = ParseCpus,
        DefaultValueFactory = static _ => 1,
    };

    private readonly CpuOptions _cpuShare = new();
    private readonly Option<string?> _kernel = File("--kernel", "Kernel or program to run: Linux Image, ELF or flat binary", "-k");
    private readonly Option<string?> _initrd = File("--initrd", "Initial RAM disk for the kernel");
    private readonly Option<string?> _append = new("--append") { HelpName = "TEXT", Description = "Kernel command line; with an image, added to the image's own" };
    private readonly Option<string?> _dtb = File("--dtb", "Device tree to use in place of the generated one");

    private readonly Option<string> _bios = new("--bios")
    {
        HelpName = "builtin|none|FILE",
        DefaultValueFactory = static _ => "builtin",
        Description = "Firmware: Doppel's own SBI, none (the kernel starts in M-mode), or a file such as OpenSBI",
    };

    private readonly Option<DiskConfig[]> _disks = new("--disk")
    {
        HelpName = "FILE[,ro][,KEY=VALUE...]",
        Description = "Disk image as a virtio disk; may be given several times. cache=, discard=, serial=, iops=, bps= and more: see docs/disks.md",
        CustomParser = ParseDisks,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<SharedFolder[]> _shares = new("--share", "--volume", "-v")
    {
        HelpName = "FOLDER:GUEST[,ro]",
        Description = "Folder of the host that the guest sees at a path of its own, for instance .:/mnt; may be given several times",
        CustomParser = ParseShares,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<SerialConfig?> _serial = new("--serial")
    {
        HelpName = "stdio|null|file:FILE|socket:PATH",
        CustomParser = ParseSerial,
        Description = "Where the serial port goes [default: stdio; null for a guest command, unless --verbose]",
    };

    private readonly Option<string> _time = OneOf("--time", "POLICY", "Guest time follows the clock (real), or is counted in instructions and repeats exactly (icount)", "real", "icount");

    private readonly Option<TimeSpan?> _timeout = new("--timeout", "-t")
    {
        HelpName = "SECONDS",
        Description = "Stop the machine after this time, with exit status 124; 90, 1.5, 2m, 1h",
        CustomParser = ParseTimeout,
    };

    private readonly Option<string[]> _variables = new("--env", "-e")
    {
        HelpName = "NAME[=VALUE]",
        Description = "Set a variable for the guest command or shell, or hand the host's on; may be given several times",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string[]> _variableFiles = new("--env-file")
    {
        HelpName = "FILE",
        Description = "Set the variables in a file, a line each",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string?> _folder = new("--workdir", "-w") { HelpName = "PATH", Description = "Folder of the guest to start in [default: /]" };
    private readonly NamingSyntax _naming = new();
    private readonly Option<bool> _stats = new("--stats") { Description = "Print counters and times on standard error at the end" };
    private readonly Option<bool> _json = new("--json") { Description = "Print the statistics as JSON" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "Show the boot on standard error when a guest command runs" };

    internal RunSyntax(Command command)
    {
        command.Arguments.Add(_image);
        // As the help page shows them: what people want every day first, what few look for last.
        Option[] options =
        [
            .. _naming.Options, _variables, _variableFiles, _folder, _shares, _disks, .. _network.All, _memory, _balloon, _cpus, .. _cpuShare.All,
            _kernel, _initrd, _append, _dtb, _bios, _serial, _time, _timeout, _engine, .. _translator.Options, _stats, _json, _verbose,
        ];
        foreach (Option option in options) command.Options.Add(option);
        _image.CompletionSources.Add("debian");
        _bios.CompletionSources.Add("builtin", "none");
        _serial.CompletionSources.Add("stdio", "null", "file:", "socket:");
    }

    internal RunRequest Read(ParseResult result, IReadOnlyList<string>? guestCommand) => _naming.Apply(ReadMachine(result, guestCommand), result);

    private RunRequest ReadMachine(ParseResult result, IReadOnlyList<string>? guestCommand) => new()
    {
        Image = result.GetValue(_image),
        Engine = result.GetValue(_engine)!,
        Translator = _translator.Read(result),
        TraceFile = _translator.TraceOf(result),
        PerfMap = _translator.Maps(result),
        MemoryBytes = result.GetValue(_memory),
        Balloon = result.GetValue(_balloon) == "on",
        Cpus = result.GetValue(_cpus),
        CpuShare = _cpuShare.Read(result),
        HasWeight = _cpuShare.HasWeight(result),
        Kernel = result.GetValue(_kernel),
        Initrd = result.GetValue(_initrd),
        Append = result.GetValue(_append),
        Dtb = result.GetValue(_dtb),
        Bios = result.GetValue(_bios)!,
        Disks = result.GetValue(_disks) ?? [],
        Shares = result.GetValue(_shares) ?? [],
        Environment = ExecVariables.ReadNamed(result.GetValue(_variableFiles) ?? [], result.GetValue(_variables) ?? []),
        WorkingDirectory = result.GetValue(_folder),
        Serial = result.GetValue(_serial),
        Networks = _network.Read(result, mustRepeat: CountsInstructions(result)),
        InstructionCountTime = CountsInstructions(result),
        Timeout = result.GetValue(_timeout),
        Stats = result.GetValue(_stats),
        Json = result.GetValue(_json),
        Verbose = result.GetValue(_verbose),
        Command = guestCommand,
    };

    // Verification counts time in instructions unless that is denied it; then the validator says what to do.
    private bool CountsInstructions(ParseResult result)
        => result.GetValue(_time) == "icount" || (_translator.Verifies(result) && result.GetResult(_time) is null or { Implicit: true });

    private static Option<string> OneOf(string name, string valueName, string description, params string[] values)
    {
        Option<string> option = new(name) { HelpName = string.Join('|', values), Description = description, DefaultValueFactory = _ => values[0] };
        option.CompletionSources.Add(values);
        option.Validators.Add(result =>
        {
            string? value = result.Tokens.Count == 1 ? result.Tokens[0].Value : null;
            if (value is not null && !values.Contains(value, StringComparer.Ordinal))
                result.AddError($"{name} {value}: no such {valueName.ToLowerInvariant()}; it is one of {string.Join(", ", values)}");
        });
        return option;
    }

    private static Option<string?> File(string name, string description, params string[] aliases)
        => new(name, aliases) { HelpName = "FILE", Description = description };

    private static ulong ParseMemory(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (!MemorySize.TryParse(text, out ulong bytes)) result.AddError($"--memory {text}: not an amount of memory, {MemorySize.Example}");
        return bytes;
    }

    private static int ParseCpus(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (!int.TryParse(text, out int cpus) || cpus < 1) result.AddError($"--cpus {text}: not a number of processors, for instance 2{(text.Contains('.') ? "; for a part of one add --cpu-limit 50%" : "")}");
        return cpus;
    }

    private static TimeSpan? ParseTimeout(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (!Duration.TryParse(text, out TimeSpan timeout)) result.AddError($"--timeout {text}: not a time, for instance 90 (seconds), 1.5 or 2m; a terminal needs no option");
        return timeout;
    }

    private static DiskConfig[] ParseDisks(ArgumentResult result)
    {
        DiskConfig?[] disks = new DiskConfig?[result.Tokens.Count];
        for (int i = 0; i < disks.Length; i++)
        {
            disks[i] = DiskSyntax.TryParse(result.Tokens[i].Value, out string problem);
            if (disks[i] is null) result.AddError($"--disk {result.Tokens[i].Value}: {problem}");
        }
        return disks!;
    }

    private static SharedFolder[] ParseShares(ArgumentResult result)
    {
        List<SharedFolder> shares = [];
        foreach (Token token in result.Tokens)
        {
            if (ShareSyntax.TryParse(token.Value, out string problem) is { } share) shares.Add(share);
            else result.AddError($"--share {token.Value}: {problem}");
        }
        return [.. shares];
    }

    private static SerialConfig? ParseSerial(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        SerialConfig? serial = SerialSyntax.TryParse(text);
        if (serial is null) result.AddError($"--serial {text}: it is stdio, null, file:FILE or socket:PATH");
        return serial;
    }
}
