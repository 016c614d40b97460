using System.Security.Cryptography;
using System.Text;
using Doppel.Agent;
using Doppel.Images;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>The way in as library calls, in a Debian guest.</summary>
public sealed class GuestAgentLibraryTests
{
    private const string Waiting = "sleep";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    [ToolFact("apt-get")]
    public async Task Vsock_ExecFilesAndProcesses_Work()
    {
        await using VirtualMachine vm = await StartAsync(new VsockConfig());
        GuestExecResult result = await vm.ExecAsync(new GuestExec("sh", "-c", "cat; echo err >&2; exit 3") { Input = "in"u8.ToArray() }).WaitAsync(s_patience);
        Assert.Equal((3, "in", "err\n"), (result.ExitCode, result.OutputText, result.ErrorText));
        GuestAgentException missing = await Assert.ThrowsAsync<GuestAgentException>(() => vm.ExecAsync("no-such-program"));
        Assert.Equal(2, missing.ErrorNumber);
        byte[] content = RandomNumberGenerator.GetBytes(1_000_000);
        await vm.Files.WriteAsync("/tmp/data", content);
        Assert.Equal(content, await vm.Files.ReadAsync("/tmp/data"));
        Assert.Contains(await vm.Processes.ListAsync(), static p => p is { Id: 1, Name: "init" });
        await TerminalAsync(vm);
        IOException refused = await Assert.ThrowsAsync<IOException>(() => vm.Vsock.ConnectAsync(4711).WaitAsync(s_patience));
        Assert.Contains("4711", refused.Message, StringComparison.Ordinal);
        Assert.Equal(20, (await Task.WhenAll(Enumerable.Range(0, 20).Select(i => vm.ExecAsync("echo", $"{i}")))).Select(static r => r.OutputText).Distinct(StringComparer.Ordinal).Count());
        await vm.Agent.PowerAsync(GuestPower.PowerOff);
        Assert.Equal(VirtualMachineExitReason.PowerOff, (await vm.WaitForExitAsync().WaitAsync(s_patience)).Reason);
        await Assert.ThrowsAsync<GuestAgentException>(() => vm.ExecAsync("true"));
    }

    [ToolFact("apt-get")]
    public async Task ConsolePort_WithoutVsock_WorksToo()
    {
        await using VirtualMachine vm = await StartAsync(vsock: null);
        Assert.Equal("hello\n", (await vm.ExecAsync("echo", "hello").WaitAsync(s_patience)).OutputText);
        byte[] content = RandomNumberGenerator.GetBytes(300_000);
        await vm.Files.WriteAsync("/tmp/data", content);
        Assert.Equal(content, await vm.Files.ReadAsync("/tmp/data"));
    }

    [ToolFact("apt-get")]
    public async Task Reboot_AgentComesBack()
    {
        await using VirtualMachine vm = await StartAsync(new VsockConfig());
        Assert.Equal(0, (await vm.ExecAsync("touch", "/tmp/before").WaitAsync(s_patience)).ExitCode);
        await vm.Agent.PowerAsync(GuestPower.Reboot);
        using CancellationTokenSource limit = new(s_patience);
        while (await TryFindAsync(vm, "/tmp/before") != false) await Task.Delay(50, limit.Token);
        Assert.Equal(1, vm.GetStatistics().Reboots);
    }

    [ToolFact("apt-get")]
    public async Task NoWayIn_SaysWhatToSet()
    {
        await using VirtualMachine vm = await StartAsync(vsock: null, port: false);
        GuestAgentException error = await Assert.ThrowsAsync<GuestAgentException>(() => vm.ExecAsync("true"));
        Assert.Contains("VirtualMachineConfig.Vsock", error.Message, StringComparison.Ordinal);
    }

    private static async Task TerminalAsync(VirtualMachine vm)
    {
        await using GuestProcess shell = await vm.Agent.StartAsync(new GuestExec("sh", "-c", "stty size; tty; read line; echo got $line; stty size") { Terminal = true, HasInput = true, Columns = 90, Rows = 30 });
        StringBuilder text = new();
        byte[] buffer = new byte[1000];
        while (!text.ToString().Contains("/dev/pts/", StringComparison.Ordinal)) text.Append(Encoding.ASCII.GetString(buffer, 0, await shell.StandardOutput.ReadAsync(buffer)));
        shell.Resize(70, 20);
        await shell.StandardInput.WriteAsync("word\n"u8.ToArray());
        for (int count; (count = await shell.StandardOutput.ReadAsync(buffer)) > 0;) text.Append(Encoding.ASCII.GetString(buffer, 0, count));
        Assert.Matches(@"^30 90\s+/dev/pts/\d+\s+word\s+got word\s+20 70\s+$", text.ToString());
        Assert.Equal(0, (await shell.WaitAsync()).ExitCode);
    }

    // Null while the guest is on its way down or up.
    private static async Task<bool?> TryFindAsync(VirtualMachine vm, string path)
    {
        try
        {
            using CancellationTokenSource limit = new(TimeSpan.FromSeconds(5));
            return await vm.Files.FindAsync(path, limit.Token) is not null;
        }
        catch (Exception e) when (e is GuestAgentException or OperationCanceledException)
        {
            return null;
        }
    }

    private static async Task<VirtualMachine> StartAsync(VsockConfig? vsock, bool port = true)
    {
        await DoppelCli.EnsureImageAsync();
        Image image = new ImageStore(Repository.ImageCache).Find(ImageStore.DefaultImage)!;
        return await VirtualMachine.StartAsync(new VirtualMachineConfig
        {
            KernelPath = image.KernelPath,
            InitrdPath = image.InitrdPath,
            ExtraInitrds = image.ExtraInitrds(new GuestCommand { Arguments = [Waiting, "100000"], Terminal = true }),
            CommandLine = image.Manifest.CommandLine,
            Vsock = vsock,
            ConsolePorts = port ? [new("doppel.console", IsConsole: true), new("doppel.agent"), new("doppel.control")] : [],
            Timeout = s_patience * 2,
        });
    }
}
