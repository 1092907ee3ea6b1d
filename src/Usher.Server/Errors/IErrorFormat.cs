using Usher.Core;

namespace Usher.Server.Errors;

/// <summary>The error format of one surface.</summary>
public interface IErrorFormat
{
    /// <summary>Makes the answer for one or more errors. The first error determines the status.</summary>
    IResult Write(IReadOnlyList<Error> errors);
}
