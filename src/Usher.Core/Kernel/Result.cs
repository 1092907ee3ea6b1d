using System.Diagnostics.CodeAnalysis;

namespace Usher.Core;

/// <summary>A <see cref="Result{T}"/> of any type.</summary>
public interface IOutcome
{
    /// <summary>The refusal, or null on success.</summary>
    Error? Error { get; }
}

/// <summary>The result of an operation: a value or an <see cref="Core.Error"/>.</summary>
public readonly struct Result<T> : IOutcome
{
    private readonly T? value;

    private Result(T? value, Error? error) => (this.value, Error) = (value, error);

    /// <summary>The refusal, or null on success.</summary>
    public Error? Error { get; }

    /// <summary>The value.</summary>
    /// <exception cref="InvalidOperationException">The operation was refused.</exception>
    public T Value => Error is null ? value! : throw new InvalidOperationException($"Refused: {Error.Code}.");

    public static implicit operator Result<T>(T value) => new(value, null);

    public static implicit operator Result<T>(Error error) => new(default, error);

    /// <summary>Returns true with the value, or false with the error.</summary>
    public bool TryGet([NotNullWhen(true)] out T? got, [NotNullWhen(false)] out Error? refused)
    {
        (got, refused) = (value, Error);
        return Error is null;
    }

    public TOut Match<TOut>(Func<T, TOut> onValue, Func<Error, TOut> onError) =>
        Error is null ? onValue(value!) : onError(Error);
}
