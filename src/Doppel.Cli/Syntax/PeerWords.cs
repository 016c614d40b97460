namespace Doppel.Cli.Syntax;

/// <summary>What people type who come from other virtual machines and from container tools, and what it is here. A table.</summary>
internal static class PeerWords
{
    private const string OwnKernel = "leave it out, the guest has a kernel of its own";

    private static readonly (string Words, string Remedy)[] s_options =
    [
        ("-drive -hda -hdb -hdc -hdd -blockdev -cdrom", "a disk is `--disk FILE`, or `--disk FILE,ro`"),
        ("-snapshot",                                   "per disk, as in `--disk FILE,snapshot=on`"),
        ("-nic -netdev",                                "there is a network anyway; ports are `--publish 8080:80`, other networks `--network KIND`"),
        ("-virtfs -fsdev --mount",                      "a folder of the host is `--share FOLDER:/mnt`"),
        ("-nographic -display -curses -vga -monitor",   "leave it out, this terminal is the guest's console"),
        ("-chardev",                                    "the serial port is `--serial file:FILE`, or `--serial socket:PATH`"),
        ("-device -object --device",                    "devices come with what they are for: `--disk`, `--network`, `--share`"),
        ("-M -machine -cpu --platform --arch",          "leave it out, there is one machine: riscv-virt with a 64-bit RISC-V processor"),
        ("-accel -enable-kvm",                          "leave it out, or choose with `--engine jit|interp`"),
        ("-daemonize",                                  "in the background is `-d --name NAME`"),
        ("-icount",                                     "time counted in instructions is `--time icount`"),
        ("--user -u",                                   "commands of `run` are root's; `doppel exec -u USER NAME COMMAND` runs one as somebody else"),
        ("--entrypoint",                                "the command stands behind the image, as in `doppel run debian uname -a`"),
        ("--hostname",                                  "the guest's name is doppel; `hostname NAME` in it gives it another one"),
        ("--cpuset-cpus",                               "`--pin 0-1`"),
        ("--cpu-shares",                                "`--cpu-weight 200`, where 100 is the weight of others"),
        ("--dns",                                       "`--network user,dns=ADDRESS`"),
        ("--privileged --cap-add --cap-drop --security-opt --init --userns", OwnKernel),
    ];

    private static readonly (string Words, string Remedy)[] s_commands =
    [
        ("pull",                     "`doppel image pull debian --packages python3`"),
        ("build",                    "`doppel image build -f FILE --name NAME`"),
        ("import load",              "`doppel image import FILE`"),
        ("images",                   "`doppel image list`"),
        ("rmi",                      "`doppel image rm IMAGE`"),
        ("tag",                      "`doppel image tag IMAGE NAME`"),
        ("history save",             "`doppel image --help` lists what is done with images"),
        ("create up",                "`doppel run -d --name NAME IMAGE` starts a machine"),
        ("unpause",                  "`doppel resume NAME`"),
        ("list ls status",           "`doppel ps -a`"),
        ("shell ssh enter console",  "`doppel exec -it NAME sh`, or `doppel attach NAME`"),
        ("delete destroy remove",    "`doppel rm -f NAME`"),
        ("info",                     "`doppel doctor`, and `doppel inspect NAME`"),
        ("version",                  "`doppel --version`"),
    ];

    private static readonly (string Words, string Remedy)[] s_imageCommands =
    [
        ("create fetch",     "`doppel image pull`, `build` or `import`"),
        ("load",             "`doppel image import FILE` takes a root file system; of a container, what `podman export` writes"),
        ("delete remove",    "`doppel image rm IMAGE`"),
        ("history show",     "`doppel image inspect IMAGE`"),
        ("save push export", "an image's root is what `doppel run IMAGE -- tar -C / --one-file-system -c .` writes, and `doppel image import` takes"),
        ("verify",           "`doppel image check IMAGE`"),
    ];

    /// <summary>What to type in the place of a word that a command does not know; null if nothing is known of it either.</summary>
    /// <param name="word">The word.</param>
    /// <param name="command">Name of the command, <c>doppel</c> for none.</param>
    internal static string? Remedy(string word, string command)
    {
        (string Words, string Remedy)[] table = command switch { "run" => s_options, "doppel" => s_commands, "image" => s_imageCommands, _ => [] };
        string name = word.Split('=')[0];
        return Array.Find(table, row => row.Words.Split(' ').Contains(name, StringComparer.Ordinal)).Remedy;
    }
}
