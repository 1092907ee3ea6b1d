using Microsoft.AspNetCore.Components;

namespace Usher.Server.Pages.Codes;

/// <summary>
/// The page that asks for the code of a mailed link. It has the parameter <c>Problem</c>: what is wrong with the
/// submitted code.
/// </summary>
internal interface ICodePage : IComponent
{
    /// <summary>The problem with a text that is no code.</summary>
    static abstract string NotACode { get; }

    /// <summary>The problem with a code that does not belong to the page's link.</summary>
    static abstract string Unknown { get; }

    /// <summary>The problem of a form that was sent after the checked code had expired.</summary>
    static abstract string Forgotten { get; }
}
