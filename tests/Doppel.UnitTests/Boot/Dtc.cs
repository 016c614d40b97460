using System.Diagnostics;

namespace Doppel.UnitTests.Boot;

internal sealed record DtcResult(string Source, string Errors);

/// <summary>The device tree compiler as an outside oracle. A missing compiler is a failure, not a skip.</summary>
internal static class Dtc
{
    public static DtcResult Decompile(byte[] blob)
    {
        string errors = Run("dtb", "dts", blob, out byte[] output);
        return new DtcResult(System.Text.Encoding.UTF8.GetString(output), errors);
    }

    public static byte[] Compile(string source)
    {
        string errors = Run("dts", "dtb", System.Text.Encoding.UTF8.GetBytes(source), out byte[] output);
        Assert.True(output.Length > 0, errors);
        return output;
    }

    private static string Run(string from, string to, byte[] input, out byte[] output)
    {
        ProcessStartInfo start = new("dtc", ["-I", from, "-O", to, "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Task write = Task.Run(() =>
        {
            process.StandardInput.BaseStream.Write(input);
            process.StandardInput.Close();
        });
        using MemoryStream bytes = new();
        process.StandardOutput.BaseStream.CopyTo(bytes);
        write.Wait();
        process.WaitForExit();
        output = bytes.ToArray();
        return errors.Result;
    }
}
