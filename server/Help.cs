using System.Collections;
using System.ComponentModel;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace Tracing.Server;

/// <summary>One setting, as help and README show it.</summary>
/// <param name="Key">Full configuration key.</param>
/// <param name="Default">The default as one would write it.</param>
/// <param name="Text">What it does, unit and range.</param>
sealed record Setting(string Key, string Default, string Text);

/// <summary>The list of all settings, made from the option classes so that it cannot be out of date.</summary>
static class Help
{
    public static IReadOnlyList<Setting> Settings() => Settings(new ServerOptions());

    /// <summary>The same with what is set instead of the defaults, without secrets.</summary>
    public static IReadOnlyList<Setting> Settings(ServerOptions options) => [.. Of(options, ServerOptions.Section)];

    public static string Text()
    {
        var text = new StringBuilder("""
            Tracing: a server that takes spans from any Zipkin or OpenTelemetry client, keeps and shows them.

            Settings are given as --Key=value, in the environment as Key with __ for each colon, or in
            appsettings.json in the working directory. Zipkin's own environment variables are honoured too.


            """);
        foreach (var setting in Settings())
        {
            text.Append(CultureInfo.InvariantCulture, $"--{setting.Key}={setting.Default}\n");
            foreach (var line in Wrap(setting.Text, 92))
                text.Append("      ").Append(line).Append('\n');
        }
        return text.ToString();
    }

    static IEnumerable<Setting> Of(object options, string prefix)
    {
        foreach (var property in options.GetType().GetProperties())
        {
            var key = $"{prefix}:{property.Name}";
            var value = property.GetValue(options);
            if (property.GetCustomAttribute<DescriptionAttribute>() is { } description)
                yield return new Setting(key, Secrets.Hide(property.Name, Show(value)), description.Description);
            else if (value is not null and not (string or IEnumerable))
            {
                foreach (var setting in Of(value, key))
                    yield return setting;
            }
        }
    }

    static string Show(object? value) => value switch
    {
        bool b => b ? "true" : "false",
        Enum e => e.ToString().ToLowerInvariant(),
        IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
        _ => value?.ToString() ?? "",
    };

    static IEnumerable<string> Wrap(string text, int width)
    {
        var line = new StringBuilder();
        foreach (var word in text.Split(' '))
        {
            if (line.Length + word.Length >= width)
            {
                yield return line.ToString();
                line.Clear();
            }
            line.Append(line.Length == 0 ? "" : " ").Append(word);
        }
        yield return line.ToString();
    }
}
