// The oracles are Linux programs.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
