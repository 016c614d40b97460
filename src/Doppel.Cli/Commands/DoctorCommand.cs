using System.CommandLine;
using Doppel.Cli.Diagnosis;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;
using Doppel.Host.Probes;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel doctor</c>.</summary>
internal static class DoctorCommand
{
    internal static Command Create()
    {
        DoppelCommand command = new("doctor", "Show what this host offers, and which engine would be chosen.")
        {
            Examples = [("doppel doctor", "a table"), ("doppel doctor --json", "the same for a script")],
            Notes = ["KVM is measured, not only looked for: a tiny guest runs for about a tenth of a second."],
        };
        Option<bool> json = new("--json") { Description = "Print the report as JSON" };
        command.Options.Add(json);
        command.SetAction((result, _) => RunAsync(result.GetValue(json), result.InvocationConfiguration.Output));
        return command;
    }

    private static async Task<int> RunAsync(bool json, TextWriter output)
    {
        (Finding kvm, KvmSpeed? speed) = await KvmCheck.RunAsync();
        DoctorReport report = new([.. HostChecks.All(), kvm], speed);
        if (json) report.WriteJson(Console.OpenStandardOutput());
        else if (Console.IsOutputRedirected) report.WritePlain(output);
        else report.WriteTable();
        return ExitStatus.Success;
    }
}
