namespace Doppel.IsaTests.Oracle;

/// <summary>QEMU's user-mode emulator.</summary>
internal sealed class QemuUserRunner : IRunner
{
    // Vectors are off so that no instruction of a sequence can mean one.
    private const string Cpu = "rv64,zba=true,zbb=true,zbc=true,zbs=true,v=false";

    public RunResult Run(SequenceProgram program)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, program.ToElf());
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return new RunResult(ExternalTool.QemuUser.Run(["-cpu", Cpu, file], TimeSpan.FromMinutes(5)));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
