using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Usher.Server.Api.OpenApi;

/// <summary>
/// Reads the XML docs of types and members as Markdown, from the XML files that the compiler writes beside the
/// assemblies.
/// </summary>
internal sealed partial class XmlDocs
{
    private readonly Dictionary<string, XElement> members;

    private XmlDocs(Dictionary<string, XElement> members) => this.members = members;

    public static XmlDocs Read(params IEnumerable<Assembly> assemblies) => new((
        from assembly in assemblies
        let file = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml")
        from member in XDocument.Load(file).Descendants("member")
        let name = member.Attribute("name")!.Value
        where name.Contains(":Usher.", StringComparison.Ordinal) // generated code documents itself in every assembly
        select (name, member)).ToDictionary(StringComparer.Ordinal));

    public string? Of(Type type) => Text(Find('T', type)?.Element("summary"));

    /// <summary>The docs of a property, or of the record parameter that it comes from.</summary>
    public string? Of(PropertyInfo property) =>
        Text(
            Find('P', property.DeclaringType!, property.Name)?.Element("summary")
                ?? Find('T', property.DeclaringType!)?.Elements("param")
                       .FirstOrDefault(p => p.Attribute("name")?.Value == property.Name));

    public string? Of(FieldInfo field) => Text(Find('F', field.DeclaringType!, field.Name)?.Element("summary"));

    /// <summary>The example in a property's docs.</summary>
    public string? ExampleOf(PropertyInfo property) =>
        Find('P', property.DeclaringType!, property.Name)?.Element("example")?.Value.Trim();

    private XElement? Find(char kind, Type type, string? member = null)
    {
        var name = (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName!.Replace('+', '.');
        return members.GetValueOrDefault($"{kind}:{name}{(member is null ? "" : "." + member)}");
    }

    private static string? Text(XElement? element) =>
        element is null ? null : Space().Replace(string.Concat(element.Nodes().Select(Written)), " ").Trim();

    private static string Written(XNode node) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "para" or "list" or "item" or "description" } part => " " + Text(part) + " ",
        XElement { FirstNode: null } reference => $"`{NameIn(reference)}`",
        XElement code => $"`{code.Value}`",
        _ => "",
    };

    private static string? NameIn(XElement reference) =>
        (reference.Attribute("cref") ?? reference.Attribute("name") ?? reference.Attribute("langword"))
            ?.Value.Split('(')[0].Split('.', ':')[^1];

    [GeneratedRegex(@"\s+", RegexOptions.None, 1000)]
    private static partial Regex Space();
}
