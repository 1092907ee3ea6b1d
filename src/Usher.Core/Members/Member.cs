using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Groups;
using Usher.Core.Invitations;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Core.Users;

namespace Usher.Core.Members;

public enum MemberKind
{
    Person,

    /// <summary>A service account: it has API keys and no user. Its identifier is <c>sa::name</c>.</summary>
    Service,
}

public enum MemberStatus
{
    Invited,
    Active,
    Suspended,
    Removed,
}

/// <summary>The record of a person or service account in one organization, from the invitation on.</summary>
public sealed partial class Member : IVersioned
{
    public required Guid OrganizationId { get; init; }

    public required Guid Id { get; init; }

    /// <summary>Unique in the installation. Numbers grow per node and can have gaps.</summary>
    public required long Number { get; init; }

    /// <summary>
    /// The canonical e-mail address, or <c>sa::name</c>. Unique in the organization among members that are not removed.
    /// </summary>
    public required string Identifier { get; set; }

    /// <summary>The e-mail address as it was entered; null for a service account.</summary>
    public string? Email { get; set; }

    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>The purpose of a service account. 0 to 1,000 characters.</summary>
    public string Description { get; set; } = "";

    public string? Locale { get; set; }

    /// <summary>
    /// TZ database name. Null: not set, so the organization's time zone applies. Empty: explicitly none.
    /// </summary>
    public string? TimeZone { get; set; }

    public required MemberKind Kind { get; init; }

    public required MemberStatus Status { get; set; }

    public BuiltInRole Role { get; private set; }

    public Guid RoleGrantedBy { get; private set; }

    public DateTimeOffset? RoleGrantedAt { get; private set; }

    /// <summary>Whether the member has full access to every present and future resource.</summary>
    public bool AllResources { get; private set; }

    public Guid AllResourcesGrantedBy { get; private set; }

    public DateTimeOffset? AllResourcesGrantedAt { get; private set; }

    /// <summary>
    /// The user account of a member who has joined; null before. There is no foreign key because users are global.
    /// </summary>
    public Guid? UserId { get; private set; }

    public string? SsoId { get; set; }

    /// <summary>Entries that the product stores with a member.</summary>
    public Dictionary<string, string> Metadata { get; set; } = [];

    /// <summary>
    /// The actor who last created, edited, resent or endorsed the invitation. The sponsor's access is checked when the
    /// invitation is accepted.
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

    /// <summary>The granter and time of each of <see cref="Grants"/>.</summary>
    public GrantLog GrantLog { get; private set; } = GrantLog.None;

    /// <summary>Whether this member has rows in <see cref="Levels"/>.</summary>
    public bool HasLevels { get; set; }

    /// <summary>Names of the directly granted permissions, in ordinal order.</summary>
    public IReadOnlyList<string> Permissions => Grants.Permissions;

    /// <summary>Ids of the groups the member was added to. Ids of deleted groups are ignored.</summary>
    public IReadOnlyList<Guid> Groups => Grants.Groups;

    /// <summary>Ids of the directly granted roles. Ids of deleted roles are ignored.</summary>
    public IReadOnlyList<Guid> Roles => Grants.Roles;

    /// <summary>Levels granted directly on individual resources.</summary>
    public List<ResourceAccess> Levels { get; } = [];

    public List<Invitation> Invitations { get; } = [];

    public List<AddressChange> AddressChanges { get; } = [];

    /// <summary>The member's full name, or the identifier if there is no name.</summary>
    public string DisplayName => $"{FirstName} {LastName}".Trim() is { Length: > 0 } name ? name : Identifier;

    /// <summary>The identifier as it was entered.</summary>
    public string ShownAs => Email ?? Identifier;

    public Invitation? PendingInvitation => Invitations.Find(i => i.Status is InvitationStatus.Pending);

    public bool IsLive => Status is not MemberStatus.Removed;

    public Reach ReachOf(Guid resource) =>
        Levels.Find(l => l.ResourceId == resource)?.Reach ?? new(AccessLevel.None, []);

    /// <summary>
    /// Whether the member's own role is administrator, active or invited; see <see cref="LastAdmin"/>.
    /// </summary>
    public bool IsAdmin =>
        this is
        {
            Status: MemberStatus.Active or MemberStatus.Invited, Kind: MemberKind.Person, Role: BuiltInRole.Admin,
        };

    /// <summary>Whether the member is a person who uses a seat.</summary>
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

    /// <summary>
    /// Adds the member to a group. System groups are skipped: their membership is implied and never stored.
    /// </summary>
    public void Give(Group group, Actor by, DateTimeOffset now)
    {
        if (group.SystemKind is SystemGroup.None) Give(Grant.Group(group.Id), by, now);
    }

    public void Give(Role role, Actor by, DateTimeOffset now) => Give(Grant.Role(role.Id), by, now);

    /// <summary>
    /// Sets the level and capabilities on one resource. A level of none is stored too: it records that the level was
    /// taken away.
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

    /// <summary>Makes the member active and links the person's user account.</summary>
    public void Join(Guid userId, DateTimeOffset now) =>
        (UserId, Status, LastSignInAt) = (userId, MemberStatus.Active, now);

    /// <summary>
    /// Makes the member active without a user account, for people who sign in through an external identity provider.
    /// </summary>
    public void Activate() => Status = MemberStatus.Active;

    /// <summary>Links a user account to a member who is already active.</summary>
    public void Bind(Guid userId) => UserId = userId;

    /// <summary>
    /// Makes an actor the sponsor of this member and of each of the member's invitations that has not ended.
    /// </summary>
    public void SponsoredBy(Actor actor)
    {
        (SponsorId, SponsorKind, SponsorName) = (actor.Id, actor.Kind, actor.Name);
        foreach (var invitation in Invitations.Where(i => !i.HasEnded))
            invitation.SponsoredBy(actor.Id, actor.Kind, actor.Name);
    }

    /// <summary>
    /// Removes the member's role, permissions, groups and roles. Levels on resources stay for a later re-invite.
    /// </summary>
    public void Remove(Actor by, DateTimeOffset now)
    {
        (Grants, GrantLog) = (Grants.None, GrantLog.None);
        GiveAllResources(false, by, now);
        Give(BuiltInRole.User, by, now);
        (Status, RemovedAt) = (MemberStatus.Removed, now);
    }

    /// <summary>Turns a removed member into an invited one. The id and the levels stay.</summary>
    public void Revive() => (Status, RemovedAt, UserId, LastSignInAt) = (MemberStatus.Invited, null, null, null);

    internal sealed class Mapping : IEntityTypeConfiguration<Member>
    {
        public void Configure(EntityTypeBuilder<Member> builder)
        {
            builder.ToTable("members");
            builder.HasKey(m => new { m.OrganizationId, m.Id });
            builder.Property(m => m.Identifier).IsKeyText();
            builder.Ignore(m => m.Permissions).Ignore(m => m.Groups).Ignore(m => m.Roles);
            // An identifier and a user have at most one member that is not removed.
            builder.HasIndex(m => new { m.OrganizationId, m.Identifier }).HasDatabaseName("ix_members_live_identifier")
                .IsUnique().HasFilter("status <> 'removed'");
            builder.HasIndex(m => new { m.OrganizationId, m.UserId }).HasDatabaseName("ix_members_live_user").IsUnique()
                .HasFilter("status <> 'removed' AND user_id IS NOT NULL");
            // Members by number and by identifier, removed ones too, and lists in these orders.
            builder.HasIndex(m => new { m.OrganizationId, m.Number }).IsUnique();
            builder.HasIndex(m => new { m.OrganizationId, m.Identifier }, "ix_members_identifier");
            // A user's memberships in all organizations.
            builder.HasIndex(m => m.UserId).HasFilter("user_id IS NOT NULL");
            // The lists by status, in the order of creation.
            builder.HasIndex(m => new { m.OrganizationId, m.Status, m.Id });
            // An index without the organization: a request for a link and a sign-in look an address up in all
            // organizations.
            builder.HasIndex(m => m.Identifier).HasDatabaseName("ix_members_unbound_identifier")
                .HasFilter("user_id IS NULL AND kind = 'person' AND status <> 'removed'");
        }
    }
}

/// <summary>A block of 1,000 member numbers that one node has reserved.</summary>
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
