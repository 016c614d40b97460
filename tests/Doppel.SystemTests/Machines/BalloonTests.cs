using System.Text.Json;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>Host memory follows what the guest uses, in a real guest.</summary>
public sealed class BalloonTests : IAsyncLifetime
{
    private const long Mebibyte = 1 << 20;

    // The guest waits two seconds before it reports, and the tests share the host.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly MachineShed _shed = new();

    public Task InitializeAsync() => Tool.WhyMissing("apt-get") is null ? _shed.StartAsync("airy", "-m", "768M") : Task.CompletedTask;

    public Task DisposeAsync() => _shed.DisposeAsync().AsTask();

    [ToolFact("apt-get")]
    public async Task HostMemory_GuestFreesMemory_ShrinksByItself()
    {
        await _shed.DoAsync("exec", "airy", "--", "dd", "if=/dev/zero", "of=/tmp/ballast", "bs=1M", "count=300");
        long full = await ReadAsync("hostBytes");
        Assert.True(full > 300 * Mebibyte, $"{full} bytes");

        await _shed.DoAsync("exec", "airy", "--", "rm", "/tmp/ballast");

        await WaitAsync("hostBytes", bytes => bytes < full - (250 * Mebibyte));
        Assert.True(await ReadAsync("givenBackBytes") > 250 * Mebibyte);
        // What was given back can be used again.
        Assert.Equal("300\n", await _shed.DoAsync("exec", "airy", "--", "sh", "-c",
            "dd if=/dev/zero of=/tmp/again bs=1M count=300 2>/dev/null; du -m /tmp/again | cut -f1"));
    }

    [ToolFact("apt-get")]
    public async Task Target_SmallerAndMax_IsWhatTheGuestHas()
    {
        await _shed.DoAsync("balloon", "airy", "256M");
        await WaitAsync("currentBytes", static bytes => bytes == 256 * Mebibyte);
        await WaitAsync("guestFreeBytes", static bytes => bytes is > 0 and < 256 * Mebibyte);

        await _shed.DoAsync("balloon", "airy", "max");
        await WaitAsync("currentBytes", static bytes => bytes == 768 * Mebibyte);
        await WaitAsync("guestFreeBytes", static bytes => bytes > 500 * Mebibyte);

        Assert.Contains("memory of the machine        768 MiB", await _shed.DoAsync("balloon", "airy"));
    }

    private async Task WaitAsync(string name, Func<long, bool> isThere)
    {
        using CancellationTokenSource limit = new(s_patience);
        while (!isThere(await ReadAsync(name))) await Task.Delay(100, limit.Token);
    }

    private async Task<long> ReadAsync(string name)
    {
        using JsonDocument report = JsonDocument.Parse(await _shed.DoAsync("balloon", "airy", "--json"));
        // A guest that is busy does not give its figures.
        return report.RootElement.TryGetProperty(name, out JsonElement value) ? value.GetInt64() : -1;
    }
}

/// <summary>Memory that the host does not have is no hindrance, as long as the guest does not use it.</summary>
public sealed class LargeMemoryTests
{
    [ToolFact("apt-get")]
    public async Task Memory_SixtyFourGibibytes_Boots()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "-m", "64G", "--", "sh", "-c", "free -m | grep Mem");
        Assert.Equal(0, result.Status);
        Assert.InRange(int.Parse(result.OutputText.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]), 63_000, 65_536);
    }
}
