namespace Doppel.Images;

/// <summary>The steps of a pull, in their order. A step may be skipped.</summary>
public enum ImageStep
{
    /// <summary>Another process works on the same image; this one waits for it.</summary>
    Waiting,

    /// <summary>The signed index of the archive is fetched.</summary>
    Index,

    /// <summary>Packages are downloaded.</summary>
    Download,

    /// <summary>Packages are unpacked.</summary>
    Unpack,

    /// <summary>Kernel and initial file system are put together and stored.</summary>
    Assemble,

    /// <summary>The machine that builds root disks boots.</summary>
    Boot,

    /// <summary>The guest writes files to the root disk.</summary>
    Write,

    /// <summary>The guest installs packages.</summary>
    Install,

    /// <summary>A command of a recipe runs in the guest.</summary>
    Run,

    /// <summary>The root disk is stored.</summary>
    Store,

    /// <summary>The image is there.</summary>
    Done,
}

/// <summary>How far a pull is.</summary>
/// <param name="Step">What is being done.</param>
/// <param name="Detail">On what, for people: a package or an image.</param>
/// <param name="Completed">Part of the step that is done, in bytes of <paramref name="Total"/>, or in parts of it where bytes are unknown.</param>
/// <param name="Total">The whole step; zero if it is not known.</param>
public sealed record ImageProgress(ImageStep Step, string Detail, long Completed, long Total)
{
    /// <summary>Part of the step that is done, 0 to 1, or null if it is not known.</summary>
    public double? Fraction => Total > 0 ? Math.Clamp((double)Completed / Total, 0, 1) : null;
}
