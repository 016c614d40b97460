namespace Doppel.Images;

/// <summary>How an image is made. Thread contract: one build at a time.</summary>
internal interface IImageRecipe
{
    /// <summary>Name of the image.</summary>
    string Name { get; }

    /// <summary>Makes the image.</summary>
    /// <param name="workFolder">A folder for downloads. What a build that was stopped leaves there is found by the next one.</param>
    /// <param name="current">The image that the store has, or null.</param>
    /// <param name="progress">Gets the steps.</param>
    /// <param name="cancellation">Stops the build.</param>
    /// <returns>The content, or null if <paramref name="current"/> is what would be made again.</returns>
    /// <exception cref="ImageException">The image cannot be made.</exception>
    Task<ImageContent?> BuildAsync(
        string workFolder, ImageManifest? current, IProgress<ImageProgress> progress, CancellationToken cancellation);
}

/// <summary>What a recipe makes.</summary>
/// <param name="Description">One line for people.</param>
/// <param name="Architecture">Instruction set of the guest.</param>
/// <param name="Kernel">The flat kernel image.</param>
/// <param name="Initrd">The cpio archive.</param>
/// <param name="CommandLine">Kernel command line.</param>
/// <param name="Packages">What it was made of.</param>
internal sealed record ImageContent(
    string Description, string Architecture, byte[] Kernel, byte[] Initrd, string CommandLine, IReadOnlyList<ImagePackage> Packages)
{
    /// <summary>Digest of what else decided how it was put together.</summary>
    public string Recipe { get; init; } = "";
}
