using System.Collections;
using System.Reflection;

namespace Doppel.UnitTests.House;

/// <summary>Two machines in one process share nothing: there is no process-wide mutable state.</summary>
public sealed class StaticStateTests
{
    private const BindingFlags Statics = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static readonly string[] s_assemblies = ["Doppel.Host", "Doppel.Core", "Doppel.Jit", "Doppel.RiscV", "Doppel.Devices", "Doppel"];

    [Fact]
    public void Libraries_HaveNoMutableStatics()
        => Assert.Equal("", string.Join('\n', s_assemblies.SelectMany(static a => Assembly.Load(a).GetTypes()).SelectMany(MutableStatics)));

    [Fact]
    public void MutableStatics_OfABadExample_AreAllNamed()
        => Assert.Equal(["Name", "s_cache", "s_counter"], MutableStatics(typeof(BadExample)).Select(static m => m.Split('.')[^1]).Order(StringComparer.Ordinal));

    // What the compiler makes for lambdas and tables carries a name that no person can write.
    private static IEnumerable<string> MutableStatics(Type type)
    {
        if (type.FullName!.Contains('<', StringComparison.Ordinal)) return [];
        IEnumerable<string> fields = type.GetFields(Statics)
            .Where(static f => !f.IsLiteral && !f.Name.Contains('<', StringComparison.Ordinal) && (!f.IsInitOnly || IsMutableCollection(f.FieldType)))
            .Select(static f => f.Name);
        IEnumerable<string> properties = type.GetProperties(Statics).Where(static p => p.SetMethod is not null).Select(static p => p.Name);
        return fields.Concat(properties).Select(name => $"{type.FullName}.{name}");
    }

    // Arrays are tables here; a growing collection is a cache.
    private static bool IsMutableCollection(Type type)
        => !type.IsArray && !type.IsInterface && type.IsAssignableTo(typeof(ICollection)) && !type.Name.StartsWith("Frozen", StringComparison.Ordinal)
            && !type.Name.StartsWith("Immutable", StringComparison.Ordinal) && !type.Name.StartsWith("ReadOnly", StringComparison.Ordinal);

    private static class BadExample
    {
        internal const int Fine = 1;
        internal static readonly int[] FineTable = [1, 2];
        private static readonly Dictionary<string, int> s_cache = [];
        private static int s_counter;

        internal static string Name { get; set; } = "";

        internal static int Next() => s_counter++ + s_cache.Count;
    }
}
