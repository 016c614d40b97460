using System.Text;
using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.Host;
using Doppel.Images.Archives;
using Doppel.Shares;

namespace Doppel.Images;

/// <summary>An image on this host, ready to boot. Thread contract: immutable.</summary>
public sealed class Image
{
    /// <summary>
    /// Name of the port, in machines of <see cref="Configure"/>, that is the guest's terminal <c>hvc0</c>, on which a login shell runs.
    /// </summary>
    public const string ConsolePort = "doppel.console";

    // The guest's process 1 takes it, the last one, as the sign that all ports are there.
    private const string ControlPort = "doppel.control";
    private const string RawFormat = "raw";

    internal Image(ImageManifest manifest, string kernelPath, string initrdPath, string? diskPath = null)
    {
        DiskPath = diskPath;
        Manifest = manifest;
        KernelPath = kernelPath;
        InitrdPath = initrdPath;
    }

    /// <summary>What the image is and what it was made of.</summary>
    public ImageManifest Manifest { get; }

    /// <summary>Path of the kernel.</summary>
    public string KernelPath { get; }

    /// <summary>Path of the initial file system.</summary>
    public string InitrdPath { get; }

    /// <summary>
    /// Path of the root disk, a raw image, or null for an image that has none. Nobody writes to it: a machine's first disk is an overlay over it.
    /// </summary>
    public string? DiskPath { get; }

    /// <summary>
    /// The first disk of a machine whose changes to it are lost when it ends; null for an image without a root disk. For changes that stay, give the
    /// machine an overlay of <see cref="CreateOverlay(string)"/>.
    /// </summary>
    public DiskConfig? ThrowawayDisk => DiskPath is { } path ? new DiskConfig(path) { Format = RawFormat, Snapshot = true } : null;

    /// <summary>Makes a disk over the root disk that holds what a machine changes. It needs the image for as long as it is used.</summary>
    /// <param name="path">Path of a file that is not there yet.</param>
    /// <returns>The disk.</returns>
    /// <exception cref="ImageException">The image has no root disk, or the file cannot be written.</exception>
    public DiskConfig CreateOverlay(string path) => CreateOverlay(path, basePath: null);

    /// <summary>As the other method, with a name of its own for the root disk, by which the disk finds it whatever becomes of the image.</summary>
    /// <param name="path">Path of a file that is not there yet.</param>
    /// <param name="basePath">
    /// Path, in the same folder, that becomes another name of the root disk's file (a hard link); no space is used. Where that cannot be, on another
    /// file system for instance, and where it is null, the disk needs the image.
    /// </param>
    /// <returns>The disk.</returns>
    /// <exception cref="ImageException">The image has no root disk, or the file cannot be written.</exception>
    public DiskConfig CreateOverlay(string path, string? basePath)
    {
        if (DiskPath is null) throw new ImageException($"image {Manifest.Name} has no root disk");
        try
        {
            bool isLinked = basePath is not null && HostFileKind.TryLink(DiskPath, basePath);
            // A relative name, so that the folder may be moved.
            Qcow2Image.CreateOverlay(path, isLinked ? Path.GetFileName(basePath)! : DiskPath, RawFormat);
            return new DiskConfig(path) { Format = "qcow2" };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"cannot write the disk of a machine to {path}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Makes a machine one that boots this image: kernel, initial file system, root disk, a console port, and sockets for the guest's agent. Its
    /// networks are set up and its shares mounted when the agent answers.
    /// </summary>
    /// <param name="machine">Everything else of the machine. Its disks follow the root disk, its command line and archives those of the image.</param>
    /// <param name="rootDisk">The first disk, of <see cref="CreateOverlay(string)"/>; null for <see cref="ThrowawayDisk"/>.</param>
    /// <returns>The machine, for <see cref="VirtualMachine.StartAsync(VirtualMachineConfig, CancellationToken)"/>.</returns>
    public VirtualMachineConfig Configure(VirtualMachineConfig machine, DiskConfig? rootDisk = null)
    {
        ArgumentNullException.ThrowIfNull(machine);
        GuestCommand session = new()
        {
            Networks = [.. machine.Networks.Select(static n => GuestNetwork.Of(n.Kind))],
            Shares = [.. machine.Shares.Select((s, i) => new GuestShare(ShareRules.TagOf(machine.Shares, i), s.GuestPath, s.IsReadOnly))],
            Environment = Manifest.Environment,
        };
        return machine with
        {
            KernelPath = KernelPath,
            InitrdPath = InitrdPath,
            ExtraInitrds = [.. ExtraInitrds(session), .. machine.ExtraInitrds],
            CommandLine = $"{Manifest.CommandLine} {machine.CommandLine}".TrimEnd(),
            Disks = (rootDisk ?? ThrowawayDisk) is { } root ? [root, .. machine.Disks] : machine.Disks,
            ConsolePorts = [new(ConsolePort, IsConsole: true), .. machine.ConsolePorts, new(ControlPort)],
            Vsock = machine.Vsock ?? new VsockConfig(),
        };
    }

    /// <summary>
    /// Archives that follow <see cref="InitrdPath"/> in memory: this version's guest scripts where the cached ones are of another
    /// version (a later archive replaces files of an earlier one), and the command, if any.
    /// </summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> ExtraInitrds(GuestCommand? command)
    {
        var archives = new List<ReadOnlyMemory<byte>>();
        if (Manifest.GuestFiles != GuestFiles.Digest()) archives.Add(GuestFiles.ToInitrd());
        if (Manifest.Environment.Count > 0) archives.Add(AgentDefaults());
        if (command is not null) archives.Add(command.ToInitrd());
        return archives;
    }

    // What the guest's agent gives the programs that it runs: user and folder, of which an image says nothing, and the variables.
    private byte[] AgentDefaults()
    {
        string[] texts = ["", "", .. Manifest.Environment.OrderBy(static v => v.Key, StringComparer.Ordinal).Select(static v => $"{v.Key}={v.Value}")];
        var archive = new CpioArchive();
        archive.AddDirectory("doppel", 0x1C0);
        archive.AddFile("doppel/defaults", Encoding.UTF8.GetBytes(string.Concat(texts.Select(static t => t + '\0'))), 0x180);
        return archive.ToArray();
    }
}
