namespace Usher.Core;

/// <summary>An optional value that distinguishes null from absent. The default is absent.</summary>
public readonly record struct Optional<T>
{
    private readonly T? value;

    private Optional(T? value) => (this.value, IsGiven) = (value, true);

    public bool IsGiven { get; }

    public static implicit operator Optional<T>(T? value) => new(value);

    /// <summary>The given value, or <paramref name="present"/> if absent.</summary>
    public T? Or(T? present) => IsGiven ? value : present;
}
