using System.Text.Json;
using Doppel.Cli.Output;

namespace Doppel.Cli.Machines;

/// <summary>
/// All that a named machine has on disk:
/// <code>
/// machine.json    what it was started as; its creation takes the name
/// state.json      how it is; replaced in one step
/// lock            held by the machine's process as long as it lives, and by nothing else
/// control         socket on which that process is spoken to
/// console.log     what the guest printed, and console.log.1 what it printed before
/// boot.log        its serial port, where that is not the console
/// process.log     what the process itself had to say
/// root.qcow2      what it has changed of its image's root disk, where the image has one
/// root.base       that root disk, by another name of the same file, so that it stays when the image is updated or removed
/// </code>
/// Thread contract: any thread and any process; only who holds the lock writes.
/// </summary>
internal sealed class MachineFolder(string path)
{
    // The address of a socket holds no more than this and a zero byte (unix(7)).
    private const int LongestSocketPath = 107;
    private const string GravePrefix = ".gone-";

    /// <summary>Where it is; another place once it was renamed.</summary>
    internal string Path { get; private set; } = path;

    internal string Name => System.IO.Path.GetFileName(Path);

    internal string ControlPath => File("control");

    internal string ConsoleLog => File("console.log");

    internal string BootLog => File("boot.log");

    internal string ProcessLog => File("process.log");

    internal string RootDisk => File("root.qcow2");

    internal string RootBase => File("root.base");

    private string LockPath => File("lock");

    private string RecordPath => File("machine.json");

    /// <summary>Takes a name. Of several who want it, one gets it.</summary>
    /// <exception cref="CliException">The name is taken, or the folder's path is too long.</exception>
    internal static MachineFolder Create(string root, MachineRecord record)
    {
        MachineFolder folder = new(System.IO.Path.Combine(root, record.Name));
        folder.ThrowIfTooLong();
        CreatePrivate(folder.Path);
        // Written under another name first: a disk that is full leaves no machine of which nothing is known.
        string draft = folder.File($"machine.json.{Guid.NewGuid():N}");
        try
        {
            using (FileStream file = new(draft, FileMode.CreateNew, FileAccess.Write)) WriteJson(file, record.WriteTo);
            System.IO.File.Move(draft, folder.RecordPath);
        }
        catch (IOException) when (System.IO.File.Exists(folder.RecordPath))
        {
            System.IO.File.Delete(draft);
            throw Taken(record.Name);
        }
        catch (IOException)
        {
            System.IO.File.Delete(draft);
            folder.DeleteIfEmpty();
            throw;
        }
        return folder;
    }

    /// <summary>
    /// Gives the machine another name. Only who holds the lock may, because the machine's process writes by the name.
    /// </summary>
    /// <exception cref="CliException">The name is taken, or the folder's path would be too long.</exception>
    internal void Rename(string name)
    {
        MachineFolder target = new(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path)!, name));
        target.ThrowIfTooLong();
        try
        {
            Directory.Move(Path, target.Path);
        }
        catch (IOException) when (Directory.Exists(target.Path))
        {
            throw Taken(name);
        }
        Path = target.Path;
        if (ReadRecord() is { } record) Replace("machine.json", record.WriteTo);
    }

    /// <summary>Makes a folder that nobody else may look into.</summary>
    internal static void CreatePrivate(string path)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException();
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>The lock that tells all others that the machine's process lives; null if another process holds it.</summary>
    internal FileStream? TryLock()
    {
        // A reader who just looks whether it is held holds it for a moment too.
        for (int attempt = 0; attempt < 50; attempt++)
        {
            try
            {
                return new FileStream(LockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (Directory.Exists(Path))
            {
                Thread.Sleep(10);
            }
        }
        return null;
    }

    /// <summary>True if there is such a machine.</summary>
    internal bool Exists => System.IO.File.Exists(RecordPath);

    /// <summary>What it was started as, or null if there is no such machine, or nobody knows any more.</summary>
    internal MachineRecord? ReadRecord() => ReadJson("machine.json", MachineRecord.Read) is { } record ? record with { Name = Name } : null;

    /// <summary>How it is, a process that died without a word included.</summary>
    internal MachineState ReadState()
    {
        MachineState? state = ReadJson("state.json", MachineState.Read);
        if (state is { Status: MachineStatus.Exited }) return state;
        if (IsLocked()) return state ?? new MachineState { Status = MachineStatus.Starting };
        // It may have ended between the two looks.
        state = ReadJson("state.json", MachineState.Read) ?? state;
        if (state is { Status: MachineStatus.Exited }) return state;
        bool isNew = state is null && DateTime.UtcNow - Directory.GetCreationTimeUtc(Path) < TimeSpan.FromSeconds(5);
        if (isNew) return new MachineState { Status = MachineStatus.Starting };
        string reason = state is null ? "its process did not start" : $"its process {state.Process.Id} was killed or crashed";
        if (new FileInfo(ProcessLog) is { Exists: true, Length: > 0 }) reason += $"; what it said is in {ProcessLog}";
        state ??= new MachineState { Status = MachineStatus.Dead };
        return state with { Status = MachineStatus.Dead, ExitCode = ExitStatus.FromSignal(9), Reason = reason };
    }

    /// <summary>The last line that the machine's process itself had to say; null if there is none.</summary>
    internal string? LastMessage
    {
        get
        {
            try
            {
                return System.IO.File.ReadLines(ProcessLog).LastOrDefault(static line => line.Length != 0);
            }
            catch (IOException)
            {
                return null;
            }
        }
    }

    /// <summary>Writes how it is; only by the machine's process.</summary>
    internal void WriteState(MachineState state)
    {
        try
        {
            Replace("state.json", state.WriteTo);
        }
        catch (IOException) when (System.IO.File.Exists(File("state.json")))
        {
            // A disk that is full has room where the former state is.
            System.IO.File.Delete(File("state.json.new"));
            using FileStream file = new(File("state.json"), FileMode.Open, FileAccess.Write);
            WriteJson(file, state.WriteTo);
            file.SetLength(file.Position);
        }
    }

    /// <summary>Removes all of it. The name is free when this begins, so a half-removed machine is never seen.</summary>
    internal void Delete()
    {
        string grave = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path)!, GravePrefix + Guid.NewGuid().ToString("N"));
        try
        {
            Directory.Move(Path, grave);
            RemoveTree(grave);
        }
        catch (DirectoryNotFoundException)
        {
            // Somebody else was faster.
        }
    }

    /// <summary>Removes what a removal that was interrupted has left.</summary>
    internal static void BuryRest(string root)
    {
        foreach (string grave in Directory.EnumerateDirectories(root, GravePrefix + "*")) RemoveTree(grave);
    }

    private static void RemoveTree(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (IOException)
        {
            // Another process removes it at the same time.
        }
    }

    private static CliException Taken(string name) =>
        new($"there is a machine {name} already", $"take another name, or remove that one with `doppel rm {name}`");

    private void ThrowIfTooLong()
    {
        if (System.Text.Encoding.UTF8.GetByteCount(ControlPath) <= LongestSocketPath) return;
        throw new CliException($"{ControlPath}: too long for a socket",
            $"take a shorter name, or set {MachineRegistry.StateVariable} to a folder with a shorter path");
    }

    private void DeleteIfEmpty()
    {
        try
        {
            Directory.Delete(Path);
        }
        catch (IOException)
        {
            // Somebody else has made a machine of it.
        }
    }

    private void Replace(string name, Action<Utf8JsonWriter> write)
    {
        string next = File(name + ".new");
        using (FileStream file = new(next, FileMode.Create, FileAccess.Write)) WriteJson(file, write);
        System.IO.File.Move(next, File(name), overwrite: true);
    }

    private string File(string name) => System.IO.Path.Combine(Path, name);

    // Readers share their lock with each other, so that two who look do not take each other for the machine.
    private bool IsLocked()
    {
        try
        {
            using FileStream look = new(LockPath, FileMode.Open, FileAccess.Read, FileShare.Read);
            return false;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private T? ReadJson<T>(string name, Func<JsonElement, T> read)
        where T : class
    {
        try
        {
            using var document = JsonDocument.Parse(System.IO.File.ReadAllBytes(File(name)));
            return read(document.RootElement);
        }
        catch (Exception e) when (e is IOException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException
            or ArgumentException)
        {
            return null;
        }
    }

    private static void WriteJson(Stream stream, Action<Utf8JsonWriter> write)
    {
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        stream.Write("\n"u8);
    }
}
