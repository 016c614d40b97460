using System.Net.Sockets;

namespace Doppel.UnitTests.Machine;

public sealed class HangUpTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);
    private readonly BareMetal _tools = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("doppel-test-").FullName;

    public void Dispose()
    {
        _tools.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Dispose_MachineInCountedTimeWaitsForAHostThatNeverReads_Ends()
    {
        const string talker = """
            _start: li a1, 0x10000000
            1:      sb a1, (a1)
                    j 1b
            """;
        string path = Path.Combine(_folder, "serial.sock");
        VirtualMachine vm = await VirtualMachine.StartAsync(new VirtualMachineConfig
        {
            KernelPath = _tools.Build(talker),
            Firmware = FirmwareChoice.None,
            MemoryBytes = 64 << 20,
            Time = TimePolicy.InstructionCount,
            Serial = new SerialConfig(SerialKind.Socket, path),
        });
        using Socket deaf = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await deaf.ConnectAsync(new UnixDomainSocketEndPoint(path));
        ulong before;
        do
        {
            before = vm.GetStatistics().Instructions;
            await Task.Delay(200);
        }
        while (vm.GetStatistics().Instructions != before);

        await vm.DisposeAsync().AsTask().WaitAsync(s_limit);

        Assert.False(File.Exists(path));
    }
}
