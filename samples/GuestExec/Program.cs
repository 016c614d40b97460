// Runs a command in a Debian guest and prints what it printed: dotnet run --project samples/GuestExec -- uname -a
// With --repeat N in front it runs it N times more and tells how long the guest took: dotnet run --project samples/GuestExec -- --repeat 200 true

using System.Diagnostics;
using System.Globalization;
using Doppel;
using Doppel.Agent;
using Doppel.Images;

int repeat = args is ["--repeat", var count, ..] ? int.Parse(count, CultureInfo.InvariantCulture) : 0;
string[] command = repeat > 0 ? args[2..] : args;
if (command.Length == 0) command = ["uname", "-a"];

Image image = await ImageStore.OpenDefault().GetAsync("debian");
await using VirtualMachine vm = await VirtualMachine.StartAsync(image.Configure(new VirtualMachineConfig()));
try
{
    GuestExecResult result = await vm.ExecAsync(command);
    Console.Write(result.OutputText);
    Console.Error.Write(result.ErrorText);
    if (repeat > 0) Console.WriteLine(await MeasureAsync());
    return result.ExitCode;
}
catch (GuestAgentException e)
{
    Console.Error.WriteLine(e.Message);
    return 127;
}

// The first half warms up: the translator meets the guest's code, and .NET its own.
async Task<string> MeasureAsync()
{
    List<double> times = [];
    for (int i = 0; i < 2 * repeat; i++)
    {
        long start = Stopwatch.GetTimestamp();
        await vm.ExecAsync(command);
        if (i >= repeat) times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }
    times.Sort();
    return string.Create(CultureInfo.InvariantCulture,
        $"vm.ExecAsync, {repeat} times: least {times[0]:0.00} ms, median {times[repeat / 2]:0.00} ms, 90 % within {times[repeat * 9 / 10]:0.00} ms");
}
