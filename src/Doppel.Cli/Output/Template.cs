using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Doppel.Cli.Output;

/// <summary>
/// Texts such as <c>{{.name}} is {{.status}}</c>, as container tools have them, filled in from JSON: <c>{{.ports.0.hostPort}}</c> goes deeper,
/// <c>{{json .}}</c> is all of it. Names are found in any case; <c>\n</c> and <c>\t</c> are what they are in C. Thread contract: stateless.
/// </summary>
internal static class Template
{
    /// <summary>Fills a text in.</summary>
    /// <exception cref="CliException">There is nothing of a name.</exception>
    internal static string Fill(string text, JsonElement values)
    {
        string plain = text.Replace(@"\n", "\n", StringComparison.Ordinal).Replace(@"\t", "\t", StringComparison.Ordinal);
        return Regex.Replace(plain, @"\{\{(.*?)\}\}", place => ValueOf(place.Groups[1].Value.Trim(), values), RegexOptions.NonBacktracking);
    }

    private static string ValueOf(string expression, JsonElement values)
    {
        bool asJson = expression.StartsWith("json ", StringComparison.Ordinal);
        string path = asJson ? expression["json ".Length..].Trim() : expression;
        if (!path.StartsWith('.')) throw Unknown(expression, values);
        JsonElement value = values;
        foreach (string name in path.Split('.', StringSplitOptions.RemoveEmptyEntries)) value = Step(value, name) ?? throw Unknown(name, value);
        return asJson || value.ValueKind is not JsonValueKind.String ? Compact(value) : value.GetString()!;
    }

    private static JsonElement? Step(JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.Array)
            return int.TryParse(name, out int index) && index >= 0 && index < value.GetArrayLength() ? value[index] : null;
        if (value.ValueKind != JsonValueKind.Object) return null;
        foreach (JsonProperty property in value.EnumerateObject())
        {
            if (property.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) return property.Value;
        }
        return null;
    }

    private static string Compact(JsonElement value)
    {
        if (value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)) return value.GetRawText();
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes)) value.WriteTo(json);
        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    private static CliException Unknown(string name, JsonElement values)
    {
        string? names = values.ValueKind == JsonValueKind.Object ? string.Join(", ", values.EnumerateObject().Select(static p => p.Name)) : null;
        return CliException.Usage($"--format: there is no {name}", names is null ? "for instance `--format '{{.name}} {{.status}}'`" : $"there are: {names}");
    }
}
