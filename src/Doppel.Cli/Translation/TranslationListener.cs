using System.Globalization;
using Doppel.Cli.Output;
using Doppel.Core.Diagnostics;

namespace Doppel.Cli.Translation;

/// <summary>
/// Writes translations as they are made: a trace for people (<c>--trace-jit</c>), a map for profilers (<c>--perf-map</c>).
/// Thread contract: all members from any thread.
/// </summary>
internal sealed class TranslationListener : IDisposable
{
    private readonly Lock _gate = new();
    private readonly TextWriter? _trace;
    private readonly TextWriter? _map;
    private bool _closed;

    private TranslationListener(TextWriter? trace, TextWriter? map) => (_trace, _map) = (trace, map);

    /// <summary>Where profilers look for the names of code that this process generates.</summary>
    internal static string MapPath => string.Create(CultureInfo.InvariantCulture, $"/tmp/perf-{Environment.ProcessId}.map");

    /// <summary>Opens what is asked for; null if that is nothing.</summary>
    /// <exception cref="CliException">A file cannot be written.</exception>
    /// <param name="trace">File for the trace, empty for standard error, null for none.</param>
    /// <param name="map">True to write a map.</param>
    internal static TranslationListener? Open(string? trace, bool map)
    {
        if (trace is null && !map) return null;
        return new(trace is null ? null : trace.Length == 0 ? Console.Error : Create(trace, "--trace-jit"), map ? Create(MapPath, "--perf-map") : null);
    }

    /// <summary>The same machine with translations that come here.</summary>
    internal VirtualMachineConfig Attach(VirtualMachineConfig config) =>
        config with { Translator = config.Translator with { Translated = Add, Trace = _trace is not null } };

    /// <summary>Takes a translation.</summary>
    internal void Add(TranslatedCode code)
    {
        lock (_gate)
        {
            if (_closed) return;
            if (_trace is not null) Trace(code, _trace);
            _map?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{code.HostAddress:x} {code.HostCode.Length:x} guest {code.Mode} {code.Gpa:x} {code.Quality}"));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            if (_trace is StreamWriter file) file.Dispose();
            _map?.Dispose();
        }
    }

    private static StreamWriter Create(string path, string option)
    {
        try
        {
            return new StreamWriter(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"{option}: {path} cannot be written: {e.Message}");
        }
    }

    private static void Trace(TranslatedCode code, TextWriter output)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"== {code.Quality} {code.Mode} {code.Gpa:x}: {code.Instructions} instructions, {code.HostCode.Length} bytes at {code.HostAddress:x}"));
        output.Write(code.Text);
        HostDisassembly.Write(code.HostCode.Span, code.HostAddress, output);
    }
}
