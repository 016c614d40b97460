namespace Doppel.Images;

/// <summary>What a root disk is made of: where it begins and what is done to it, in order. Immutable.</summary>
public sealed record RootRecipe
{
    /// <summary>Size of a disk for which none is asked. It is a limit: what is not written takes no space on the host.</summary>
    public const long DefaultDiskBytes = 8L << 30;

    /// <summary>Smallest disk that a Debian fits on.</summary>
    public const long SmallestDiskBytes = 512L << 20;

    /// <summary>Name of the image.</summary>
    public required string Name { get; init; }

    /// <summary>Where it begins: <c>debian</c> for Debian's essential packages, the name of another image with a disk, or null for <see cref="Archive"/>.</summary>
    public string? From { get; init; } = ImageStore.DefaultImage;

    /// <summary>Path of a tar archive of a root, plain or packed by gzip, xz or zstd, to begin with in the place of <see cref="From"/>.</summary>
    public string? Archive { get; init; }

    /// <summary>What is done to it.</summary>
    public IReadOnlyList<RootStep> Steps { get; init; } = [];

    /// <summary>Size of the disk in bytes; null for that of the image it begins with, or <see cref="DefaultDiskBytes"/>.</summary>
    public long? DiskBytes { get; init; }
}

/// <summary>One step of a <see cref="RootRecipe"/>.</summary>
public abstract record RootStep
{
    private protected RootStep()
    {
    }

    /// <summary>The step as a line of a recipe.</summary>
    public string Line => Written ?? Compose();

    /// <summary>The line as somebody has written it; null for one that is composed.</summary>
    public string? Written { get; init; }

    /// <summary>Where it stands, as in <c>FILE:3</c>; empty where it stands in no file.</summary>
    public string Place { get; init; } = "";

    private protected abstract string Compose();
}

/// <summary>Installs packages, what they need and what they recommend.</summary>
/// <param name="Names">Names of the packages.</param>
public sealed record PackagesStep(IReadOnlyList<string> Names) : RootStep
{
    private protected override string Compose() => "PACKAGES " + string.Join(' ', Names);
}

/// <summary>Copies files and folders of the host; root owns the copies.</summary>
/// <param name="Sources">Their paths. Of a folder the content is copied, as by a Containerfile's COPY.</param>
/// <param name="Destination">Absolute path in the guest; a folder if it ends with a slash, or there are several sources.</param>
public sealed record CopyStep(IReadOnlyList<string> Sources, string Destination) : RootStep
{
    private protected override string Compose() => $"COPY {string.Join(' ', Sources)} {Destination}";
}

/// <summary>Runs a command in the root, as its user root and with the host's network.</summary>
/// <param name="Command">The command, for the root's <c>/bin/sh</c>.</param>
public sealed record RunStep(string Command) : RootStep
{
    private protected override string Compose() => "RUN " + Command;
}

/// <summary>Sets a variable for the commands that follow, and for those that machines of the image run.</summary>
/// <param name="Variable">Its name.</param>
/// <param name="Value">Its value.</param>
public sealed record EnvStep(string Variable, string Value) : RootStep
{
    private protected override string Compose() => $"ENV {Variable}={Value}";
}
