using System.Collections.Immutable;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Roles;

namespace Usher.Server.Tests.Api;

/// <summary>
/// Everybody there is, each with an address of his own. From Olivia on they are members from the start, with a key: the
/// only ones who can call.
/// </summary>
internal enum Person
{
    Ada,
    Bob,
    Cem,

    /// <summary>Has an account from elsewhere, with his address proved.</summary>
    Dot,

    /// <summary>The owner, who has not opened her first link yet.</summary>
    Olivia,

    /// <summary>Another administrator.</summary>
    Alan,

    /// <summary>Manages users, and holds <see cref="Rights.Ingestion"/>.</summary>
    Max,

    /// <summary>Manages users, and holds nothing else.</summary>
    Eva,

    /// <summary>Does not manage users.</summary>
    Nil,
}

[Flags]
internal enum Rights
{
    None = 0,
    UserManagement = 1,
    Ingestion = 2,
    Alerts = 4,
}

/// <summary>What somebody holds, is offered, or is to get.</summary>
internal sealed record Held(BuiltInRole Role, Rights Rights)
{
    public static readonly Held Nothing = new(BuiltInRole.User, Rights.None);

    private int Level =>
        Role switch
        {
            BuiltInRole.Admin or BuiltInRole.PowerUser => 2, BuiltInRole.ReadOnly => 1, BuiltInRole.User => 0,
        };

    public bool Manages => Role is BuiltInRole.Admin || Rights.HasFlag(Rights.UserManagement);

    public bool Covers(Held other) =>
        Role is BuiltInRole.Admin
            || (other.Role is not BuiltInRole.Admin && Level >= other.Level && (other.Rights & ~Rights) is Rights.None);
}

/// <summary>What to change about somebody, or about what he is offered. What is null stays.</summary>
internal sealed record Change(
    BuiltInRole? Role = null, Rights? Rights = null, Person? Address = null, TimeSpan? Life = null,
    bool? Suspended = null);

/// <summary>One row of an import; a null role says nothing about it.</summary>
internal sealed record Row(Person Whom, BuiltInRole? Role, Rights Rights);

/// <summary>What a command comes to.</summary>
/// <param name="After">All as it is then.</param>
/// <param name="Status">The answer's.</param>
/// <param name="Code">A refusal's; null where the surface has none.</param>
internal sealed record Outcome(Model After, int Status, string? Code = null)
{
    /// <summary>What the answer shows, as the test puts it; null: nothing that counts.</summary>
    public object? Shown { get; init; }

    /// <summary>Whose new session the answer has.</summary>
    public int? SessionOf { get; init; }

    /// <summary>Whether it is a link in the answer, and no mail, that tells the newest secret.</summary>
    public bool ShowsLink { get; init; }
}

/// <summary>
/// Section 4 of the design, "The life of an invitation", and of section 3 what it rests on, with no database, no HTTP
/// and no clock of its own. Members, invitations, links and users are known by their place in the lists; nothing ever
/// leaves them.
/// </summary>
internal sealed record Model(
    DateTimeOffset Now, ImmutableList<Model.Member> Members, ImmutableList<Model.Invitation> Invitations,
    ImmutableList<Model.Link> Links, ImmutableList<Model.User> Users,
    ImmutableList<Model.Mail> Mails)
{
    public static readonly TimeSpan Week = TimeSpan.FromDays(7);
    public static readonly TimeSpan SessionLife = TimeSpan.FromDays(14);
    public static readonly TimeSpan BetweenMails = TimeSpan.FromMinutes(5);

    internal sealed record Member(Person Address, MemberStatus Status, Held Holds, string Name = "", int? User = null)
    {
        public Sponsor Sponsor { get; init; } = Sponsor.Usher;

        public bool IsLive => Status is not MemberStatus.Removed;

        public bool IsActiveAdmin => Status is MemberStatus.Active && Holds.Role is BuiltInRole.Admin;
    }

    /// <summary>Who stands for an invitation; a null member is Usher itself.</summary>
    internal sealed record Sponsor(int? Member, string Name)
    {
        public static readonly Sponsor Usher = new(null, "Usher");
    }

    internal sealed record Invitation(
        int Member, InvitationStatus Stored, Sponsor Sponsor, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt)
    {
        public int SentCount { get; init; }

        public DateTimeOffset? LastSentAt { get; init; }

        public DeliveryState Delivery { get; init; }

        public DateTimeOffset? AcceptedAt { get; init; }

        public int? AcceptedBy { get; init; }

        public DateTimeOffset? EndedAt { get; init; }

        public string? EndReason { get; init; }

        /// <summary>Waits for a decision, unless its sponsor may give it again.</summary>
        public bool Blocked { get; init; }

        public bool HasEnded => Stored is not (InvitationStatus.Pending or InvitationStatus.Expired);
    }

    /// <param name="Sequence">1 for the first that an invitation had.</param>
    internal sealed record Link(int Invitation, int Sequence, bool Mailed, DateTimeOffset SentAt, bool IsVoid = false);

    /// <summary>Somebody's sign-in. His password is known to him alone, and unlike all others.</summary>
    internal sealed record User(Person? Address, bool Proven, DateTimeOffset SessionEnds);

    internal sealed record Mail(OutboxKind Kind, Person To);

    /// <summary>An invitation as whoever may manage users sees it.</summary>
    internal sealed record ShownInvitation(
        int Number, InvitationStatus State, int Member, Person Whom, string Name, BuiltInRole Role, Rights Rights,
        int? SponsorMember, string SponsorName,
        string CreatedAt, string ExpiresAt, int SentCount, string? LastSentAt, DeliveryState Delivery,
        string? AcceptedAt, string? EndedAt, string? EndReason, bool Blocked);

    /// <summary>A live member as others see him.</summary>
    internal sealed record ShownMember(
        int Number, MemberStatus Status, Person Whom, string Name, BuiltInRole Role, Rights Rights, int? Invitation);

    /// <summary>An invitation as whoever holds a link to it sees it.</summary>
    internal sealed record ShownOffer(
        OfferState State, Viewer Viewer, Person Whom, string SponsorName, string ExpiresAt, string? NewerSentAt,
        bool CanAskForNew);

    public static Model Start(DateTimeOffset now) => new(
        now,
        [
            new(Person.Olivia, MemberStatus.Active, new(BuiltInRole.Admin, Rights.None), "Olivia Owner"),
            new(Person.Alan, MemberStatus.Active, new(BuiltInRole.Admin, Rights.None), "Alan"),
            new(
                Person.Max, MemberStatus.Active, new(BuiltInRole.User, Rights.UserManagement | Rights.Ingestion),
                "Max"),
            new(Person.Eva, MemberStatus.Active, new(BuiltInRole.User, Rights.UserManagement), "Eva"),
            new(Person.Nil, MemberStatus.Active, new(BuiltInRole.User, Rights.Ingestion), "Nil"),
        ],
        [new(0, InvitationStatus.Pending, Sponsor.Usher, now, now + Week) { SentCount = 1, LastSentAt = now }],
        [new(0, 1, Mailed: true, now)], // as by the mail that an installation's first owner would get
        [new(Person.Dot, Proven: true, now + SessionLife)],
        []);

    public static string Text(DateTimeOffset at) =>
        at.UtcDateTime.ToString("MM-dd HH:mm:ss.fff", System.Globalization.CultureInfo.InvariantCulture);

    // Finding.

    /// <summary>The member who calls by the key that this person was given at the start.</summary>
    public static int Caller(Person by) => by - Person.Olivia;

    /// <summary>The last who was a member by this address, gone or not; null: nobody ever was.</summary>
    public int? MemberAt(Person address) => Last(Members, m => m.Address == address);

    /// <summary>Of the invitations for an address one of the latest; null: there is none.</summary>
    /// <param name="address">Whom it is for today.</param>
    /// <param name="back">How many to go back from the last; the first, where there are fewer.</param>
    public int? InvitationFor(Person address, int back) =>
        Back(Invitations, i => Members[i.Member].Address == address, back);

    /// <summary>The same of the links that went out for it.</summary>
    public int? LinkFor(Person address, int back) =>
        Back(Links, l => Members[Invitations[l.Invitation].Member].Address == address, back);

    /// <summary>The user to whom an address belongs, else the last who typed it.</summary>
    public int? UserOf(Person address) =>
        Last(Users, u => u.Address == address && u.Proven) ?? Last(Users, u => u.Address == address);

    public InvitationStatus StateOf(Invitation invitation) =>
        invitation.Stored is InvitationStatus.Pending && Now >= invitation.ExpiresAt
            ? InvitationStatus.Expired
            : invitation.Stored;

    public OfferState StateOf(Link link)
    {
        var invitation = Invitations[link.Invitation];
        var member = Members[invitation.Member];
        if (link.IsVoid) return OfferState.Unknown;
        return StateOf(invitation) switch
        {
            InvitationStatus.Accepted => OfferState.Used,
            InvitationStatus.Declined => OfferState.Declined,
            InvitationStatus.Revoked => OfferState.Revoked,
            InvitationStatus.Superseded => OfferState.Superseded,
            // He is in, one way or another, and nothing is offered to him.
            _ when member.User is not null || member.Status is MemberStatus.Suspended => OfferState.Superseded,
            _ when Newest(link) != link => OfferState.Replaced,
            InvitationStatus.Expired => OfferState.Expired,
            _ when invitation.Blocked && !Stands(member) => OfferState.Blocked,
            _ => OfferState.Open,
        };
    }

    // At acceptance the sponsor is judged in full; Usher itself always may.
    private bool Stands(Member member) => member.Sponsor.Member is not { } sponsor
        || (
               Members[sponsor] is { Status: MemberStatus.Active, Holds: { Manages: true } holds }
                   && holds.Covers(member.Holds));

    // Showing.

    public ShownInvitation Show(int number)
    {
        var invitation = Invitations[number];
        var member = Members[invitation.Member];
        return new(
            number, StateOf(invitation), invitation.Member, member.Address, member.Name, member.Holds.Role,
            member.Holds.Rights, invitation.Sponsor.Member, invitation.Sponsor.Name,
            Text(invitation.CreatedAt), Text(invitation.ExpiresAt), invitation.SentCount, Text(invitation.LastSentAt),
            invitation.Delivery, Text(invitation.AcceptedAt), Text(invitation.EndedAt),
            invitation.EndReason, invitation is { HasEnded: false, Blocked: true });
    }

    public IEnumerable<ShownInvitation> ShowInvitations() => Invitations.Select((_, i) => Show(i));

    public IEnumerable<ShownMember> ShowMembers() => Members.Index().Where(m => m.Item.IsLive)
        .Select(m =>
            new ShownMember(
                m.Index, m.Item.Status, m.Item.Address, m.Item.Name, m.Item.Holds.Role, m.Item.Holds.Rights,
                Open(m.Index)));

    /// <summary>What a link shows; null when it is none any more.</summary>
    /// <param name="number">Of the link.</param>
    /// <param name="user">Who is signed in; null: nobody.</param>
    public ShownOffer? ShowOffer(int number, int? user = null)
    {
        var (link, state) = (Links[number], StateOf(Links[number]));
        var invitation = Invitations[link.Invitation];
        var address = Members[invitation.Member].Address;
        var viewer = ViewerOf(link, address, user is { } some && IsSignedIn(some) ? some : null);
        return state is OfferState.Unknown ? null : new(
            state, viewer, address, invitation.Sponsor.Member is null
                ? ""
                : invitation.Sponsor.Name, Text(invitation.ExpiresAt),
            state is OfferState.Replaced ? Text(Newest(link).SentAt) : null, CanAsk(link));
    }

    // Only a link that proves the address tells whether the address has an account.
    private Viewer ViewerOf(Link link, Person address, int? signedIn)
    {
        if (signedIn is { } user && !IsInvitee(user, address)) return Viewer.SomebodyElse;
        if (Proves(link) && AccountOf(address) is { } account && !Users[account].Proven) return Viewer.UnprovenAccount;
        if (signedIn is not null) return Viewer.Invitee;
        return !Proves(link) ? Viewer.Undisclosed : AccountOf(address) is null ? Viewer.NewPerson : Viewer.MustSignIn;
    }

    // What those do who manage users.

    public Outcome Invite(int by, Person address, Held offer, bool byHand, TimeSpan? life)
    {
        if ((Manager(by) ?? Life(life)) is { } refused) return refused;
        if (LiveAt(address) is { } there)
            return Refused(409, Members[there].Status is MemberStatus.Invited ? "already_invited" : "already_member");
        if (!Members[by].Holds.Covers(offer)) return Refused(403, "more_than_you_hold");
        var after = Add(address, offer, SponsorOf(by)).Send(Members.Count, SponsorOf(by), mailed: !byHand, life);
        return new(after, 201) { Shown = after.Show(Invitations.Count), ShowsLink = byHand };
    }

    /// <summary>The member is there, and no invitation.</summary>
    public Outcome InviteUnsent(int by, Person address, Rights rights)
    {
        if (Manager(by) is { } refused) return refused;
        if (LiveAt(address) is not null) return Refused(409, "already_member");
        return Members[by].Holds.Covers(Held.Nothing with { Rights = rights })
            ? new(Add(address, Held.Nothing with { Rights = rights }, SponsorOf(by)), 200)
            : Refused(403, "more_than_you_hold");
    }

    public Outcome Edit(int by, int invitation, Change change)
    {
        if ((Entry(by) ?? Life(change.Life) ?? Manager(by) ?? Ended(invitation)) is { } refused) return refused;
        var member = Invitations[invitation].Member;
        if (Members[member].Status is not MemberStatus.Invited) return Refused(409, "already_joined");
        var outcome = Apply(by, member, change);
        return outcome with { Shown = outcome.Status is 200 ? outcome.After.Show(invitation) : null };
    }

    public Outcome ChangeMember(int by, int member, Change change)
    {
        if (Manager(by) is { } refused) return refused;
        return Members[member].IsLive ? Apply(by, member, change) : Refused(404, "member_not_found");
    }

    public Outcome Resend(int by, int invitation, bool byHand)
    {
        if ((Manager(by) ?? Ended(invitation) ?? Sendable(by, Invitations[invitation].Member)) is { } refused)
            return refused;
        var after = Send(Invitations[invitation].Member, SponsorOf(by), mailed: !byHand);
        return byHand ? new(after, 201) { ShowsLink = true } : new(after, 200) { Shown = after.Show(invitation) };
    }

    /// <summary>By the member, whether or not he has an invitation.</summary>
    public Outcome ResendTo(int by, int member)
    {
        if (Manager(by) is { } refused) return refused;
        if (!Members[member].IsLive) return Refused(404, "member_not_found");
        return Sendable(by, member) is { } not
            ? not with { Status = not.Status is 409 ? 422 : not.Status }
            : new(Send(member, SponsorOf(by), mailed: true), 200);
    }

    public Outcome Revoke(int by, int invitation)
    {
        if ((Manager(by) ?? Ended(invitation)) is { } refused) return refused;
        var member = Invitations[invitation].Member;
        if (Members[member].Status is not MemberStatus.Invited) return Refused(409, "already_joined");
        if (!Members[by].Holds.Covers(Members[member].Holds)) return Refused(403, "member_not_covered");
        var after = Remove(member, InvitationStatus.Revoked);
        return new(after, 200) { Shown = after.Show(invitation) };
    }

    public Outcome RemoveMember(int by, int member)
    {
        if (Manager(by) is { } refused) return refused;
        if (!Members[member].IsLive) return Refused(404, "member_not_found");
        if (!Members[by].Holds.Covers(Members[member].Holds)) return Refused(403, "member_not_covered");
        return IsLastAdmin(member)
            ? Refused(409, "last_admin")
            : new(Remove(member, InvitationStatus.Revoked).Settle(member), 200);
    }

    public Outcome Read(int by, int invitation) => Manager(by) ?? new(this, 200) { Shown = Show(invitation) };

    /// <summary>Those in any of these states, by the clock; in none, all.</summary>
    public Outcome List(int by, IReadOnlyList<InvitationStatus> states) =>
        Manager(by) ?? new(this, 200) { Shown = string.Join(' ', Found(states).OrderDescending()) };

    /// <summary>Those of a state that are somebody's to have, one by one, each refused alone.</summary>
    public Outcome ResendAll(int by, IReadOnlyList<InvitationStatus> states) => All(by, states, (model, member) =>
        model.Sendable(by, member) is { } refused
            ? (model, OutcomeOf(refused))
            : (model.Send(member, SponsorOf(by), mailed: true), "resent"));

    public Outcome RevokeAll(int by, IReadOnlyList<InvitationStatus> states) => All(by, states, (model, member) =>
        model.Members[member].Status is not MemberStatus.Invited ? (model, "already_member")
        : !model.Members[by].Holds.Covers(model.Members[member].Holds) ? (model, "forbidden")
        : (model.Remove(member, InvitationStatus.Revoked), "revoked"));

    /// <summary>
    /// Row by row: an unknown address is invited, a pending one offered what he is not offered yet, a member left
    /// alone. Of two for one address the first counts.
    /// </summary>
    public Outcome Import(int by, IReadOnlyList<Row> rows, bool sendMail)
    {
        if (Manager(by) is { } refused) return refused;
        var (model, holds, seen, outcomes) = (this, Members[by].Holds, new HashSet<Person>(), new List<string>());
        foreach (var row in rows) outcomes.Add(One(row));
        return new(model, 202) { Shown = string.Join(' ', outcomes) };

        string One(Row row)
        {
            if (!seen.Add(row.Whom)) return "invalid";
            var offer = new Held(row.Role ?? BuiltInRole.User, row.Rights);
            if (model.LiveAt(row.Whom) is { } member)
            {
                var (present, open) = (model.Members[member], model.Open(member));
                if (present.Status is not MemberStatus.Invited) return "already_member";
                var opens = open is { } its && model.StateOf(model.Invitations[its]) is InvitationStatus.Pending;
                if ((row.Role ?? present.Holds.Role) == present.Holds.Role
                        && (row.Rights & ~present.Holds.Rights) is Rights.None && (opens || !sendMail))
                    return "unchanged";
                if (!holds.Covers(offer) || !holds.Covers(present.Holds)) return "forbidden";
                model = model.With(
                    member,
                    m =>
                        m with
                        {
                            Holds = new(row.Role ?? m.Holds.Role, m.Holds.Rights | row.Rights),
                        }).Edited(member, SponsorOf(by));
                if (sendMail) model = model.Send(member, SponsorOf(by), mailed: true);
                return "refreshed";
            }

            if (!holds.Covers(offer)) return "forbidden";
            model = model.Add(row.Whom, offer, SponsorOf(by));
            if (sendMail) model = model.Send(model.Members.Count - 1, SponsorOf(by), mailed: true);
            return "invited";
        }
    }

    // What the invited person does.

    public Outcome Look(int link, int? user) =>
        user is { } ended && !IsSignedIn(ended) ? Refused(401, "session_ended")
        : ShowOffer(link, user) is { } offer ? new(this, 200) { Shown = offer }
        : Refused(404, "invitation_unknown");

    /// <summary>
    /// Whose password the person at the link types: of him who joined by it, or, for somebody else, none that is known
    /// yet.
    /// </summary>
    public int PasswordAt(int link, bool somebodyElse) =>
        somebodyElse ? Users.Count : Invitations[Links[link].Invitation].AcceptedBy ?? Users.Count;

    /// <summary>Somebody who is not signed in joins with a name and a password.</summary>
    /// <param name="link">By which.</param>
    /// <param name="password">The user whose it is, or the one he would become.</param>
    public Outcome Join(int link, int password)
    {
        var invitation = Invitations[Links[link].Invitation];
        var member = Members[invitation.Member];
        if (Links[link].IsVoid) return Refused(404, "invitation_unknown");
        // The same person again: the same answer. By his password alone he is told from others, and only where the
        // address still is his.
        if (invitation is { AcceptedBy: { } joined })
        {
            return joined == password && Users[joined].Address == member.Address && member.IsLive
                ? new(
                    With(joined, u => u with { SessionEnds = Now + SessionLife }),
                    200) { Shown = true, SessionOf = joined } : Refused(410, "invitation_used");
        }

        if (StateOf(Links[link]) is not (OfferState.Open or OfferState.Blocked) and var state) return Gone(state);
        if (AccountOf(member.Address) is not { } account) return Accept(link, null);
        return Users[account].Proven || !Links[link].Mailed
            ? Refused(409, "must_sign_in")
            : Refused(409, "account_unproven");
    }

    /// <summary>Somebody who is signed in accepts.</summary>
    public Outcome Accept(int link, int user)
    {
        if (!IsSignedIn(user)) return Refused(401, "session_ended");
        var invitation = Invitations[Links[link].Invitation];
        var member = Members[invitation.Member];
        if (Links[link].IsVoid) return Refused(404, "invitation_unknown");
        if (invitation.AcceptedBy is { } joined)
            return joined == user && member.IsLive
                ? new(this, 200) { Shown = false }
                : Refused(410, "invitation_used");
        if (!IsInvitee(user, member.Address)) return Refused(403, "invitation_not_yours");
        return !Users[user].Proven && Proves(Links[link])
            ? Refused(409, "account_unproven")
            : Accept(link, (int?)user);
    }

    public Outcome Decline(int link)
    {
        if (Links[link].IsVoid) return Refused(404, "invitation_unknown");
        if (StateOf(Links[link]) is not (OfferState.Open or OfferState.Blocked or OfferState.Expired) and var state)
            return Gone(state);
        var member = Invitations[Links[link].Invitation].Member;
        if (Members[member].Status is not MemberStatus.Invited) return Refused(409, "already_joined");
        var after = Remove(member, InvitationStatus.Declined);
        return new(after, 200) { Shown = after.ShowOffer(link) };
    }

    /// <summary>One that ran out is mailed anew; of one whose sponsor lost the right the administrators hear.</summary>
    public Outcome Ask(int link)
    {
        if (Links[link].IsVoid) return Refused(404, "invitation_unknown");
        var (state, member) = (StateOf(Links[link]), Invitations[Links[link].Invitation].Member);
        if (!CanAsk(Links[link])) return Gone(state);
        var number = Links[link].Invitation;
        var after = state switch
        {
            OfferState.Expired => Send(member, sponsor: null, mailed: true),
            OfferState.Open when WasMailedLately(number) => this,
            // It keeps its expiry.
            OfferState.Open => Send(member, sponsor: null, mailed: true, Invitations[number].ExpiresAt - Now),
            _ => Tell(OutboxKind.InvitationRequested),
        };
        return new(after, 200) { Shown = after.ShowOffer(link) };
    }

    /// <summary>"Send me my link", on the page for signing in.</summary>
    public Outcome SendMyLink(Person address) =>
        new(
            LiveAt(address) is { } member
                && Members[member] is { User: null, Status: MemberStatus.Invited or MemberStatus.Active }
                && !WasMailedLately(Open(member))
                ? Send(member, sponsor: null, mailed: true)
                : this,
            200);

    public Outcome SignIn(int user) =>
        new(With(user, u => u with { SessionEnds = Now + SessionLife }), 201) { SessionOf = user };

    // What happens by itself.

    public Outcome Wait(TimeSpan time) => new(this with { Now = Now + time }, 200);

    public Outcome Sweep() => new(this with
    {
        Invitations = [
            .. Invitations.Select(i =>
                i.Stored is InvitationStatus.Pending && Now >= i.ExpiresAt
                    ? i with { Stored = InvitationStatus.Expired, EndedAt = Now }
                    : i)],
    }, 200);

    // Rules.

    private Outcome Refused(int status, string code) => new(this, status, code);

    private Outcome Gone(OfferState state) =>
        Refused(410, "invitation_" + Core.Data.SnakeCaseName.Of(state.ToString()));

    private Outcome? Entry(int by) => Members[by].Status is MemberStatus.Active ? null : Refused(401, "key_refused");

    private Outcome? Manager(int by) => Entry(by) ?? (Members[by].Holds.Manages ? null : Refused(403, "not_allowed"));

    private Outcome? Life(TimeSpan? life) =>
        life is { } given && (given < TimeSpan.FromHours(1) || given > TimeSpan.FromDays(90))
            ? Refused(422, "expiry_invalid")
            : null;

    private Outcome? Ended(int invitation) => Invitations[invitation].Stored switch
    {
        InvitationStatus.Accepted => Gone(OfferState.Used),
        InvitationStatus.Declined => Gone(OfferState.Declined),
        InvitationStatus.Revoked => Gone(OfferState.Revoked),
        InvitationStatus.Superseded => Gone(OfferState.Superseded),
        InvitationStatus.Pending or InvitationStatus.Expired => null,
    };

    private Outcome? Sendable(int by, int member) =>
        Members[member].User is not null
            ? Refused(409, "already_joined")
            : Members[by].Holds.Covers(Members[member].Holds)
            ? null
            : Refused(403, "member_not_covered");

    private Outcome Apply(int by, int number, Change change)
    {
        var (holds, member, open) = (Members[by].Holds, Members[number], Open(number));
        var (role, rights) = (change.Role ?? member.Holds.Role, change.Rights ?? member.Holds.Rights);
        var given = new Held(role == member.Holds.Role ? BuiltInRole.User : role, rights & ~member.Holds.Rights);
        var taken = new Held(
            role == member.Holds.Role ? BuiltInRole.User : member.Holds.Role, member.Holds.Rights & ~rights);
        if (!holds.Covers(given) || !holds.Covers(taken)) return Refused(403, "more_than_you_hold");

        var suspends = change.Suspended is { } stop && stop != member.Status is MemberStatus.Suspended;
        var moves = change.Address is { } address && address != member.Address;
        var end = change.Life is { } life && open is { } its && Invitations[its].ExpiresAt != Now + life
            ? Now + life
            : (DateTimeOffset?)null;
        var offers = member.Status is MemberStatus.Invited
            && (given != Held.Nothing || taken != Held.Nothing || moves || end is not null);
        if ((moves || suspends || offers) && !holds.Covers(member.Holds)) return Refused(403, "member_not_covered");
        if (moves && member.Status is not MemberStatus.Invited && holds.Role is not BuiltInRole.Admin)
            return Refused(403, "address_of_joined_member");
        if (suspends && member.Status is MemberStatus.Invited) return Refused(409, "member_not_joined");
        if (moves && LiveAt(change.Address!.Value) is not null) return Refused(409, "already_member");
        if ((change.Suspended is true || role != member.Holds.Role) && IsLastAdmin(number))
            return Refused(409, "last_admin");

        var after = With(number, m => m with
        {
            Holds = new(role, rights), Address = change.Address ?? m.Address,
            Status = suspends ? change.Suspended is true ? MemberStatus.Suspended : MemberStatus.Active : m.Status,
        });
        if (open is { } invitation)
        {
            // A link that was sent to another address proves nothing about this one.
            if (moves)
                after = after.With(invitation, i => i with { Delivery = DeliveryState.None }) with
                {
                    Links = [.. Links.Select(l => l.Invitation == invitation ? l with { IsVoid = true } : l)],
                };
            if (end is { } until)
                after = after.With(
                    invitation, i => i with { Stored = InvitationStatus.Pending, EndedAt = null, ExpiresAt = until });
        }

        if (offers) after = after.Edited(number, SponsorOf(by));
        var mayHaveLess = change.Suspended is true || role != member.Holds.Role || taken != Held.Nothing;
        if (member.Status is MemberStatus.Active && member.Holds.Manages && mayHaveLess) after = after.Settle(number);
        return new(suspends && change.Suspended is false ? after.Unblock(number) : after, 200);
    }

    private Outcome Accept(int link, int? user)
    {
        var number = Links[link].Invitation;
        var invitation = Invitations[number];
        var member = Members[invitation.Member];
        if (StateOf(Links[link]) is not (OfferState.Open or OfferState.Blocked) and var state) return Gone(state);
        if (!Stands(member))
            return new(With(number, (Invitation i) => i with { Blocked = true }), 410, "sponsor_lost_right");

        if (user is not null
                && Members.Index().Any(m => m.Index != invitation.Member && m.Item.IsLive && m.Item.User == user))
            return Refused(409, "already_joined");
        var (joined, after) = (user ?? Users.Count, this);
        if (user is null)
            after = after with { Users = Users.Add(new(member.Address, Links[link].Mailed, Now + SessionLife)) };
        after = after
            .With(
                invitation.Member,
                m =>
                    m with
                    {
                        Status = MemberStatus.Active, User = joined,
                        Name = user is null ? member.Address.ToString() : m.Name,
                    })
            .With(
                number,
                i =>
                    i with
                    {
                        Stored = InvitationStatus.Accepted, AcceptedAt = Now, AcceptedBy = joined, Blocked = false,
                    });
        return new(after, 200) { Shown = user is null, SessionOf = user is null ? joined : null };
    }

    private Outcome All(int by, IReadOnlyList<InvitationStatus> states, Func<Model, int, (Model, string)> one)
    {
        if (Manager(by) is { } refused) return refused;
        var (model, outcomes) = (this, new List<string>());
        foreach (var number in Found(states).Where(n => !Invitations[n].HasEnded))
        {
            (model, var outcome) = one(model, Invitations[number].Member);
            outcomes.Add(outcome);
        }

        return new(model, 202) { Shown = string.Join(' ', outcomes) };
    }

    private static string OutcomeOf(Outcome refused) => refused.Status is 403 ? "forbidden" : "already_member";

    private IEnumerable<int> Found(IReadOnlyList<InvitationStatus> states) =>
        Invitations.Index().Where(i => states is [] || states.Contains(StateOf(i.Item))).Select(i => i.Index);

    private bool CanAsk(Link link) => (StateOf(link), Invitations[link.Invitation]) switch
    {
        (OfferState.Expired, var invitation) => Members[invitation.Member] is { IsLive: true, User: null },
        (OfferState.Open, _) => !link.Mailed,
        (OfferState.Revoked, { EndReason: "sponsor_lost_right" } invitation) => Members[invitation.Member].User is null,
        _ => false,
    };

    private bool IsLastAdmin(int member) => Members[member].IsActiveAdmin && Members.Count(m => m.IsActiveAdmin) is 1;

    private bool IsSignedIn(int user) => Users[user].SessionEnds > Now;

    private bool IsInvitee(int user, Person address) => Users[user].Address == address;

    private Sponsor SponsorOf(int by) =>
        new(
            by,
            Members[by].Name is { Length: > 0 } name
                ? name
                : throw new InvalidOperationException("Who calls has a name."));

    private int? LiveAt(Person address) => Last(Members, m => m.IsLive && m.Address == address);

    // A member has one at most.
    private int? Open(int member) => Last(Invitations, i => i.Member == member && !i.HasEnded);

    // Of each kind, mailed and handed over, the newest works.
    private Link Newest(Link link) => Links.Last(l => l.Invitation == link.Invitation && l.Mailed == link.Mailed);

    // Only the newest mailed link of an open invitation proves the address.
    private bool Proves(Link link) => link.Mailed && StateOf(link) is OfferState.Open or OfferState.Blocked;

    private int? AccountOf(Person address) => Last(Users, u => u.Address == address);

    // A link that was handed over does not count as a mail.
    private bool WasMailedLately(int? invitation) =>
        invitation is { } number && Invitations[number] is { Delivery: DeliveryState.Queued, LastSentAt: { } sent } its
            && sent > Now - BetweenMails && its.ExpiresAt > Now;

    // Steps.

    private Model Add(Person address, Held offer, Sponsor sponsor) =>
        this with { Members = Members.Add(new(address, MemberStatus.Invited, offer) { Sponsor = sponsor }) };

    // A new secret, and the clock restarts; a null sponsor, for the guest's own wish, leaves who was.
    private Model Send(int member, Sponsor? sponsor, bool mailed, TimeSpan? life = null)
    {
        if (sponsor is not null) return Edited(member, sponsor).Send(member, null, mailed, life);
        var number = Open(member) ?? Invitations.Count;
        var before = number < Invitations.Count
            ? this
            : this with
            {
                Invitations = Invitations.Add(new(member, InvitationStatus.Pending, Members[member].Sponsor, Now, Now)),
            };
        return before.With(number, i => i with
        {
            Stored = InvitationStatus.Pending, EndedAt = null, ExpiresAt = Now + (life ?? Week), SentCount = i.SentCount
                + 1, LastSentAt = Now,
            Delivery = mailed ? DeliveryState.Queued : DeliveryState.None,
        }) with
        {
            Links = Links.Add(new(number, before.Invitations[number].SentCount + 1, mailed, Now)), Mails = mailed
                ? Mails.Add(new(OutboxKind.Invitation, Members[member].Address))
                : Mails,
        };
    }

    private Model Edited(int member, Sponsor sponsor)
    {
        var after = With(member, (Member m) => m with { Sponsor = sponsor });
        return Open(member) is { } invitation
            ? after.With(invitation, (Invitation i) => i with { Sponsor = sponsor, Blocked = false })
            : after;
    }

    // What is pending waits for a decision where its sponsor may no longer give it.
    private Model Settle(int sponsor) => this with
    {
        Invitations = [
            .. Invitations.Select(i =>
                i.Stored is InvitationStatus.Pending && i.Sponsor.Member == sponsor && !Stands(Members[i.Member])
                    ? i with { Blocked = true }
                    : i)],
    };

    private Model Unblock(int sponsor) => this with
    {
        Invitations = [
            .. Invitations.Select(i =>
                i.Stored is InvitationStatus.Pending && i.Sponsor.Member == sponsor ? i with { Blocked = false } : i)],
    };

    private Model Remove(int member, InvitationStatus how)
    {
        var after = With(member, m => m with { Status = MemberStatus.Removed, Holds = Held.Nothing });
        return Open(member) is { } invitation
            ? after.With(invitation, i => i with { Stored = how, EndedAt = Now })
            : after;
    }

    private Model Tell(OutboxKind kind) =>
        this with
        {
            Mails = Mails.AddRange(Members.Where(m => m.IsActiveAdmin).Select(m => new Mail(kind, m.Address))),
        };

    private Model With(int number, Func<Member, Member> change) =>
        this with { Members = Members.SetItem(number, change(Members[number])) };

    private Model With(int number, Func<Invitation, Invitation> change) =>
        this with { Invitations = Invitations.SetItem(number, change(Invitations[number])) };

    private Model With(int number, Func<User, User> change) =>
        this with { Users = Users.SetItem(number, change(Users[number])) };

    private static string? Text(DateTimeOffset? at) => at is { } given ? Text(given) : null;

    private static int? Last<T>(ImmutableList<T> list, Predicate<T> which) =>
        list.FindLastIndex(which) is >= 0 and var index ? index : null;

    private static int? Back<T>(ImmutableList<T> list, Func<T, bool> which, int back)
    {
        List<int> found = [.. list.Index().Where(p => which(p.Item)).Select(p => p.Index)];
        return found is [] ? null : found[Math.Max(0, found.Count - 1 - back)];
    }
}
