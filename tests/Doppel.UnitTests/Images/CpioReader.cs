using System.Globalization;
using System.Text;

namespace Doppel.UnitTests.Images;

internal sealed record CpioEntry(string Path, uint Mode, uint Inode, uint Time, uint Links, (uint Major, uint Minor) Device, byte[] Data)
{
    public string Text => Encoding.UTF8.GetString(Data);
}

/// <summary>
/// Reads "new ASCII" cpio archives, several in a row as the kernel takes them, by the kernel's own description of the format
/// (Documentation/driver-api/early-userspace/buffer-format.rst): written apart from the writer, so that the two check each other.
/// </summary>
internal static class CpioReader
{
    public static IReadOnlyList<CpioEntry> Read(byte[] archive)
    {
        var entries = new List<CpioEntry>();
        int at = 0;
        while (at < archive.Length)
        {
            Assert.Equal("070701", Encoding.ASCII.GetString(archive, at, 6));
            uint[] field = [.. Enumerable.Range(0, 13).Select(i => uint.Parse(
                Encoding.ASCII.GetString(archive, at + 6 + (8 * i), 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))];
            int nameLength = (int)field[11];
            Assert.Equal(0, archive[at + 110 + nameLength - 1]);
            string path = Encoding.UTF8.GetString(archive, at + 110, nameLength - 1);
            int dataAt = (at + 110 + nameLength + 3) & ~3;
            byte[] data = archive.AsSpan(dataAt, (int)field[6]).ToArray();
            at = (dataAt + data.Length + 3) & ~3;
            entries.Add(new CpioEntry(path, field[1], field[0], field[5], field[4], (field[9], field[10]), data));
        }
        Assert.Equal("TRAILER!!!", entries[^1].Path);
        return [.. entries.Where(entry => entry.Path != "TRAILER!!!")];
    }
}
