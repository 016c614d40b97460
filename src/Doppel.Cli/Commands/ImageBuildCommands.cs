using System.CommandLine;
using Doppel.Cli.Output;
using Doppel.Cli.Pulling;
using Doppel.Cli.Syntax;
using Doppel.Images;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel image pull</c>, <c>build</c> and <c>import</c>: the ways to an image.</summary>
internal static class ImageBuildCommands
{
    private const int LongestName = 60;

    internal static Command CreatePull()
    {
        DoppelCommand command = new("pull", "Fetch an image, or bring it up to date; with --packages, make one with a root disk.")
        {
            Examples =
            [
                ("doppel image pull debian", "Debian's kernel and a small system in memory"),
                ("doppel image pull debian --packages python3", "a whole Debian with Python on a disk, named debian-python3"),
                ("doppel image pull debian --packages gcc,make --name dev --size 16G", "with a name and a size of your own"),
            ],
            Notes = ["The disk is made without root: by a machine of Doppel's own. Only what is written of its size takes space."],
        };
        Argument<string?> from = new("IMAGE") { Arity = ArgumentArity.ZeroOrOne, Description = "Image to pull; debian if none is named" };
        from.CompletionSources.Add(ImageStore.DefaultImage);
        Option<string?> packages = new("--packages", "-p") { HelpName = "NAME,...", Description = "Debian packages to install, with what they need and recommend" };
        Option<string?> name = new("--name") { HelpName = "NAME", Description = "Name of the image [default: debian- and the packages]" };
        Option<long?> size = Size();
        command.Arguments.Add(from);
        foreach (Option option in (Option[])[packages, name, size]) command.Options.Add(option);
        command.SetAction(async (result, cancellation) =>
        {
            string wanted = result.GetValue(from) ?? ImageStore.DefaultImage;
            if (result.GetValue(packages) is not { } list)
            {
                if (result.GetValue(name) is not null || result.GetValue(size) is not null)
                    throw CliException.Usage("--name and --size are for an image with a disk", "add --packages, for instance --packages python3");
                Image pulled = await PullDisplay.ShowAsync(progress => ImageStore.OpenDefault().PullAsync(wanted, progress, cancellation));
                return Report(pulled, result, isNew: true);
            }
            IReadOnlyList<string> names = Names(list);
            RootRecipe recipe = new()
            {
                Name = result.GetValue(name) ?? NameOf(wanted, names),
                From = wanted,
                Steps = [new PackagesStep(names)],
                DiskBytes = result.GetValue(size),
            };
            return await BuildAsync(recipe, result, cancellation);
        });
        return command;
    }

    internal static Command CreateBuild()
    {
        DoppelCommand command = new("build", "Make an image as a file says.")
        {
            Examples = [("doppel image build -f Doppelfile --name app", "FROM debian, PACKAGES python3, COPY app/ /srv/app/, ..., a line each")],
            Notes =
            [
                "Lines: FROM debian|IMAGE; PACKAGES NAME...; COPY PATH... /PATH; RUN COMMAND; ENV NAME=VALUE; SIZE 16G. # begins a comment.",
                "A step that was done before, on the same disk and with the same files, is not done again.",
            ],
        };
        Option<string> file = new("--file", "-f") { HelpName = "FILE", Description = "The file [default: Doppelfile]", DefaultValueFactory = static _ => "Doppelfile" };
        Option<string?> name = new("--name", "-t") { HelpName = "NAME", Description = "Name of the image [default: that of the file's folder]" };
        command.Options.Add(file);
        command.Options.Add(name);
        command.SetAction(async (result, cancellation) =>
        {
            string path = result.GetValue(file)!;
            if (!File.Exists(path)) throw CliException.Usage($"{path}: there is no such file", "name one with -f, for instance `doppel image build -f Doppelfile --name app`");
            string called = result.GetValue(name) ?? Clean(Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path))) ?? "");
            if (called.Length == 0) throw CliException.Usage("the image has no name", "give it one with --name");
            RootRecipe recipe = RecipeFile.Parse(await File.ReadAllTextAsync(path, cancellation), path, called);
            return await BuildAsync(recipe, result, cancellation);
        });
        return command;
    }

    internal static Command CreateImport()
    {
        DoppelCommand command = new("import", "Make an image of an archive of a root file system.")
        {
            Examples =
            [
                ("doppel image import rootfs.tar.xz --name alpine", "plain, or packed by gzip, xz or zstd"),
                ("podman export box | doppel image import - --name box", "from standard input"),
            ],
            Notes = ["The root is for riscv64; kernel and process 1 are those of the image debian, so nothing else is asked of it."],
        };
        Argument<string> file = new("FILE") { Description = "The tar archive, or - for standard input" };
        Option<string?> name = new("--name", "-t") { HelpName = "NAME", Description = "Name of the image [default: that of the file]" };
        Option<long?> size = Size();
        command.Arguments.Add(file);
        command.Options.Add(name);
        command.Options.Add(size);
        command.SetAction(async (result, cancellation) =>
        {
            string path = result.GetValue(file)!;
            if (path.Contains("://", StringComparison.Ordinal))
                throw CliException.Usage($"{path}: only files are imported", $"for instance with `curl -L {path} | doppel image import - --name NAME`");
            bool isStream = path == "-";
            if (!isStream && !File.Exists(path)) throw CliException.Usage($"{path}: there is no such file", "a root file system as a tar archive, or - for standard input");
            string called = result.GetValue(name) ?? Clean(isStream ? "" : Path.GetFileName(path).Split(".tar")[0]);
            if (called.Length == 0) throw CliException.Usage("the image has no name", "give it one with --name");
            RootRecipe recipe = new() { Name = called, From = null, Archive = path, DiskBytes = result.GetValue(size) };
            return isStream ? await BuildOfStreamAsync(recipe, result, cancellation) : await BuildAsync(recipe, result, cancellation);
        });
        return command;
    }

    // An archive is read more than once, so a stream is kept where there is room for images.
    private static async Task<int> BuildOfStreamAsync(RootRecipe recipe, ParseResult result, CancellationToken cancellation)
    {
        if (!Console.IsInputRedirected) throw CliException.Usage("standard input is a terminal", "for instance `podman export NAME | doppel image import - --name NAME`");
        string folder = Path.Combine(ImageStore.OpenDefault().Root, "work", $"stdin-{Environment.ProcessId}"), path = Path.Combine(folder, "stdin");
        Directory.CreateDirectory(folder);
        try
        {
            await using (FileStream archive = File.Create(path))
            await using (Stream input = Console.OpenStandardInput()) await input.CopyToAsync(archive, cancellation);
            return await BuildAsync(recipe with { Archive = path }, result, cancellation);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<int> BuildAsync(RootRecipe recipe, ParseResult result, CancellationToken cancellation)
    {
        ImageStore store = ImageStore.OpenDefault();
        string? before = store.Find(recipe.Name)?.Manifest.ToJson();
        Image image = await PullDisplay.ShowAsync(progress => store.BuildAsync(recipe, progress, cancellation));
        return Report(image, result, isNew: image.Manifest.ToJson() != before);
    }

    private static int Report(Image image, ParseResult result, bool isNew)
    {
        string state = isNew ? "" : ", up to date";
        result.InvocationConfiguration.Output.WriteLine($"{image.Manifest.Name}: {image.Manifest.Description}, {Sizes.Bytes(ImageCommand.SizeOf(image))}{state}");
        return ExitStatus.Success;
    }

    private static IReadOnlyList<string> Names(string list)
    {
        try
        {
            return RecipeFile.PackageNames(list);
        }
        catch (FormatException e)
        {
            throw CliException.Usage($"--packages {list}: {e.Message}", "for instance --packages python3,gcc");
        }
    }

    private static string NameOf(string from, IReadOnlyList<string> packages)
    {
        string name = Clean($"{from}-{string.Join('-', packages)}");
        return name.Length <= LongestName ? name : throw CliException.Usage("so many packages make too long a name", "give the image one with --name");
    }

    private static string Clean(string text) =>
        new([.. text.ToLowerInvariant().Select(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '-').SkipWhile(static c => c is '.' or '-' or '_')]);

    private static Option<long?> Size() => new("--size")
    {
        HelpName = "SIZE",
        Description = "Size of the disk, for instance 4G [default: 8G]",
        CustomParser = static result =>
        {
            string text = result.Tokens[0].Value;
            if (RecipeFile.TrySize(text) is { } bytes) return bytes;
            result.AddError($"--size {text}: not a size of a disk, for instance 4G, and at least 512M");
            return null;
        },
    };
}
