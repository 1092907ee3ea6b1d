using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;

namespace Usher.Server.Tests.Api;

/// <summary>
/// Random stories of everything that can happen to invitations, done to the server and to a <see cref="Model"/> of what
/// the design says of it: after every step the two are the same. USHER_MODEL_RUNS says how many stories, and
/// USHER_MODEL_REPLAY, in the form that a failure prints, which one first.
/// </summary>
public sealed class InvitationModelTests(InvitationModelTests.OperatedApp operated)
    : IClassFixture<InvitationModelTests.OperatedApp>
{
    private const int Runs = 60;
    private const int Longest = 25;

    private readonly UsherApp app = operated.App;

    /// <summary>
    /// A server whose clock tests move, that does nothing by itself and that an operator may look into.
    /// </summary>
    public sealed class OperatedApp : IAsyncLifetime
    {
        public string Key { get; } = "operator_" + Guid.NewGuid().ToString("N");

        public TestClock Clock { get; } = new();

        public UsherApp App { get; private set; } = null!;

        public async ValueTask InitializeAsync() =>
            App = await UsherApp.StartAsync(
                new()
                {
                    ["Usher:Operator:ApiKey"] = Key, ["Logging:LogLevel:Default"] = "Warning",
                    ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "Warning",
                    ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
                },
                Clock, workers: false);

        public ValueTask DisposeAsync() => App.DisposeAsync();
    }

    [Fact]
    public async Task Whatever_happens_to_invitations_is_what_the_design_says_happens()
    {
        var elsewhere = await app.CreateOrganizationAsync();
        using var client = app.CreateClient();
        var stories = Prop.ForAll(Commands.Stories(Longest), story => RunAsync(story, elsewhere, client));
        var config = Config.QuickThrowOnFailure.WithMaxTest(Number("USHER_MODEL_RUNS") ?? Runs)
            .WithQuietOnSuccess(true);
        if (Environment.GetEnvironmentVariable("USHER_MODEL_REPLAY") is { Length: > 0 } replay)
            config = config.WithReplay(ReplayOf(replay));
        await Task.Run(() => stories.Check(config), TestContext.Current.CancellationToken);
    }

    private async Task RunAsync(Story story, TestOrganization elsewhere, HttpClient client)
    {
        var world = await World.CreateAsync(app, operated.Clock, elsewhere, client, operated.Key);
        var model = Model.Start(operated.Clock.Now());
        await CompareAsync(model, world, "the start");
        foreach (var (step, command) in story.Commands.Index())
        {
            if (command.Predict(model) is not { } expected) continue;
            var where = $"step {step + 1}, {command}";
            var reply = await command.DoAsync(model, world);
            Same(
                where, Answer(expected.Status, command.HasCodes ? expected.Code : null, expected.Shown),
                Answer(reply.Status, reply.Code, reply.Shown));
            if (expected.SessionOf is { } user) Keep(world, user, reply);

            var mails = await world.TakeMailsAsync();
            Same(
                where + ": mails",
                Sorted(expected.After.Mails.Skip(model.Mails.Count).Select(m => $"{m.Kind} to {m.To}")),
                Sorted(mails.Select(m => $"{m.Kind} to {world.PersonAt(m.Recipient)}")));
            // What a refused call should have left alone is seen after the next that is not.
            if (expected.After != model) await CompareAsync(expected.After, world, where);
            world.Learn(expected.After, mails, reply);
            await CompareOffersAsync(
                expected.After, world, where,
                link => link >= model.Links.Count || !Equals(expected.After.ShowOffer(link), model.ShowOffer(link)));
            model = expected.After;
        }

        await CompareAsync(model, world, "the end");
        await CompareOffersAsync(model, world, "the end", _ => true);
    }

    private static async Task CompareAsync(Model model, World world, string where)
    {
        var (invitations, members) = await world.ShowAsync();
        Same(where + ": members", World.Lines(model.ShowMembers()), members);
        Same(where + ": invitations", World.Lines(model.ShowInvitations()), invitations);
    }

    private static async Task CompareOffersAsync(Model model, World world, string where, Func<int, bool> which)
    {
        foreach (var link in Enumerable.Range(0, model.Links.Count).Where(which))
            Same($"{where}: link", $"link {link}: {model.ShowOffer(link)}", await world.ShowOfferAsync(link));
    }

    private static void Keep(World world, int user, Reply reply)
    {
        var token = (reply.Body.TryGetProperty("session", out var session) ? session : reply.Body).GetProperty("token")
            .GetString()!;
        if (user == world.Sessions.Count) world.Sessions.Add(token);
        else world.Sessions[user] = token;
    }

    private static string Answer(int status, string? code, object? shown) => $"{status} {code} {shown}";

    private static string Sorted(IEnumerable<string> lines) => World.Lines(lines.Order(StringComparer.Ordinal));

    // Only the lines that differ.
    private static void Same(string where, string expected, string actual)
    {
        if (expected == actual) return;
        var (wanted, got) = (expected.Split('\n'), actual.Split('\n'));
        Assert.Fail(
            $"{where}\nby the model:\n  {string.Join("\n  ", wanted.Except(got))}\nby the server:\n  "
            + $"{string.Join("\n  ", got.Except(wanted))}");
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    // "seed,gamma,size", with or without what else FsCheck prints around the numbers.
    private static Replay ReplayOf(string text)
    {
        var parts = text.Split([',', '(', ')', ' '], StringSplitOptions.RemoveEmptyEntries);
        return new(
            new Rnd(
                ulong.Parse(parts[0], CultureInfo.InvariantCulture),
                ulong.Parse(parts[1], CultureInfo.InvariantCulture)),
            parts is [_, _, var size] ? int.Parse(size, CultureInfo.InvariantCulture) : null);
    }
}

/// <summary>One after the other.</summary>
internal sealed record Story(IReadOnlyList<Command> Commands)
{
    public override string ToString() => "\n  " + string.Join("\n  ", Commands);
}

/// <summary>Random stories, mostly of things that can be done, and how to tell one more shortly.</summary>
internal static class Commands
{
    private static readonly Gen<Person> By = Gen.Frequency(
        (4, Gen.Constant(Person.Olivia)), (2, Gen.Constant(Person.Alan)), (4, Gen.Constant(Person.Max)),
        (3, Gen.Constant(Person.Eva)), (1, Gen.Constant(Person.Nil)));

    private static readonly Gen<Person> Guest = Gen.Frequency(
        (8, Gen.Constant(Person.Ada)), (4, Gen.Constant(Person.Dot)), (2, Gen.Constant(Person.Bob)),
        (1, Gen.Constant(Person.Cem)));
    private static readonly Gen<Person> Staff = Gen.Elements(
        Person.Olivia, Person.Alan, Person.Max, Person.Max, Person.Eva, Person.Nil);
    private static readonly Gen<Person> Whom = Gen.Frequency((15, Guest), (2, Gen.Constant(Person.Olivia)), (1, Staff));
    private static readonly Gen<int> Back = Gen.Frequency(
        (6, Gen.Constant(0)), (1, Gen.Constant(1)), (1, Gen.Constant(2)));
    private static readonly Gen<bool> Seldom = Gen.Frequency((3, Gen.Constant(false)), (1, Gen.Constant(true)));
    private static readonly Gen<BuiltInRole> Role = Gen.Frequency(
        (6, Gen.Constant(BuiltInRole.User)), (2, Gen.Constant(BuiltInRole.ReadOnly)),
        (1, Gen.Elements(BuiltInRole.PowerUser, BuiltInRole.Admin)));

    private static readonly Gen<Rights> Rights = Gen.Elements(
        Api.Rights.None, Api.Rights.None, Api.Rights.Ingestion, Api.Rights.Ingestion, Api.Rights.UserManagement,
        Api.Rights.Alerts, Api.Rights.Ingestion | Api.Rights.UserManagement);

    private static readonly Gen<TimeSpan?> Life = Gen.Frequency(
        (8, Gen.Constant<TimeSpan?>(null)),
        (5, Gen.Elements(1, 48, 90 * 24).Select(hours => (TimeSpan?)TimeSpan.FromHours(hours))),
        (1, Gen.Elements<TimeSpan?>(TimeSpan.FromMinutes(59), TimeSpan.FromDays(91))));

    private static readonly Gen<IReadOnlyList<InvitationStatus>> Open = Gen.Elements<IReadOnlyList<InvitationStatus>>(
        [], [InvitationStatus.Pending], [InvitationStatus.Expired]);

    private static readonly Gen<Change> EditChange = Gen.OneOf(
        Role.Select(role => new Change(role)), Rights.Select(rights => new Change(Rights: rights)),
        Life.Select(life => new Change(Life: life)), Whom.Select(address => new Change(Address: address)),
        from rights in Rights from life in Life select new Change(Rights: rights, Life: life));

    private static readonly Gen<Change> MemberChange = Gen.Frequency(
        (
            4,
            Gen.Frequency((2, Gen.Constant(true)), (1, Gen.Constant(false)))
                .Select(stop => new Change(Suspended: stop))),
        (4, Rights.Select(rights => new Change(Rights: rights))),
        (2, Role.Select(role => new Change(role))), (1, Whom.Select(address => new Change(Address: address))));

    private static readonly Gen<Row> Row =
        from whom in Whom from role in Gen.Frequency(
            (1, Gen.Constant<BuiltInRole?>(null)),
            (1, Role.Select(r => (BuiltInRole?)r))) from rights in Rights select new Row(whom, role, rights);

    private static readonly Gen<Command> Any = Gen.Frequency<Command>(
        (9, (
            from caller in By
            from whom in Whom
            from role in Role
            from rights in Rights
            from byHand in Seldom
            from life in Life
            select (Command)new Invite(caller, whom, new(role, rights), byHand, life))),
        (
            2,
            (from caller in By from whom in Whom from rights in Rights select (Command)new InviteUnsent(
                caller, whom, rights))),
        (
            5,
            (from caller in By from whom in Whom from back in Back from change in EditChange select (Command)new Edit(
                caller, whom, back, change))),
        (
            6,
            (from caller in By from whom in Whom from back in Back from byHand in Seldom select (Command)new Resend(
                caller, whom, back, byHand))),
        (2, (from caller in By from whom in Whom select (Command)new ResendTo(caller, whom))),
        (2, (from caller in By from whom in Whom from back in Back select (Command)new Revoke(caller, whom, back))),
        (1, (from caller in By from whom in Whom from back in Back select (Command)new Read(caller, whom, back))),
        (
            5,
            (
                from caller in By from whom in Gen.Frequency(
                    (4, Staff), (1, Guest))
                    from change in MemberChange select (Command)new ChangeMember(caller, whom, change))),
        (2, (from caller in By from whom in Gen.OneOf(Staff, Guest) select (Command)new Remove(caller, whom))),
        (
            1,
            (
                from caller in By from states in Gen.SubListOf(
                    Enum.GetValues<InvitationStatus>()) select (Command)new List(caller, [.. states]))),
        (
            1,
            (from caller in By from states in Open from revokes in Seldom select (Command)new Bulk(
                caller, revokes, states))),
        (
            2,
            (from caller in By from rows in Row.ListOf(3) from unsent in Seldom select (Command)new Import(
                caller, [.. rows], !unsent))),
        (
            2,
            (
                from whom in Whom from back in Back from user in Gen.Frequency(
                    (1, Gen.Constant<int?>(null)),
                    (2, Gen.Choose(0, 3).Select(u => (int?)u))) select (Command)new Look(whom, back, user))),
        (
            7,
            (from whom in Whom from back in Back from somebodyElse in Seldom select (Command)new Join(
                whom, back, somebodyElse))),
        (
            5,
            (
                from whom in Gen.OneOf(Gen.Constant(Person.Dot), Whom) from back in Back from stranger in Gen.Frequency(
                    (4, Gen.Constant(0)), (1, Gen.Choose(1, 4))) select (Command)new Accept(whom, back, stranger))),
        (2, (from whom in Whom from back in Back select (Command)new Decline(whom, back))),
        (4, (from whom in Whom from back in Back select (Command)new Ask(whom, back))),
        (1, (from whom in Whom select (Command)new SendMyLink(whom))),
        (1, (from whom in Whom select (Command)new SignIn(whom))),
        (5, (from hours in Gen.Elements(1, 48, 7 * 24, 7 * 24) select (Command)new Wait(TimeSpan.FromHours(hours)))),
        (1, Gen.Constant<Command>(new Sweep())));

    // What chance alone would seldom bring about.
    private static readonly Gen<Command[]> LosesTheRight =
        from whom in Guest
        from offered in Gen.Elements(Api.Rights.Ingestion, Api.Rights.UserManagement)
        from lost in Gen.OneOf(
            Gen.Constant(new Change(Suspended: true)), Rights.Select(rights => new Change(Rights: rights)))
        from joins in Gen.Elements<Command>(new Join(whom, 0, false), new Accept(whom, 0, 0))
        select new Command[]
        {
            new Invite(Person.Max, whom, Held.Nothing with { Rights = offered }, false, null),
            new ChangeMember(Person.Alan, Person.Max, lost), joins, new Ask(whom, 0),
        };

    private static readonly Gen<Command[]> RunsOut =
        from caller in By
        from whom in Guest
        from swept in Gen.Elements<Command[]>([], [new Sweep()])
        from then in Gen.OneOf(
            Gen.Constant<Command>(new Ask(whom, 0)), Gen.Constant<Command>(new Decline(whom, 0)),
            By.Select(other => (Command)new Resend(other, whom, 0, false)),
            By.Select(other => (Command)new Edit(other, whom, 0, new(Life: TimeSpan.FromHours(48)))))
        from joins in Gen.Elements<Command>(new Join(whom, 0, false), new Accept(whom, 0, 0), new Join(whom, 1, false))
        select (Command[])[
            new Invite(caller, whom, Held.Nothing, false, null), new Wait(Model.Week), .. swept, then, joins];

    private static readonly Gen<Command[]> Some = Gen.Frequency(
        (16, Any.Select(command => new[] { command })), (1, LosesTheRight), (1, RunsOut));

    public static Arbitrary<Story> Stories(int longest) =>
        Arb.From(
            from length in Gen.Choose(10, longest) from parts in Some.ArrayOf(length) select new Story(
                [.. parts.SelectMany(part => part).Take(length)]),
            Shorter);

    // Whole stretches are left out first, then single steps; then steps are told more simply.
    private static IEnumerable<Story> Shorter(Story story)
    {
        var all = story.Commands;
        for (var stretch = all.Count / 2; stretch > 0; stretch /= 2)
            for (var at = all.Count - stretch; at >= 0; at -= stretch)
                yield return new([.. all.Take(at), .. all.Skip(at + stretch)]);
        for (var i = 0; i < all.Count; i++)
            foreach (var simpler in all[i].Simpler()) yield return new([.. all.Take(i), simpler, .. all.Skip(i + 1)]);
    }
}
