using System.Text;

namespace Doppel.Images;

/// <summary>Where an image's process 1 mounts a shared folder, before the command starts. Immutable.</summary>
/// <param name="Tag">What it is mounted by.</param>
/// <param name="Path">Where: an absolute path of the guest; the folder is created.</param>
/// <param name="IsReadOnly">True if the guest can not write to it.</param>
public sealed record GuestShare(string Tag, string Path, bool IsReadOnly)
{
    /// <summary>
    /// The file that the guest's script <c>shares</c> reads: a line for each, which calls a function of that script. One that lies in another
    /// comes after it, and so is not hidden by it.
    /// </summary>
    internal static byte[] ToFile(IEnumerable<GuestShare> shares) =>
        Encoding.UTF8.GetBytes(string.Concat(shares.OrderBy(static s => s.Depth).Select(static s => s.ToLine())));

    private int Depth => Path.Split('/', StringSplitOptions.RemoveEmptyEntries).Length;

    private string ToLine() => $"share {ShellText.Quote(Tag)} {(IsReadOnly ? "ro" : "rw")} {ShellText.Quote(Path)}\n";
}
