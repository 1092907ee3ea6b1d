namespace Usher.Core;

/// <summary>
/// The place of a field in an operation's input: names and indexes from 0, separated by slashes, such as <c>email</c>
/// or <c>levels/2/resource</c>.
/// </summary>
public readonly record struct FieldPath(string Text)
{
    public static implicit operator FieldPath(string text) => new(text);

    /// <summary>The names and indexes, from the outermost to the innermost.</summary>
    public IReadOnlyList<string> Segments => Text.Split('/');

    /// <summary>The same field in an input that has this one at <paramref name="parent"/>.</summary>
    public FieldPath Under(FieldPath parent) => Text.Length is 0 ? parent : new($"{parent.Text}/{Text}");

    /// <summary>The path below <paramref name="parent"/>; the same path if the field is not below it.</summary>
    public FieldPath Below(FieldPath parent) =>
        Text.StartsWith(parent.Text + "/", StringComparison.Ordinal) ? new(Text[(parent.Text.Length + 1)..]) : this;

    public override string ToString() => Text;
}
