using Usher.Core;
using Usher.Server.Errors;

namespace Usher.Server.Pages;

/// <summary>Shows an error as a page.</summary>
internal sealed class PageErrors : IErrorFormat
{
    public static readonly PageErrors Instance = new();

    public IResult Write(IReadOnlyList<Error> errors) => errors[0] switch
    {
        { RetryAfter: { } wait } error when error.Is(HostErrors.TooMany) => PageResults.TooMany(wait),
        var error => PageResults.Error(error.StatusCode, error.Message),
    };
}
