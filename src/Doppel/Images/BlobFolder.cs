using System.Security.Cryptography;

namespace Doppel.Images;

/// <summary>
/// Files named by their SHA-256. One appears under its name only when it is complete and on the disk.
/// Thread contract: reading from any thread; writing by the holder of the store's lock.
/// </summary>
internal sealed class BlobFolder(string folder, string temporary)
{
    public string PathOf(ImageBlob blob) => Path.Combine(folder, blob.Sha256);

    /// <summary>True if the file is there and has the right length.</summary>
    public bool Has(ImageBlob blob) => new FileInfo(PathOf(blob)) is { Exists: true } file && file.Length == blob.Size;

    /// <summary>True if the file has the right content.</summary>
    public async Task<bool> VerifyAsync(ImageBlob blob, CancellationToken cancellation)
    {
        if (!Has(blob)) return false;
        FileStream file = File.OpenRead(PathOf(blob));
        await using (file.ConfigureAwait(false))
        {
            byte[] digest = await SHA256.HashDataAsync(file, cancellation).ConfigureAwait(false);
            return Convert.ToHexStringLower(digest) == blob.Sha256;
        }
    }

    /// <summary>Stores bytes.</summary>
    public async Task<ImageBlob> WriteAsync(byte[] content, CancellationToken cancellation)
    {
        var blob = new ImageBlob(Convert.ToHexStringLower(SHA256.HashData(content)), content.Length);
        if (await VerifyAsync(blob, cancellation).ConfigureAwait(false)) return blob;
        Directory.CreateDirectory(folder);
        await WriteFileAsync(PathOf(blob), content, cancellation).ConfigureAwait(false);
        return blob;
    }

    /// <summary>Puts a file in place in one step: readers see the old content or the new one, never a part.</summary>
    public async Task WriteFileAsync(string path, byte[] content, CancellationToken cancellation)
    {
        Directory.CreateDirectory(temporary);
        string partial = Path.Combine(temporary, Path.GetRandomFileName());
        FileStream file = File.Create(partial);
        await using (file.ConfigureAwait(false))
        {
            await file.WriteAsync(content, cancellation).ConfigureAwait(false);
            file.Flush(flushToDisk: true);
        }
        File.Move(partial, path, overwrite: true);
    }

    /// <summary>Deletes the files that are not in use and what killed processes left half-written.</summary>
    public void Prune(IEnumerable<string> digestsInUse)
    {
        var keep = digestsInUse.ToHashSet(StringComparer.Ordinal);
        if (Directory.Exists(folder))
        {
            foreach (string file in Directory.EnumerateFiles(folder).Where(file => !keep.Contains(Path.GetFileName(file)))) File.Delete(file);
        }
        if (!Directory.Exists(temporary)) return;
        foreach (string file in Directory.EnumerateFiles(temporary)) File.Delete(file);
    }
}
