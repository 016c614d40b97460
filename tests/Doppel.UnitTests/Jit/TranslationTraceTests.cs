using System.Collections.Concurrent;
using System.Globalization;
using Doppel.Cli.Translation;
using Doppel.Core.Diagnostics;
using Doppel.UnitTests.Machine;

namespace Doppel.UnitTests.Jit;

/// <summary>What the translator tells of its work: traces, counters, maps for profilers.</summary>
public sealed class TranslationTraceTests : IDisposable
{
    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Fact]
    public async Task Trace_BareMetalProgram_ShowsGuestCodeOperationsAndHostCode()
    {
        string file = _tools.PathOf("trace");
        using (TranslationListener listener = TranslationListener.Open(file, map: false)!)
        {
            await RunAsync(new TranslatorConfig { Translated = listener.Add, Trace = true });
        }

        string trace = await File.ReadAllTextAsync(file);

        // The program's first instruction is at the start of RAM, in M-mode; its last translation leaves by the stub.
        Assert.Contains("== quick M 80000000: ", trace, StringComparison.Ordinal);
        Assert.Contains("  +000  ", trace, StringComparison.Ordinal);
        Assert.Contains("CodeAddress", trace, StringComparison.Ordinal);
        Assert.Contains("jmp ", trace, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Translated_BareMetalProgram_AgreesWithTheStatistics()
    {
        ConcurrentBag<TranslatedCode> seen = [];

        TranslationStatistics statistics = await RunAsync(new TranslatorConfig { Translated = seen.Add });

        Assert.Equal((ulong)seen.Count, statistics.Units + statistics.Regions);
        Assert.Equal((ulong)seen.Sum(static c => c.Instructions), statistics.GuestInstructions);
        Assert.Equal((ulong)seen.Sum(static c => c.HostCode.Length), statistics.CodeBytes);
        Assert.All(seen, static c => Assert.Equal("", c.Text));
        Assert.Contains(statistics.Interpreted, static i => i.Key == "sb");
        Assert.Contains(statistics.HelperCalls, static h => h is { Key: "interpret", Value: > 0 });
    }

    [Fact]
    public async Task PerfMap_BareMetalProgram_NamesEveryTranslation()
    {
        List<string> lines = [];
        string path = TranslationListener.MapPath;
        using (TranslationListener listener = TranslationListener.Open(null, map: true)!)
        {
            await RunAsync(new TranslatorConfig { Translated = listener.Add });
        }
        lines.AddRange(await File.ReadAllLinesAsync(path));
        File.Delete(path);

        Assert.Contains(lines, static l => l.EndsWith(" guest M 80000000 quick", StringComparison.Ordinal));
        Assert.All(lines, static l => Assert.True(ulong.TryParse(l.Split(' ')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out _)));
    }

    [Fact]
    public async Task GeneratedCode_WhileItRuns_IsNowhereWritableAndExecutable()
    {
        VirtualMachineConfig config = new()
        {
            Engine = "jit",
            MemoryBytes = 64 << 20,
            Firmware = FirmwareChoice.None,
            KernelPath = _tools.Build("_start: j _start"),
        };
        await using VirtualMachine machine = await VirtualMachine.StartAsync(config);

        string[] maps = await File.ReadAllLinesAsync("/proc/self/maps");

        // Address, rights, offset, device, inode, name.
        string[] views = [.. maps.Where(static m => m.Contains("memfd:doppel-jit", StringComparison.Ordinal)).Select(static m => m.Split(' ')[1])];
        Assert.Contains("rw-s", views);
        Assert.Contains("r-xs", views);
        Assert.DoesNotContain(views, static rights => rights.Contains("wx", StringComparison.Ordinal));
    }

    private async Task<TranslationStatistics> RunAsync(TranslatorConfig translator)
    {
        VirtualMachineConfig config = new()
        {
            Engine = "jit",
            Translator = translator,
            MemoryBytes = 64 << 20,
            Firmware = FirmwareChoice.None,
            KernelPath = _tools.Build(Programs.Hello),
            Timeout = TimeSpan.FromMinutes(5),
        };
        await using VirtualMachine machine = await VirtualMachine.StartAsync(config);
        VirtualMachineExit exit = await machine.WaitForExitAsync();
        Assert.Equal(VirtualMachineExitReason.PowerOff, exit.Reason);
        return machine.GetStatistics().Translation!;
    }
}
