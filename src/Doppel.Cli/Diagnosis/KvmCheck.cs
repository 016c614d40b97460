using System.Globalization;
using Doppel.Host;
using Doppel.Host.Probes;

namespace Doppel.Cli.Diagnosis;

/// <summary>Looks at KVM by running a guest in it: a device node that is there may still be an emulator below.</summary>
internal static class KvmCheck
{
    private const string Device = "/dev/kvm";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    internal static async Task<(Finding Finding, KvmSpeed? Speed)> RunAsync()
    {
        if (HostFacts.WhyNotUsable(Device) is { } reason)
        {
            string advice = File.Exists(Device) ? $"join the group that owns it: sudo usermod -aG kvm $USER, then log in again" : "Doppel does not need it";
            return (new("KVM", FindingState.Missing, $"not usable: {reason}", advice), null);
        }
        try
        {
            KvmSpeed speed = await Task.Run(static () => KvmProbe.Measure(TimeProvider.System)).WaitAsync(s_patience);
            return (Describe(speed), speed);
        }
        catch (TimeoutException)
        {
            return (new("KVM", FindingState.Missing, $"{Device} opens, but a tiny guest did not end within {s_patience.TotalSeconds:0} s"), null);
        }
        catch (HostException e)
        {
            return (new("KVM", FindingState.Missing, $"{Device} opens, but does not work: {e.Message}"), null);
        }
    }

    internal static Finding Describe(KvmSpeed speed)
    {
        string numbers = string.Create(CultureInfo.InvariantCulture,
            $"guest code runs {speed.Slowdown:0.0}x slower than the host's own, an exit takes {speed.ExitNs / 1000:0.0} us");
        return speed.IsHardware
            ? new("KVM", FindingState.Good, $"real hardware virtualization: {numbers}")
            : new("KVM", FindingState.Note, $"present, but no hardware behind it: {numbers}; something below emulates the processor",
                "do not count on KVM here; Doppel's own engines do not use it");
    }
}
