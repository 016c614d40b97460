using System.Text.Json;
using System.Text.Json.Serialization;

namespace Doppel.Images;

/// <summary>A file of the store, named by its content.</summary>
/// <param name="Sha256">SHA-256 of the bytes, lower-case hexadecimal.</param>
/// <param name="Size">Length in bytes.</param>
public sealed record ImageBlob(string Sha256, long Size);

/// <summary>A package that an image was made of.</summary>
/// <param name="Name">Name of the package.</param>
/// <param name="Version">Its version.</param>
/// <param name="Sha256">SHA-256 of the package file, as the signed index gives it.</param>
/// <param name="Size">Length of the package file in bytes.</param>
public sealed record ImagePackage(string Name, string Version, string Sha256, long Size);

/// <summary>What is known of an image that the store holds. Thread contract: immutable.</summary>
public sealed record ImageManifest
{
    /// <summary>Version of this description; others are not read.</summary>
    public const int CurrentFormat = 1;

    /// <summary>Version of the description.</summary>
    public int Format { get; init; } = CurrentFormat;

    /// <summary>Name by which the image is asked for.</summary>
    public required string Name { get; init; }

    /// <summary>One line for people.</summary>
    public required string Description { get; init; }

    /// <summary>Instruction set of the guest, in the words of Debian.</summary>
    public required string Architecture { get; init; }

    /// <summary>When it was put together, UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The kernel: a flat RISC-V Linux image.</summary>
    public required ImageBlob Kernel { get; init; }

    /// <summary>The initial file system: a plain cpio archive.</summary>
    public required ImageBlob Initrd { get; init; }

    /// <summary>Kernel command line that the image wants.</summary>
    public required string CommandLine { get; init; }

    /// <summary>SHA-256 of the guest's own scripts inside of the initial file system.</summary>
    public required string GuestFiles { get; init; }

    /// <summary>The packages it was made of.</summary>
    public required IReadOnlyList<ImagePackage> Packages { get; init; }

    /// <summary>Digest of what else decided how the kernel and the initial file system were put together; empty in older descriptions.</summary>
    public string Recipe { get; init; } = "";

    /// <summary>The root disk; null for an image that lives in its initial file system.</summary>
    public RootDisk? Disk { get; init; }

    /// <summary>The steps that made the root disk, as lines of a recipe.</summary>
    public IReadOnlyList<string> Steps { get; init; } = [];

    /// <summary>Keys of the cached layers that the steps left.</summary>
    public IReadOnlyList<string> Layers { get; init; } = [];

    /// <summary>Variables that commands of the guest get.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The description as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ImageJson.Readable.ImageManifest) + "\n";

    /// <summary>Reads a description, or returns null if it is damaged or of another format.</summary>
    public static ImageManifest? TryParse(string json)
    {
        try
        {
            ImageManifest? manifest = JsonSerializer.Deserialize(json, ImageJson.Default.ImageManifest);
            bool complete = manifest is { Format: CurrentFormat, Name: not null, Kernel: not null, Initrd: not null, Packages: not null }
                && IsDigest(manifest.Kernel.Sha256) && IsDigest(manifest.Initrd.Sha256);
            complete = complete && (manifest!.Disk is null || IsDigest(manifest.Disk.Digest));
            // What an older description lacks comes as null.
            return complete ? manifest! with
            {
                Recipe = manifest.Recipe ?? "",
                Steps = manifest.Steps ?? [],
                Layers = manifest.Layers ?? [],
                Environment = manifest.Environment ?? new Dictionary<string, string>(StringComparer.Ordinal),
            }
            : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>True for 64 digits, so that it may be part of a path.</summary>
    internal static bool IsDigest(string? text) => text is { Length: 64 } && text.All(char.IsAsciiHexDigitLower);
}

/// <summary>Serialisation that is generated at compile time.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ImageManifest))]
[JsonSerializable(typeof(ImageLayer))]
[JsonSerializable(typeof(BuilderToolsRecord))]
[JsonSerializable(typeof(Roots.PackageChoice))]
internal sealed partial class ImageJson : JsonSerializerContext
{
    /// <summary>Writes characters such as + as they are: the file is for people too and never part of a web page.</summary>
    public static ImageJson Readable { get; } =
        new(new JsonSerializerOptions
        {
            WriteIndented = true,
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
}
