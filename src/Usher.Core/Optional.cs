namespace Usher.Core;

/// <summary>A value a caller may leave out, where null is a value too. The default is "left out".</summary>
public readonly record struct Optional<T>
{
    private readonly T? value;

    private Optional(T? value) => (this.value, IsGiven) = (value, true);

    public bool IsGiven { get; }

    public static implicit operator Optional<T>(T? value) => new(value);

    /// <summary>What was given, else what is there.</summary>
    public T? Or(T? present) => IsGiven ? value : present;
}
