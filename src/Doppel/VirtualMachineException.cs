namespace Doppel;

/// <summary>
/// A machine can not be built or started as asked. The message is for the person who asked: what failed, which file or option, why,
/// and what mends it.
/// </summary>
public sealed class VirtualMachineException : Exception
{
    /// <summary>Creates the exception with a finished message.</summary>
    public VirtualMachineException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a finished message and its cause.</summary>
    public VirtualMachineException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an exception with no detail.</summary>
    public VirtualMachineException()
    {
    }
}
