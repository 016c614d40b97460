using Xunit;

namespace Doppel.IsaTests.Oracle;

/// <summary>A test that asks QEMU's user-mode emulator.</summary>
internal sealed class QemuUserTheoryAttribute : TheoryAttribute
{
    public QemuUserTheoryAttribute() => Skip = ExternalTool.WhySkip(ExternalTool.QemuUser);
}

/// <summary>A test that asks QEMU's whole-machine emulator.</summary>
internal sealed class QemuSystemTheoryAttribute : TheoryAttribute
{
    public QemuSystemTheoryAttribute() => Skip = ExternalTool.WhySkip(ExternalTool.QemuSystem);
}

/// <summary>A test that asks the GNU assembler.</summary>
internal sealed class AssemblerFactAttribute : FactAttribute
{
    public AssemblerFactAttribute() => Skip = ExternalTool.WhySkip(ExternalTool.Assembler, ExternalTool.ObjectCopy);
}

/// <summary>A test that asks QEMU's user-mode emulator.</summary>
internal sealed class QemuUserFactAttribute : FactAttribute
{
    public QemuUserFactAttribute() => Skip = ExternalTool.WhySkip(ExternalTool.QemuUser);
}

/// <summary>A test that asks QEMU's whole-machine emulator.</summary>
internal sealed class QemuSystemFactAttribute : FactAttribute
{
    public QemuSystemFactAttribute() => Skip = ExternalTool.WhySkip(ExternalTool.QemuSystem);
}
