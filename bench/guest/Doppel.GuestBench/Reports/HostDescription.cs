using System.Runtime.InteropServices;

namespace Doppel.GuestBench.Reports;

/// <summary>What the numbers were measured on.</summary>
/// <param name="Processor">Name of the processor as the kernel gives it.</param>
/// <param name="Processors">How many of them the suite may use.</param>
/// <param name="OperatingSystem">Release of the host.</param>
/// <param name="Runtime">Version of .NET.</param>
/// <param name="Guest">Release and kernel of the guest.</param>
internal sealed record HostDescription(string Processor, int Processors, string OperatingSystem, string Runtime, string Guest)
{
    /// <summary>Looks at this host.</summary>
    public static HostDescription Read(string guest)
    {
        string? model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal));
        return new HostDescription(model?[(model.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount, RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription, guest);
    }
}
