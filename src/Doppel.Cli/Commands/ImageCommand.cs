using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;
using Doppel.Images;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel image</c>.</summary>
internal static class ImageCommand
{
    internal static Command Create()
    {
        DoppelCommand command = new("image", "Pull, build, list, inspect, check, name and remove guest images.")
        {
            Examples = [("doppel image pull", "fetch Debian, or bring it up to date"), ("doppel image pull debian --packages python3", "a Debian with Python on a disk"), ("doppel image list", "what is on this host")],
            Notes = ["Images are kept in $DOPPEL_CACHE, else $XDG_CACHE_HOME/doppel, else ~/.cache/doppel."],
        };
        command.Subcommands.Add(ImageBuildCommands.CreatePull());
        command.Subcommands.Add(ImageBuildCommands.CreateBuild());
        command.Subcommands.Add(ImageBuildCommands.CreateImport());
        command.Subcommands.Add(List());
        command.Subcommands.Add(Inspect());
        command.Subcommands.Add(Check());
        command.Subcommands.Add(Tag());
        command.Subcommands.Add(Remove());
        command.Subcommands.Add(Prune());
        return command;
    }

    private static DoppelCommand List()
    {
        DoppelCommand command = new("list", "List the images on this host.") { Aliases = { "ls" }, Examples = [("doppel image list --json", "for a script")] };
        Option<bool> quiet = new("--quiet", "-q") { Description = "Print names only" };
        Option<bool> json = Json();
        command.Options.Add(quiet);
        command.Options.Add(json);
        command.SetAction(result =>
        {
            IReadOnlyList<Image> images = ImageStore.OpenDefault().List();
            if (result.GetValue(json)) PrintJson(images);
            else if (result.GetValue(quiet)) result.InvocationConfiguration.Output.Write(string.Concat(images.Select(static i => i.Manifest.Name + "\n")));
            else PrintLines(images, result.InvocationConfiguration.Output);
            return ExitStatus.Success;
        });
        return command;
    }

    private static DoppelCommand Inspect()
    {
        DoppelCommand command = new("inspect", "Show what an image is made of.") { Examples = [("doppel image inspect debian --json", "for a script")] };
        Argument<string?> name = Name(ArgumentArity.ExactlyOne, "Image to show");
        Option<bool> json = Json();
        command.Arguments.Add(name);
        command.Options.Add(json);
        command.SetAction(result =>
        {
            Image image = ImageStore.OpenDefault().Find(result.GetValue(name)!) ?? throw Missing(result.GetValue(name)!);
            TextWriter output = result.InvocationConfiguration.Output;
            if (result.GetValue(json)) output.Write(image.Manifest.ToJson());
            else PrintDetails(image, output);
            return ExitStatus.Success;
        });
        return command;
    }

    private static DoppelCommand Check()
    {
        DoppelCommand command = new("check", "Read all files of an image and compare them with their digests.") { Examples = [("doppel image check debian", "exit status 125 if a file is damaged")] };
        Argument<string?> name = Name(ArgumentArity.ExactlyOne, "Image to check");
        command.Arguments.Add(name);
        command.SetAction(async (result, cancellation) =>
        {
            string wanted = result.GetValue(name)!;
            Image image = ImageStore.OpenDefault().Find(wanted) ?? throw Missing(wanted);
            if (!await ImageStore.OpenDefault().VerifyAsync(image, cancellation))
                throw new CliException($"image {wanted} is damaged: a file is not what was stored", $"remove it with `doppel image rm {wanted}`, and pull or build it again");
            result.InvocationConfiguration.Output.WriteLine($"{wanted}: sound");
            return ExitStatus.Success;
        });
        return command;
    }

    private static DoppelCommand Tag()
    {
        DoppelCommand command = new("tag", "Give an image one more name.") { Examples = [("doppel image tag python python-stable", "keeps this one when python is made anew")] };
        Argument<string?> name = Name(ArgumentArity.ExactlyOne, "Image that is there");
        Argument<string> other = new("NAME") { Description = "Its other name" };
        command.Arguments.Add(name);
        command.Arguments.Add(other);
        command.SetAction(async (result, cancellation) =>
        {
            await ImageStore.OpenDefault().TagAsync(result.GetValue(name)!, result.GetValue(other)!, cancellation);
            return ExitStatus.Success;
        });
        return command;
    }

    private static DoppelCommand Remove()
    {
        DoppelCommand command = new("rm", "Remove images.")
        {
            Examples = [("doppel image rm debian", "its files go if no other image needs them"), ("doppel image rm -f app", "though a machine of it runs")],
        };
        Argument<string[]> names = new("IMAGE") { Arity = ArgumentArity.OneOrMore, Description = "Images to remove" };
        names.CompletionSources.Add("debian");
        Option<bool> force = new("--force", "-f") { Description = "Remove one that a running machine was started from; its guest can not reboot then" };
        command.Arguments.Add(names);
        command.Options.Add(force);
        command.SetAction(async (result, cancellation) =>
        {
            int status = ExitStatus.Success;
            foreach (string name in result.GetValue(names)!)
            {
                try
                {
                    await RemoveAsync(name, result.GetValue(force), cancellation);
                }
                catch (Exception e) when (e is CliException or ImageException)
                {
                    status = ErrorMessage.For(e)!.Print();
                }
            }
            return status;
        });
        return command;
    }

    private static async Task RemoveAsync(string name, bool force, CancellationToken cancellation)
    {
        MachineFolder? user = force ? null : MachineRegistry.Open().List().FirstOrDefault(m => m.ReadRecord()?.Image == name && !m.ReadState().IsOver);
        if (user is not null) throw new CliException($"machine {user.Name} runs from image {name}", $"stop it with `doppel stop {user.Name}`, or add -f");
        if (!await ImageStore.OpenDefault().RemoveAsync(name, cancellation)) throw Missing(name);
    }

    private static DoppelCommand Prune()
    {
        DoppelCommand command = new("prune", "Delete what no image needs: downloads, and what pulls and builds that were stopped have left.")
        {
            Examples = [("doppel image prune", "says how much that was")],
        };
        command.SetAction(async (result, cancellation) =>
        {
            result.InvocationConfiguration.Output.WriteLine($"{Sizes.Bytes(await ImageStore.OpenDefault().PruneAsync(cancellation))} freed");
            return ExitStatus.Success;
        });
        return command;
    }

    private static Argument<string?> Name(ArgumentArity arity, string description)
    {
        Argument<string?> name = new("IMAGE") { Arity = arity, Description = description };
        name.CompletionSources.Add("debian");
        return name;
    }

    private static Option<bool> Json() => new("--json") { Description = "Print JSON" };

    private static CliException Missing(string name) => new($"image {name} is not on this host", $"fetch it with `doppel image pull {name}`");

    internal static long SizeOf(Image image) => image.Manifest.Kernel.Size + image.Manifest.Initrd.Size + (image.Manifest.Disk?.Stored ?? 0);

    private static string Date(Image image) => image.Manifest.Created.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static void PrintLines(IReadOnlyList<Image> images, TextWriter output)
    {
        if (images.Count == 0) Console.Error.WriteLine("doppel: no image yet; fetch one with `doppel image pull`");
        foreach (Image image in images)
            output.WriteLine($"{image.Manifest.Name,-12} {image.Manifest.Architecture,-10} {Sizes.Bytes(SizeOf(image)),10}  {Date(image)}  {image.Manifest.Description}");
    }

    private static void PrintDetails(Image image, TextWriter output)
    {
        ImageManifest manifest = image.Manifest;
        output.WriteLine($"{manifest.Name}: {manifest.Description}");
        output.WriteLine($"architecture  {manifest.Architecture}");
        output.WriteLine($"created       {manifest.Created:u}");
        output.WriteLine($"kernel        {Sizes.Bytes(manifest.Kernel.Size)}  {image.KernelPath}");
        output.WriteLine($"initrd        {Sizes.Bytes(manifest.Initrd.Size)}  {image.InitrdPath}");
        if (manifest.Disk is { } disk) output.WriteLine($"disk          {Sizes.Bytes(disk.Size)}, {Sizes.Bytes(disk.Stored)} on the host  {image.DiskPath}");
        output.WriteLine($"command line  {manifest.CommandLine}");
        foreach ((string name, string value) in manifest.Environment) output.WriteLine($"variable      {name}={value}");
        foreach (string step in manifest.Steps) output.WriteLine($"step          {step}");
        output.WriteLine($"packages      {manifest.Packages.Count}");
        foreach (ImagePackage package in manifest.Packages) output.WriteLine($"  {package.Name} {package.Version}");
    }

    private static void PrintJson(IReadOnlyList<Image> images)
    {
        using Stream output = Console.OpenStandardOutput();
        using (Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartArray();
            foreach (Image image in images)
            {
                json.WriteStartObject();
                json.WriteString("name", image.Manifest.Name);
                json.WriteString("description", image.Manifest.Description);
                json.WriteString("architecture", image.Manifest.Architecture);
                json.WriteString("created", image.Manifest.Created);
                json.WriteNumber("bytes", SizeOf(image));
                json.WriteString("kernel", image.KernelPath);
                json.WriteString("initrd", image.InitrdPath);
                if (image.DiskPath is { } disk) json.WriteString("disk", disk);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        output.Write("\n"u8);
    }
}
