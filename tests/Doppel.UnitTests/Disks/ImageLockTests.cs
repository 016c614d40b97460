using System.Diagnostics;
using Doppel.Devices.Backends.Block;
using Doppel.UnitTests.Images;

namespace Doppel.UnitTests.Disks;

/// <summary>An image has one user that writes or several that read, whether they are of Doppel or of QEMU, and a message names the one in the way.</summary>
public sealed class ImageLockTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _path;

    public ImageLockTests() => _path = _folder.Write("disk.img", new byte[1 << 20]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_ForWriting_KeepsQemuOut()
    {
        using IBlockBackend disk = DiskImage.Open(_path, new DiskImageOptions());
        (int status, string output) = Qemu.Run("qemu-img", "convert", "-f", "raw", "-O", "raw", _path, _folder["copy"]);
        Assert.NotEqual(0, status);
        Assert.Contains("lock", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_ForReading_LetsQemuReadAndNotWrite()
    {
        using IBlockBackend disk = DiskImage.Open(_path, new DiskImageOptions { ReadOnly = true });
        Qemu.Image("convert", "-f", "raw", "-O", "raw", _path, _folder["copy"]);
        (int status, string output) = Qemu.Run("qemu-io", "-f", "raw", "-c", "write 0 512", _path);
        Assert.NotEqual(0, status);
        Assert.Contains("lock", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_WhatQemuWritesTo_IsRefused()
    {
        using Process qemu = Hold("qemu-io", ["-f", "raw", _path], "length");
        Exception? writing = Record.Exception(() => DiskImage.Open(_path, new DiskImageOptions()).Dispose());
        Exception? reading = Record.Exception(() => DiskImage.Open(_path, new DiskImageOptions { ReadOnly = true }).Dispose());
        End(qemu);
        Assert.Contains("in use by QEMU", Assert.IsAssignableFrom<IOException>(writing).Message, StringComparison.Ordinal);
        Assert.Contains("QEMU or one of its tools, which writes to it", Assert.IsAssignableFrom<IOException>(reading).Message, StringComparison.Ordinal);
        DiskImage.Open(_path, new DiskImageOptions()).Dispose();
    }

    [Fact]
    public void Open_WhatAnotherProcessUses_NamesIt()
    {
        using Process other = Hold("flock", [_path, "cat"], "ready");
        string message = Assert.ThrowsAny<IOException>(() => DiskImage.Open(_path, new DiskImageOptions())).Message;
        End(other);
        Assert.Contains($"{_path} is in use by process {other.Id} (flock {_path} cat)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_Twice_SaysThatItIsThisProcess()
    {
        using IBlockBackend disk = DiskImage.Open(_path, new DiskImageOptions());
        string message = Assert.ThrowsAny<IOException>(() => DiskImage.Open(_path, new DiskImageOptions { ReadOnly = true })).Message;
        Assert.Contains("in use by this process already, which writes to it; name it only once", message, StringComparison.Ordinal);
    }

    // Both programs answer a line when they have the lock.
    private static Process Hold(string program, string[] arguments, string question)
    {
        Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        process.StandardInput.WriteLine(question);
        Assert.NotNull(process.StandardOutput.ReadLine());
        return process;
    }

    private static void End(Process process)
    {
        process.StandardInput.Close();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(60)));
    }
}
