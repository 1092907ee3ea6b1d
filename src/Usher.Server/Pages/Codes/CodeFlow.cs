namespace Usher.Server.Pages.Codes;

/// <summary>
/// What the pages of all mailed links do. GET shows the same page for every link, so that it does not reveal whether
/// the link exists. The script join.js, or the person, posts the code to a check that changes nothing and keeps the
/// code in a cookie; then GET shows the state of the link. All other POSTs act on it.
/// </summary>
/// <typeparam name="TCodePage">The page that asks for the code.</typeparam>
/// <param name="http">The request.</param>
/// <param name="codes">The cookie of the checked code.</param>
/// <param name="limits">Counts every attempt, for known and unknown links alike.</param>
/// <param name="slug">The organization in the path; empty for a link without one.</param>
/// <param name="id">The link's id as in the path.</param>
internal sealed class CodeFlow<TCodePage>(
    HttpContext http, CodeCookie codes, GuestLimits limits, string slug, string id)
    where TCodePage : ICodePage
{
    /// <summary>Gets what shows the state of a link: null for a link that does not exist.</summary>
    public required Func<CheckedCode, Task<IResult?>> State { get; init; }

    /// <summary>Gets the query of the link's page. The default is none.</summary>
    public string Query { get; init; } = "";

    public async Task<IResult> ShowAsync()
    {
        if (codes.Read(http.Request, slug, id) is not { } code) return AskForCode();
        if (await State(code) is { } page) return page;
        codes.Delete(http.Response, code);
        return AskForCode();
    }

    /// <summary>Answers a posted form. Forms other than the code's are passed on with the checked code.</summary>
    public async Task<IResult> AnswerAsync(Func<CheckedCode, IFormCollection, Task<IResult>> answer)
    {
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        if (limits.Code(http, id) is { } wait) return PageResults.TooMany(http, wait);
        if (form["step"] == CodeForm.Step) return await CheckAsync(form["code"].ToString());
        return codes.Read(http.Request, slug, id) is { } code
            ? await answer(code, form)
            : AskForCode(TCodePage.Forgotten);
    }

    /// <summary>Redirects to the link's page, which shows its state.</summary>
    public IResult ToState(CheckedCode code) => PageResults.SeeOther(codes.PathOf(code) + Query);

    private async Task<IResult> CheckAsync(string typed)
    {
        if (!codes.TryFind(typed, out var secret)) return AskForCode(TCodePage.NotACode);
        if (!CodeCookie.TryParseId(id, out var known)) return AskForCode(TCodePage.Unknown);
        var code = new CheckedCode(slug, known, secret);
        if (await State(code) is null) return AskForCode(TCodePage.Unknown);
        codes.Write(http.Response, code);
        return ToState(code);
    }

    private static IResult AskForCode(string? problem = null) => problem is null
        ? PageResults.Page<TCodePage>(new { })
        : PageResults.Page<TCodePage>(new { Problem = problem }, StatusCodes.Status422UnprocessableEntity);
}
