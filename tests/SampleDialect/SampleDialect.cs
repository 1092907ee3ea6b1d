using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Usher.Core;
using Usher.Core.Invitations;
using Usher.Server.Auth;
using Usher.Server.Dialects;
using Usher.Server.Errors;
using Usher.Server.Json;

namespace Sample;

/// <summary>
/// The smallest dialect, outside of the server: one route. docs/dialects/README.md explains it, and a test runs it.
/// </summary>
public sealed class SampleDialect : IDialect
{
    private static readonly InviteOptions AsSampleDoes = new(
        OnPending.Refuse, OnActive.Refuse, OnRemoved.New, SendMail: true, UnknownReferences.Refuse);

    public string Name => "Sample";

    public void Map(WebApplication app)
    {
        var sample = app.MapSurface("/sample", new SampleErrors()).WithTags("Sample");
        sample.MapPost("/people", InviteAsync).RequireAuthorization(Policies.Key, Policies.UserManagement);
    }

    private static async Task<IResult> InviteAsync(
        HttpRequest request, Actor actor, InvitationService invitations, CancellationToken ct)
    {
        if (!(await JsonBody.ReadAsync(request, ct)).TryGet(out var body, out var unreadable))
            return new ErrorResult(unreadable);
        if (body.Member("mail")?.Text is not { } mail) return new ErrorResult(SampleErrors.MailMissing);
        var row = new NewInvitation(mail)
        {
            FirstName = body.Member("first")?.Text, LastName = body.Member("last")?.Text,
        };
        var outcomes = await invitations.InviteAsync(actor, [row], AsSampleDoes, ct);
        return outcomes[0].ToHttp(invited => SampleJson.Answer(PersonDocument.From(invited.Member)));
    }
}
