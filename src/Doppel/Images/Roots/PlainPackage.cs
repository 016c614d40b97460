using System.Globalization;
using System.Text;

namespace Doppel.Images.Roots;

/// <summary>
/// Writes a .deb file (deb(5)) again with its archives not compressed, so that a guest need not do what the host does ten times as fast.
/// Thread contract: stateless.
/// </summary>
internal static class PlainPackage
{
    private const int HeaderLength = 60, SizeAt = 48, SizeLength = 10;

    /// <summary>Writes the package to a new file.</summary>
    public static async Task WriteAsync(DebianArchive archives, string file, string to, CancellationToken cancellation)
    {
        FileStream output = File.Create(to);
        await using (output.ConfigureAwait(false))
        {
            await output.WriteAsync("!<arch>\n"u8.ToArray(), cancellation).ConfigureAwait(false);
            await MemberAsync(output, "debian-binary", stream => stream.WriteAsync("2.0\n"u8.ToArray(), cancellation).AsTask()).ConfigureAwait(false);
            await MemberAsync(output, "control.tar", stream => archives.CopyTarAsync("--ctrl-tarfile", file, stream, cancellation)).ConfigureAwait(false);
            await MemberAsync(output, "data.tar", stream => archives.CopyTarAsync("--fsys-tarfile", file, stream, cancellation)).ConfigureAwait(false);
        }
    }

    private static async Task MemberAsync(FileStream output, string name, Func<Stream, Task> write)
    {
        long start = output.Position;
        // name/16 date/12 owner/6 group/6 mode/8 size/10 and two bytes that end the header (ar(5)).
        output.Write(Encoding.ASCII.GetBytes($"{name,-16}{0,-12}{0,-6}{0,-6}{"100644",-8}{0,-10}`\n"));
        await write(output).ConfigureAwait(false);
        long length = output.Position - start - HeaderLength;
        if ((length & 1) != 0) output.WriteByte((byte)'\n');
        long end = output.Position;
        output.Position = start + SizeAt;
        output.Write(Encoding.ASCII.GetBytes(length.ToString(CultureInfo.InvariantCulture).PadRight(SizeLength)));
        output.Position = end;
    }
}
