using System.Net.Sockets;
using Doppel.Devices.Backends.Char;

namespace Doppel.UnitTests.Devices;

public sealed class CharBackendTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private readonly string _folder = Directory.CreateTempSubdirectory("doppel-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Channel_Full_TakesNoMoreAndTellsWhenThereIsRoom()
    {
        using CharChannel channel = new(capacity: 4);
        int told = 0;
        channel.Attach(() => { }, () => told++);
        Assert.Equal(4, channel.Write("abcdef"u8));
        Assert.Equal(0, channel.Write("ef"u8));
        byte[] buffer = new byte[2];
        channel.Host.ReadExactly(buffer);
        Assert.Equal(1, told);
        Assert.Equal(2, channel.Write("ef"u8));
    }

    [Fact]
    public async Task Channel_HostWritesMoreThanFits_WaitsForTheGuest()
    {
        using CharChannel channel = new(capacity: 4);
        Task writer = channel.Host.WriteAsync("abcdef"u8.ToArray()).AsTask();
        byte[] buffer = new byte[8];
        Assert.False(writer.IsCompleted);
        Assert.Equal(4, channel.Read(buffer));
        await writer.WaitAsync(s_limit);
        Assert.Equal(2, channel.Read(buffer));
    }

    [Fact]
    public void Channel_InputCompleted_EndsOnceAllIsRead()
    {
        using CharChannel channel = new();
        channel.Host.Write("x"u8);
        channel.CompleteInput();
        Assert.False(channel.InputEnded);
        Assert.Equal(1, channel.Read(new byte[4]));
        Assert.True(channel.InputEnded);
    }

    [Fact]
    public async Task Channel_GuestClosesAndOpens_HostReadsTheEndAndThenMore()
    {
        using CharChannel channel = new();
        byte[] buffer = new byte[4];
        channel.Write("x"u8);
        channel.SetGuestOpen(false);
        Assert.Equal(1, await channel.Host.ReadAsync(buffer));
        Assert.Equal(0, await channel.Host.ReadAsync(buffer));
        channel.SetGuestOpen(true);
        channel.Write("yz"u8);
        Assert.Equal(2, await channel.Host.ReadAsync(buffer));
    }

    [Fact]
    public async Task Channel_ReadCancelled_Throws()
    {
        using CharChannel channel = new();
        using CancellationTokenSource cancel = new();
        Task<int> read = channel.Host.ReadAsync(new byte[4], cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
    }

    [Fact]
    public void Channel_HostGone_GuestWritesWithoutEnd()
    {
        using CharChannel channel = new(capacity: 4);
        channel.Host.Dispose();
        Assert.Equal(100, channel.Write(new byte[100]));
        Assert.True(channel.InputEnded);
    }

    [Fact]
    public void File_Output_IsAllThereAfterDispose()
    {
        string path = Path.Combine(_folder, "serial.log");
        byte[] text = new byte[300_000];
        new Random(2).NextBytes(text);
        using (ICharBackend file = StreamCharBackend.ToFile(path)) WriteAll(file, text);
        Assert.Equal(text, File.ReadAllBytes(path));
    }

    [Fact]
    public void File_InAFolderThatIsMissing_Throws() =>
        Assert.ThrowsAny<IOException>(() => StreamCharBackend.ToFile(Path.Combine(_folder, "no", "serial.log")));

    [Fact]
    public async Task Socket_Client_TalksBothWaysAndMayComeAgain()
    {
        string path = Path.Combine(_folder, "serial.sock");
        using SocketCharBackend backend = new(path);
        using SemaphoreSlim arrived = new(0);
        backend.Attach(() => arrived.Release(), () => { });
        for (int round = 0; round < 2; round++)
        {
            using Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await client.ConnectAsync(new UnixDomainSocketEndPoint(path));
            await client.SendAsync("in"u8.ToArray());
            Assert.True(await arrived.WaitAsync(s_limit));
            byte[] buffer = new byte[16];
            Assert.Equal(2, backend.Read(buffer));
            WriteAll(backend, "out"u8);
            Assert.Equal(3, await client.ReceiveAsync(buffer).WaitAsync(s_limit));
        }
    }

    [Fact]
    public void Socket_NoClient_DropsOutput()
    {
        using SocketCharBackend backend = new(Path.Combine(_folder, "serial.sock"));
        Assert.Equal(1000, backend.Write(new byte[1000]));
    }

    [Fact]
    public void Socket_LeftByADeadProcess_IsReplacedAndRemovedAtTheEnd()
    {
        string path = Path.Combine(_folder, "serial.sock");
        using (Socket dead = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            dead.Bind(new UnixDomainSocketEndPoint(path + ".moved"));
            dead.Listen(1);
            // Disposing removes the socket under its own name only.
            File.Move(path + ".moved", path);
        }
        using (SocketCharBackend backend = new(path)) Assert.True(File.Exists(path));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void Socket_PathInUse_Throws()
    {
        string path = Path.Combine(_folder, "serial.sock");
        using SocketCharBackend first = new(path);
        IOException error = Assert.Throws<IOException>(() => new SocketCharBackend(path));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    private static void WriteAll(ICharBackend backend, ReadOnlySpan<byte> data)
    {
        while (true)
        {
            data = data[backend.Write(data)..];
            if (data.IsEmpty) return;
            backend.WaitForRoom();
        }
    }
}
