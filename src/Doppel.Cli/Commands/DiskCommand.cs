using System.CommandLine;
using Doppel.Cli.Disks;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;
using Doppel.Disks;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel disk</c>.</summary>
internal static class DiskCommand
{
    // As `qemu-img check` has it, so that scripts can tell.
    private const int Corrupt = 2, Leaking = 3;

    internal static Command Create()
    {
        DoppelCommand command = new("disk", "Make, inspect, check, convert, resize, commit and rebase disk images.")
        {
            Examples =
            [
                ("doppel disk create -f qcow2 data.qcow2 20G", "an empty disk that takes space as it is filled"),
                ("doppel disk info data.qcow2", "what an image is"),
            ],
            Notes =
            [
                "Formats: raw and qcow2; vpc (VHD), vmdk and vdi can be read. Without a format the ending of the file's name decides, "
                    + "and all that is not known is raw.",
            ],
        };
        command.Subcommands.Add(New());
        command.Subcommands.Add(Info());
        command.Subcommands.Add(Check());
        command.Subcommands.Add(Convert());
        command.Subcommands.Add(Resize());
        command.Subcommands.Add(Commit());
        command.Subcommands.Add(Rebase());
        command.Subcommands.Add(Map());
        return command;
    }

    private static DoppelCommand New()
    {
        DoppelCommand command = new("create", "Make an empty image.")
        {
            Examples =
            [
                ("doppel disk create -f qcow2 data.qcow2 20G", "an empty disk of 20 GiB"),
                ("doppel disk create -f qcow2 -b base.qcow2 -F qcow2 mine.qcow2", "an overlay: base.qcow2 stays as it is"),
            ],
        };
        Argument<string> file = File("FILE", "Image to make");
        Argument<string?> size = new("SIZE")
        {
            Arity = ArgumentArity.ZeroOrOne,
            Description = "Size of the disk, as in 20G; with -b, that of the backing file if none is given",
        };
        Option<string?> format = Text("--format", "-f", "FORMAT", "qcow2 or raw; without it, as the file's name ends");
        Option<string?> backing = Text("--backing", "-b", "FILE",
            "Image below, which is read where the new one has nothing; relative to the new image's folder");
        Option<string?> backingFormat = Text("--backing-format", "-F", "FORMAT", "Format of the image below");
        Option<string?> options = Creation();
        Option<bool> force = Force();
        foreach (Argument argument in (Argument[])[file, size]) command.Arguments.Add(argument);
        foreach (Option option in (Option[])[format, backing, backingFormat, options, force]) command.Options.Add(option);
        command.SetAction(result =>
        {
            string path = result.GetValue(file)!;
            if (result.GetValue(size) is null && result.GetValue(backing) is null)
                throw CliException.Usage("the size is missing", $"for instance `doppel disk create {path} 20G`");
            DiskCreation plain = new(result.GetValue(format) ?? DiskImages.FormatOfNew(path)) { Replace = result.GetValue(force) };
            DiskCreation creation = DiskOptions.Apply(plain, result.GetValue(options));
            DiskImages.Create(path, creation with
            {
                Size = result.GetValue(size) is { } typed ? DiskOptions.Size(typed) : null,
                Backing = result.GetValue(backing),
                BackingFormat = result.GetValue(backingFormat),
            });
            return ExitStatus.Success;
        });
        return command;
    }

    private static DoppelCommand Info()
    {
        DoppelCommand command = new("info", "Show what an image is.")
        {
            Examples =
            [
                ("doppel disk info --backing-chain mine.qcow2", "with all images below it"),
                ("doppel disk info --json mine.qcow2", "for a script"),
            ],
        };
        Argument<string> file = File("FILE", "Image to show");
        Option<string?> format = Format();
        Option<bool> chain = new("--backing-chain") { Description = "Show the images below too" }, json = Json();
        command.Arguments.Add(file);
        foreach (Option option in (Option[])[format, chain, json]) command.Options.Add(option);
        command.SetAction(result =>
        {
            (string path, string? kind) = (result.GetValue(file)!, result.GetValue(format));
            IReadOnlyList<DiskInformation> images = result.GetValue(chain)
                ? DiskImages.InspectChain(path, kind)
                : [DiskImages.Inspect(path, kind)];
            if (result.GetValue(json)) PrintJson(output => DiskReport.PrintJson(images, result.GetValue(chain), output));
            TextWriter output = result.InvocationConfiguration.Output;
            for (int i = 0; i < images.Count && !result.GetValue(json); i++)
            {
                if (i > 0) output.WriteLine();
                DiskReport.Print(images[i], output);
            }
            return ExitStatus.Success;
        });
        return command;
    }

    private static DoppelCommand Check()
    {
        DoppelCommand command = new("check", "Check whether the tables of a qcow2 image agree.")
        {
            Examples = [("doppel disk check data.qcow2", "look"), ("doppel disk check --repair data.qcow2", "mend what can be mended")],
            Notes = ["Exit status: 0 if all is well, 2 if the image is damaged, 3 if it only has clusters that are lost space."],
        };
        Argument<string> file = File("FILE", "Image to check");
        Option<string?> format = Format();
        Option<bool> repair = new("--repair", "-r") { Description = "Mend what can be mended; a copy made before is a good idea" };
        Option<bool> json = Json();
        command.Arguments.Add(file);
        foreach (Option option in (Option[])[format, repair, json]) command.Options.Add(option);
        command.SetAction(result =>
        {
            string path = result.GetValue(file)!;
            DiskCheck check = DiskImages.Check(path, result.GetValue(format), result.GetValue(repair));
            TextWriter output = result.InvocationConfiguration.Output;
            if (result.GetValue(json)) PrintJson(stream => DiskReport.PrintJson(path, check, stream));
            else PrintCheck(path, check, output);
            return check.Corruptions > 0 ? Corrupt : check.Leaks > 0 ? Leaking : ExitStatus.Success;
        });
        return command;
    }

    private static DoppelCommand Convert()
    {
        DoppelCommand command = new("convert", "Copy a disk to a new image, with all images below it.")
        {
            Examples =
            [
                ("doppel disk convert -O qcow2 -c data.img data.qcow2", "a raw image to a compressed one"),
                ("doppel disk convert -O raw data.qcow2 data.img", "and back"),
            ],
        };
        Argument<string> source = File("SOURCE", "Image to copy"), target = File("TARGET", "Image to make");
        Option<string?> targetFormat = Text("--target-format", "-O", "FORMAT", "qcow2 or raw; without it, as the file's name ends");
        Option<string?> format = Format(), options = Creation();
        Option<bool> compress = new("--compress", "-c") { Description = "Compress a qcow2 image" }, force = Force();
        foreach (Argument argument in (Argument[])[source, target]) command.Arguments.Add(argument);
        foreach (Option option in (Option[])[format, targetFormat, compress, options, force]) command.Options.Add(option);
        command.SetAction((result, cancellation) =>
        {
            (string from, string to) = (result.GetValue(source)!, result.GetValue(target)!);
            DiskCreation plain = new(result.GetValue(targetFormat) ?? DiskImages.FormatOfNew(to))
            {
                Compress = result.GetValue(compress),
                Replace = result.GetValue(force),
            };
            DiskCreation creation = DiskOptions.Apply(plain, result.GetValue(options));
            if (Path.GetFullPath(from) == Path.GetFullPath(to)) throw CliException.Usage("an image can not be converted to itself");
            DiskProgress.Show($"converting {from}", progress
                => DiskImages.Convert(from, result.GetValue(format), to, creation, progress, cancellation));
            return Task.FromResult(ExitStatus.Success);
        });
        return command;
    }

    private static DoppelCommand Resize()
    {
        DoppelCommand command = new("resize", "Change the size of a disk.")
        {
            Examples =
            [
                ("doppel disk resize data.qcow2 +10G", "10 GiB more"),
                ("doppel disk resize --shrink data.qcow2 5G", "less; what is behind is lost"),
            ],
            Notes = ["Enlarge the file system in the guest afterwards (resize2fs), or make it smaller before."],
        };
        Argument<string> file = File("FILE", "Image"), size = File("SIZE", "New size, as in 20G, or +SIZE for so much more");
        Option<string?> format = Format();
        Option<bool> shrink = new("--shrink") { Description = "Allow that the end of the disk is lost" };
        command.Arguments.Add(file);
        command.Arguments.Add(size);
        command.Options.Add(format);
        command.Options.Add(shrink);
        command.SetAction(result =>
        {
            string typed = result.GetValue(size)!;
            long bytes = DiskOptions.Size(typed.TrimStart('+'));
            Func<long, long> change = typed.StartsWith('+') ? old => old + Math.Min(bytes, long.MaxValue - old) / 512 * 512 : _ => bytes;
            long now = DiskImages.Resize(result.GetValue(file)!, result.GetValue(format), change, result.GetValue(shrink));
            result.InvocationConfiguration.Output.WriteLine($"{result.GetValue(file)}: {Sizes.Bytes(now)}");
            return ExitStatus.Success;
        });
        return command;
    }

    private static DoppelCommand Commit()
    {
        DoppelCommand command = new("commit", "Write what an overlay has into the image below it, and empty the overlay.")
        {
            Examples = [("doppel disk commit mine.qcow2", "keep the changes for good")],
        };
        Argument<string> file = File("FILE", "Overlay");
        Option<string?> format = Format();
        command.Arguments.Add(file);
        command.Options.Add(format);
        command.SetAction((result, cancellation) =>
        {
            string below = "";
            DiskProgress.Show($"committing {result.GetValue(file)}",
                progress => below = DiskImages.Commit(result.GetValue(file)!, result.GetValue(format), progress, cancellation));
            result.InvocationConfiguration.Output.WriteLine($"written to {below}");
            return Task.FromResult(ExitStatus.Success);
        });
        return command;
    }

    private static DoppelCommand Rebase()
    {
        DoppelCommand command = new("rebase", "Put an overlay over another image.")
        {
            Examples =
            [
                ("doppel disk rebase -b base2.qcow2 mine.qcow2", "what differs is copied, so the overlay reads as before"),
                ("doppel disk rebase -u -b moved/base.qcow2 mine.qcow2", "only record where the image below is now"),
                ("doppel disk rebase mine.qcow2", "over none"),
            ],
        };
        Argument<string> file = File("FILE", "Overlay");
        Option<string?> backing = Text("--backing", "-b", "FILE",
            "Image to put it over, relative to the overlay's folder; none without it");
        Option<string?> backingFormat = Text("--backing-format", "-F", "FORMAT", "Format of that image");
        Option<bool> only = new("--unsafe", "-u") { Description = "Copy nothing: the other image has the same content" };
        command.Arguments.Add(file);
        foreach (Option option in (Option[])[backing, backingFormat, only]) command.Options.Add(option);
        command.SetAction((result, cancellation) =>
        {
            (string path, string? below, string? format) = (result.GetValue(file)!, result.GetValue(backing), result.GetValue(backingFormat));
            DiskProgress.Show($"rebasing {path}", progress
                => DiskImages.Rebase(path, below, format, !result.GetValue(only), progress, cancellation));
            return Task.FromResult(ExitStatus.Success);
        });
        return command;
    }

    private static DoppelCommand Map()
    {
        DoppelCommand command = new("map", "Show where a disk has its data.")
        {
            Examples = [("doppel disk map --json data.qcow2", "for a script")],
        };
        Argument<string> file = File("FILE", "Image");
        Option<string?> format = Format();
        Option<bool> json = Json();
        command.Arguments.Add(file);
        command.Options.Add(format);
        command.Options.Add(json);
        command.SetAction(result =>
        {
            IEnumerable<DiskExtent> extents = DiskImages.Map(result.GetValue(file)!, result.GetValue(format));
            if (result.GetValue(json)) PrintJson(stream => DiskReport.PrintJson(extents, stream));
            else PrintMap(extents, result.InvocationConfiguration.Output);
            return ExitStatus.Success;
        });
        return command;
    }

    private static void PrintMap(IEnumerable<DiskExtent> extents, TextWriter output)
    {
        foreach (DiskExtent e in extents)
            output.WriteLine($"{e.Start,16} {e.Length,16} {(e.IsZero ? "zero" : "data")}{(e.Depth > 0 ? $" {e.Depth} below" : "")}");
    }

    private static void PrintCheck(string path, DiskCheck check, TextWriter output)
    {
        foreach (string problem in check.Problems) output.WriteLine(problem);
        bool isClean = check is { Corruptions: 0, Leaks: 0 };
        output.WriteLine(isClean ? $"{path}: no problems" : $"{path}: {check.Corruptions} corruptions, {check.Leaks} clusters lost");
        (long allocated, long total, long compressed) = (check.AllocatedClusters, check.TotalClusters, check.CompressedClusters);
        output.WriteLine($"{allocated} of {total} clusters allocated, {compressed} of them compressed");
    }

    private static void PrintJson(Action<Stream> print)
    {
        using Stream output = Console.OpenStandardOutput();
        print(output);
    }

    private static Argument<string> File(string name, string description) => new(name) { Description = description };

    private static Option<string?> Text(string name, string alias, string value, string description)
        => new(name, alias) { HelpName = value, Description = description };

    private static Option<string?> Format() => Text("--format", "-f", "FORMAT", "Its format; without it, as the file's name ends");

    private static Option<string?> Creation()
        => Text("--options", "-o", "LIST", "For qcow2, with commas between: cluster_size=SIZE, compat=0.10 or 1.1, lazy_refcounts=on, compression_type=zstd");

    private static Option<bool> Json() => new("--json") { Description = "Print JSON" };

    private static Option<bool> Force() => new("--force") { Description = "Replace an image that is there" };
}
