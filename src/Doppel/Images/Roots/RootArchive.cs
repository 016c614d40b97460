using System.IO.Compression;
using System.Security.Cryptography;
using Doppel.Images.Apt;
using Doppel.Images.Archives;

namespace Doppel.Images.Roots;

/// <summary>A tar archive of a root that somebody else has made, packed or not. Thread contract: stateless.</summary>
internal static class RootArchive
{
    private const int TarMagicAt = 257;

    /// <summary>Unpacks the archive's wrapping, if it has one, into a file.</summary>
    /// <param name="path">Path of the archive.</param>
    /// <param name="to">Path of the plain archive.</param>
    /// <param name="progress">Gets the bytes that are read.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Digest of the plain archive.</returns>
    /// <exception cref="ImageException">It is not there, damaged, or no tar archive.</exception>
    public static async Task<string> UnpackAsync(string path, string to, Action<long> progress, CancellationToken cancellation)
    {
        try
        {
            FileStream input = File.OpenRead(path);
            await using (input.ConfigureAwait(false))
            {
                FileStream output = File.Create(to);
                await using (output.ConfigureAwait(false))
                {
                    await CopyAsync(path, input, output, progress, cancellation).ConfigureAwait(false);
                    return await JudgeAsync(path, output, cancellation).ConfigureAwait(false);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or AptException)
        {
            File.Delete(to);
            throw new ImageException($"cannot import {path}: {e.Message}", e);
        }
    }

    private static async Task CopyAsync(string path, FileStream input, FileStream output, Action<long> progress, CancellationToken cancellation)
    {
        byte[] start = new byte[8];
        int count = await input.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellation).ConfigureAwait(false);
        input.Position = 0;
        ReadOnlyMemory<byte> head = start.AsMemory(0, count);
        if (head.Span.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]))
        {
            // The runtime's own takes the end of a file that is cut off for the end of the data.
            if (await TryUnpackAsync("gzip", path, output, cancellation).ConfigureAwait(false)) return;
            using var gzip = new GZipStream(input, CompressionMode.Decompress, leaveOpen: true);
            await CopyAsync(gzip, output, () => progress(input.Position), cancellation).ConfigureAwait(false);
        }
        else if (head.Span.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]))
        {
            if (!await TryUnpackAsync("zstd", path, output, cancellation).ConfigureAwait(false))
                throw new IOException("it is packed by zstd, and this host has no program zstd; install the package zstd");
        }
        else if (XzDecoder.IsXz(head.Span))
        {
            // The host's program works on a stream; our decoder, which needs nothing, holds all of it in memory.
            if (await TryUnpackAsync("xz", path, output, cancellation).ConfigureAwait(false)) return;
            byte[] packed = new byte[input.Length];
            await input.ReadExactlyAsync(packed, cancellation).ConfigureAwait(false);
            await output.WriteAsync(await Task.Run(() => XzDecoder.Decode(packed, Array.MaxLength), cancellation).ConfigureAwait(false), cancellation).ConfigureAwait(false);
        }
        else
        {
            await CopyAsync(input, output, () => progress(input.Position), cancellation).ConfigureAwait(false);
        }
    }

    // By a program of the host's; false if it has none.
    private static async Task<bool> TryUnpackAsync(string name, string path, FileStream output, CancellationToken cancellation)
    {
        if (HostProcess.Find(name) is not { } program) return false;
        await HostProcess.RunAsync(program, ["-d", "-c", "--", Path.GetFullPath(path)],
            reader => CopyAsync(reader.BaseStream, output, static () => { }, cancellation), cancellation).ConfigureAwait(false);
        return true;
    }

    private static async Task CopyAsync(Stream from, Stream to, Action progress, CancellationToken cancellation)
    {
        byte[] buffer = new byte[1 << 20];
        for (int count; (count = await from.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0;)
        {
            await to.WriteAsync(buffer.AsMemory(0, count), cancellation).ConfigureAwait(false);
            progress();
        }
    }

    private static async Task<string> JudgeAsync(string path, FileStream plain, CancellationToken cancellation)
    {
        byte[] header = new byte[512];
        plain.Position = 0;
        int count = await plain.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellation).ConfigureAwait(false);
        if (count < header.Length || !header.AsSpan(TarMagicAt).StartsWith("ustar"u8))
            throw new InvalidDataException($"{Path.GetFileName(path)} is no tar archive, plain or packed by gzip, xz or zstd");
        if (RootArchiveContent.WhyUnfit(plain.SafeFileHandle) is { } reason) throw new InvalidDataException(reason);
        plain.Position = 0;
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(plain, cancellation).ConfigureAwait(false));
    }
}
