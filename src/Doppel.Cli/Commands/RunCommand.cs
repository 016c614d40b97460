using System.CommandLine;
using Doppel.Cli.Background;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Pulling;
using Doppel.Cli.Running;
using Doppel.Cli.Syntax;
using Doppel.Host.Terminal;
using Doppel.Images;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel run</c>.</summary>
internal static class RunCommand
{
    internal static Command Create(IReadOnlyList<string>? guestCommand)
    {
        DoppelCommand command = new("run", "Start a virtual machine and connect this terminal to it.")
        {
            Trailing = "COMMAND [ARGS...]",
            Examples =
            [
                ("doppel run", "a Debian shell; `poweroff` or Ctrl-A X ends it"),
                ("doppel run -- uname -m", "one command: prints riscv64 and exits with the command's status"),
                ("doppel run -it --rm -v .:/mnt -e LANG=C debian ls /mnt", "as container tools have it: behind an image the -- may be left out"),
                ("doppel run --disk data.img --disk tools.img,ro --memory 1G", "with two disks and more memory"),
                ("doppel run -d --name web", "in the background; `doppel exec web -- uname -a` reaches it"),
                ("doppel run --kernel Image --initrd root.cpio --append \"console=ttyS0\"", "a kernel of your own"),
                ("doppel run --bios fw_jump.bin --kernel u-boot.bin", "firmware of your own"),
                ("doppel run --bios none --kernel test.elf --timeout 10", "a bare-metal program"),
            ],
            Notes =
            [
                "Keys: Ctrl-A X quits, Ctrl-A H helps, Ctrl-A A sends Ctrl-A to the guest; all other keys, Ctrl-C too, go to the guest.",
                "Exit status: 0 the guest powered off; the status of the guest's command, or of a bare-metal program; 124 timeout; " +
                "2 wrong command line; 125 Doppel failed; 130 quit by Ctrl-A X; 128+N ended by signal N.",
            ],
        };
        RunSyntax syntax = new(command);
        command.SetAction((result, cancellation) => RunAsync(syntax.Read(result, guestCommand), cancellation));
        return command;
    }

    private static async Task<Image> GetImageAsync(string name, CancellationToken cancellation)
    {
        ImageStore store = ImageStore.OpenDefault();
        if (ImageStore.IsName(name) && store.Find(name) is { } found) return found;
        if (store.Available.Contains(name, StringComparer.Ordinal)) return await PullDisplay.GetAsync(store, name, cancellation);
        string names = string.Join(", ", store.Available.Concat(store.List().Select(static i => i.Manifest.Name)).Distinct(StringComparer.Ordinal));
        throw CliException.Usage($"there is no image {name}; there are: {names}", !ImageStore.IsName(name)
            ? "images of registries are not pulled; what `podman export` writes of one for linux/riscv64 `doppel image import - --name NAME` takes"
            : $"a command stands behind the image, as in `doppel run {ImageStore.DefaultImage} {name}`; `doppel image --help` tells how images are made");
    }

    // All machines of a user share by weight. Where that cannot be, it matters only to who has asked for it.
    private static CpuShareGroup? OpenShares(RunRequest request)
    {
        try
        {
            return MachineRegistry.Open().OpenShares();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CliException)
        {
            if (request.HasWeight) throw new CliException($"--cpu-weight: {e.Message}", $"set {MachineRegistry.StateVariable} to a folder of yours");
            return null;
        }
    }

    private static async Task<int> RunAsync(RunRequest request, CancellationToken cancellation)
    {
        if (request.Command is { Count: 0 }) throw CliException.Usage("the guest command after -- is missing", "for instance `doppel run -- uname -m`");
        bool needsImage = request.Image is not null || request.Kernel is null;
        Image? image = needsImage ? await GetImageAsync(request.Image ?? ImageStore.DefaultImage, cancellation) : null;
        Terminals terminals = new(HostTerminal.IsTerminal(0), HostTerminal.IsTerminal(1));
        MachinePlan plan = MachinePlan.For(request with { CpuShare = request.CpuShare with { Group = OpenShares(request) } }, image, terminals);
        if (request.Name is { } name) MachineRegistry.CheckName("--name", name);
        if (BackgroundLaunch.OwnFolder is { } own) return await BackgroundRun.RunAsync(plan.WithLastingRoot(image, own), request, own);
        if (!request.IsNamed) return await RunSession.RunAsync(plan, request, folder: null);
        if (request is { Replace: true, Name: { } former } && MachineRegistry.Open().TryFind(former) is { } there)
            await LifeCommands.RemoveAsync(there, force: true, cancellation);
        MachineFolder folder = MachineRegistry.Open().Create(BackgroundLaunch.Record(plan, request));
        return request.Detach ? await BackgroundLaunch.RunAsync(folder, cancellation)
            : await RunSession.RunAsync(plan.WithLastingRoot(image, folder), request, folder);
    }
}
