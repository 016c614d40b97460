using Doppel.Cli.Machines;
using Doppel.Images;

namespace Doppel.Cli.Running;

/// <summary>Gives a named machine the root disk of its image, for itself and for as long as it has its name.</summary>
internal static class RootDisks
{
    internal static MachinePlan Give(MachinePlan plan, Image? image, MachineFolder folder, CancellationToken cancellation) => image?.DiskPath is null
        ? plan
        : plan.WithRoot(ImageStore.OpenDefault().CreateScratchDisk(image, folder.RootDisk, cancellation));
}
