using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Resources;
using Usher.Core.Users;

namespace Usher.Core.Members;

public enum MemberKind
{
    Person,

    /// <summary>A service account: keys only, no user, named <c>sa::name</c>.</summary>
    Service,
}

public enum MemberStatus
{
    Invited,
    Active,
    Suspended,
    Removed,
}

/// <summary>A user's place in one organization, its own record, from the invitation on.</summary>
public sealed partial class Member : IVersioned
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    /// <summary>Unique in the installation, growing per node, with gaps.</summary>
    public required long Number { get; init; }

    /// <summary>
    /// The canonical e-mail, or <c>sa::name</c>. Unique in the organization among members that are not removed.
    /// </summary>
    public required string Identifier { get; set; }

    /// <summary>The address as it was first typed; null for a service account.</summary>
    public string? Email { get; set; }

    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>What a service account is for. 0 to 1,000 characters.</summary>
    public string Description { get; set; } = "";

    public string? Locale { get; set; }

    /// <summary>TZ database name. Null: none said, the organization's is his; "": none, on purpose.</summary>
    public string? TimeZone { get; set; }

    public required MemberKind Kind { get; init; }

    public required MemberStatus Status { get; set; }

    public BuiltInRole Role { get; private set; }

    public Guid RoleGrantedBy { get; private set; }

    public DateTimeOffset? RoleGrantedAt { get; private set; }

    /// <summary>Full on every resource, present and future.</summary>
    public bool AllResources { get; private set; }

    public Guid AllResourcesGrantedBy { get; private set; }

    public DateTimeOffset? AllResourcesGrantedAt { get; private set; }

    /// <summary>The person behind it once he joined; no foreign key, users are global.</summary>
    public Guid? UserId { get; private set; }

    public string? SsoId { get; set; }

    /// <summary>Whatever the product keeps with a member.</summary>
    public Dictionary<string, string> Metadata { get; set; } = [];

    /// <summary>
    /// The actor who last made, edited, resent or endorsed the offer of this membership. Judged when the offer is
    /// accepted.
    /// </summary>
    public Guid SponsorId { get; private set; }

    public ActorKind SponsorKind { get; private set; } = ActorKind.System;

    /// <summary>The sponsor's name at that time.</summary>
    public string SponsorName { get; private set; } = "";

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? LastSignInAt { get; set; }

    public DateTimeOffset? RemovedAt { get; private set; }

    public int Version { get; set; }

    /// <summary>Permissions, groups and roles that the member holds directly.</summary>
    public Grants Grants { get; private set; } = Grants.None;

    /// <summary>Who granted each of <see cref="Grants"/>.</summary>
    public GrantLog GrantLog { get; private set; } = GrantLog.None;

    /// <summary>Whether there are rows of levels for this member.</summary>
    public bool HasLevels { get; set; }

    /// <summary>Names of the permissions held directly, in ordinal order.</summary>
    public IReadOnlyList<string> Permissions => Grants.Permissions;

    /// <summary>Ids of the groups the member was put into. Those of deleted groups mean nothing.</summary>
    public IReadOnlyList<Guid> Groups => Grants.Groups;

    /// <summary>Ids of the roles held directly. Those of deleted roles mean nothing.</summary>
    public IReadOnlyList<Guid> Roles => Grants.Roles;

    /// <summary>Levels on single resources.</summary>
    public List<ResourceAccess> Levels { get; } = [];

    public List<Invitation> Invitations { get; } = [];

    public List<AddressChange> AddressChanges { get; } = [];

    /// <summary>What to call him: his name, else his identifier.</summary>
    public string DisplayName => $"{FirstName} {LastName}".Trim() is { Length: > 0 } name ? name : Identifier;

    /// <summary>His identifier as it was typed.</summary>
    public string ShownAs => Email ?? Identifier;

    public Invitation? PendingInvitation => Invitations.Find(i => i.Status is InvitationStatus.Pending);

    public bool IsLive => Status is not MemberStatus.Removed;

    public Reach ReachOf(Guid resource) =>
        Levels.Find(l => l.ResourceId == resource)?.Reach ?? new(AccessLevel.None, []);

    /// <summary>An administrator by their own role, active or invited; see <see cref="LastAdmin"/>.</summary>
    public bool IsAdmin =>
        this is
        {
            Status: MemberStatus.Active or MemberStatus.Invited, Kind: MemberKind.Person, Role: BuiltInRole.Admin,
        };

    /// <summary>A person who takes up a seat.</summary>
    public bool TakesSeat => Kind is MemberKind.Person && IsLive;

    public void Give(BuiltInRole role, Actor by, DateTimeOffset now)
    {
        if (Role == role && RoleGrantedAt is not null) return;
        (Role, RoleGrantedBy, RoleGrantedAt) = (role, by.Id, now);
    }

    public void GiveAllResources(bool all, Actor by, DateTimeOffset now)
    {
        if (AllResources == all) return;
        (AllResources, AllResourcesGrantedBy, AllResourcesGrantedAt) = (all, by.Id, all ? now : null);
    }

    public void Give(string permission, Actor by, DateTimeOffset now) => Give(Grant.Permission(permission), by, now);

    /// <summary>Membership of the system groups is implied and never stored.</summary>
    public void Give(Group group, Actor by, DateTimeOffset now)
    {
        if (group.SystemKind is SystemGroup.None) Give(Grant.Group(group.Id), by, now);
    }

    public void Give(Role role, Actor by, DateTimeOffset now) => Give(Grant.Role(role.Id), by, now);

    /// <summary>
    /// Sets the level on one resource, and with it its capabilities. None is stored too: it says that somebody took the
    /// level away.
    /// </summary>
    public void Give(Guid resource, Reach reach, Actor by, DateTimeOffset now)
    {
        var row = Levels.Find(l => l.ResourceId == resource);
        if (row is null)
            Levels.Add(
                row = new()
                {
                    OrganizationId = OrganizationId, Id = Uuid.Create(now), ResourceId = resource, MemberId = Id,
                });
        row.Set(reach, by, now);
        HasLevels = true;
    }

    public void Take(string permission) => Take(Grant.Permission(permission));

    public void Take(Group group) => Take(Grant.Group(group.Id));

    public void Take(Role role) => Take(Grant.Role(role.Id));

    private void Give(Grant grant, Actor by, DateTimeOffset now)
    {
        if (!Grants.Contains(grant)) (Grants, GrantLog) = (Grants.With(grant), GrantLog.With(grant, by, now));
    }

    private void Take(Grant grant) => (Grants, GrantLog) = (Grants.Without(grant), GrantLog.Without(grant));

    /// <summary>He is in: the only way a person becomes active with a sign-in behind him.</summary>
    public void Join(Guid userId, DateTimeOffset now) =>
        (UserId, Status, LastSignInAt) = (userId, MemberStatus.Active, now);

    /// <summary>Somebody whose sign-in is another's matter is in at once, without a user.</summary>
    public void Activate() => Status = MemberStatus.Active;

    /// <summary>Names the person behind a member who is active already.</summary>
    public void Bind(Guid userId) => UserId = userId;

    /// <summary>
    /// Makes an actor the sponsor of the offer: of this member and of every invitation of theirs that has not ended.
    /// </summary>
    public void SponsoredBy(Actor actor)
    {
        (SponsorId, SponsorKind, SponsorName) = (actor.Id, actor.Kind, actor.Name);
        foreach (var invitation in Invitations.Where(i => !i.HasEnded))
            invitation.SponsoredBy(actor.Id, actor.Kind, actor.Name);
    }

    /// <summary>Takes all away but the levels on resources, which a re-invite may bring back.</summary>
    public void Remove(Actor by, DateTimeOffset now)
    {
        (Grants, GrantLog) = (Grants.None, GrantLog.None);
        GiveAllResources(false, by, now);
        Give(BuiltInRole.User, by, now);
        (Status, RemovedAt) = (MemberStatus.Removed, now);
    }

    /// <summary>Back from removal as an invited person, same id, levels kept.</summary>
    public void Revive() => (Status, RemovedAt, UserId, LastSignInAt) = (MemberStatus.Invited, null, null, null);

    internal sealed class Mapping : IEntityTypeConfiguration<Member>
    {
        public void Configure(EntityTypeBuilder<Member> builder)
        {
            builder.ToTable("members");
            builder.HasKey(m => new { m.OrganizationId, m.Id });
            builder.Property(m => m.Identifier).IsKeyText();
            builder.Ignore(m => m.Permissions).Ignore(m => m.Groups).Ignore(m => m.Roles);
            builder.HasIndex(m => new { m.OrganizationId, m.Identifier }).HasDatabaseName("ix_members_live_identifier")
                .IsUnique().HasFilter("status <> 'removed'");
            builder.HasIndex(m => new { m.OrganizationId, m.UserId }).HasDatabaseName("ix_members_live_user").IsUnique()
                .HasFilter("status <> 'removed' AND user_id IS NOT NULL");
            builder.HasIndex(m => new { m.OrganizationId, m.Number }).IsUnique();
            builder.HasIndex(m => new { m.OrganizationId, m.Identifier }, "ix_members_identifier");
            builder.HasIndex(m => m.UserId);
            builder.HasIndex(m => new { m.OrganizationId, m.Status, m.Id });
            // An address is looked for in all organizations by whoever asks for his link, and at a sign-in.
            builder.HasIndex(m => m.Identifier).HasDatabaseName("ix_members_unbound_identifier")
                .HasFilter("user_id IS NULL AND kind = 'person' AND status <> 'removed'");
        }
    }
}

/// <summary>A block of a thousand numbers one node has reserved for its new members.</summary>
public sealed class NumberBlock
{
    public const int Size = 1_000;

    public required long First { get; init; }

    public required DateTimeOffset ReservedAt { get; init; }

    internal sealed class Mapping : IEntityTypeConfiguration<NumberBlock>
    {
        public void Configure(EntityTypeBuilder<NumberBlock> builder)
        {
            builder.ToTable("number_blocks");
            builder.HasKey(b => b.First);
            builder.Property(b => b.First).ValueGeneratedNever();
        }
    }
}
