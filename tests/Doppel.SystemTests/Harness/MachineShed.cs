using System.Diagnostics;
using System.Text.Json;

namespace Doppel.SystemTests.Harness;

/// <summary>Named machines of one test: a state folder of their own. Whatever still runs at the end is removed.</summary>
internal sealed class MachineShed : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    internal string State => _folder.Path;

    internal string File(string name) => _folder.File(name);

    internal Task<CliResult> RunAsync(params string[] arguments) => DoppelCli.RunAsync(arguments, [], State);

    internal Task<CliResult> RunAsync(string[] arguments, byte[] input) => DoppelCli.RunAsync(arguments, input, State);

    internal Process Start(params string[] arguments) => DoppelCli.Start(arguments, State);

    /// <summary>Runs the command, which must succeed, and gives what it printed.</summary>
    internal async Task<string> DoAsync(params string[] arguments)
    {
        CliResult result = await RunAsync(arguments);
        Assert.True(result.Status == 0, $"doppel {string.Join(' ', arguments)}: {result.Status}: {result.ErrorText}");
        return result.OutputText;
    }

    /// <summary>Starts a machine in the background.</summary>
    internal async Task StartAsync(string name, params string[] arguments)
    {
        await DoppelCli.EnsureImageAsync();
        Assert.Equal(name + "\n", await DoAsync(["run", "-d", "--name", name, .. arguments]));
    }

    /// <summary>What <c>ps -a --json</c> says of a machine.</summary>
    internal async Task<JsonElement> LookAsync(string name)
    {
        using JsonDocument all = JsonDocument.Parse(await DoAsync("ps", "-a", "--json"));
        return all.RootElement.EnumerateArray().Single(m => m.GetProperty("name").GetString() == name).Clone();
    }

    internal static string Text(JsonElement machine, string property) => machine.GetProperty(property).GetString()!;

    internal static int Number(JsonElement machine, string property) => machine.GetProperty(property).GetInt32();

    public async ValueTask DisposeAsync()
    {
        string[] names = (await RunAsync("ps", "-a", "-q")).OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (names.Length != 0) await RunAsync(["rm", "-f", .. names]);
        _folder.Dispose();
    }
}

/// <summary>One machine with a shell on its console, shared by the tests of a class.</summary>
public sealed class RunningMachine : IAsyncLifetime
{
    internal const string Name = "shared";

    internal MachineShed Shed { get; } = new();

    public Task InitializeAsync() => Tool.WhyMissing("apt-get") is null ? Shed.StartAsync(Name) : Task.CompletedTask;

    public async Task DisposeAsync() => await Shed.DisposeAsync();
}
