using System.Collections.Frozen;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Events;
using Usher.Core.Groups;
using Usher.Core.Idempotency;
using Usher.Core.Invitations;
using Usher.Core.Jobs;
using Usher.Core.Members;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Resources;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Core.Users;

namespace Usher.Core.Data;

/// <summary>
/// The columns of every table as used by the writer. Tables come after those that they refer to. Rows are inserted in
/// this order and deleted in reverse order. To add a column, add a property, its line here, and a migration
/// (<c>eng/add-migration</c>).
/// </summary>
internal static class Tables
{
    private static readonly FrozenDictionary<Type, Table> ByType;

    static Tables()
    {
        Table[] all =
        [
            UserRows, DeletedGrantRows, MemberGrantRows, RoleRows, ApiKeyRows, EventRows,
            GroupRows, AnswerRows, MemberRows, InvitationRows, SecretRows, JobRows,
            JobBatchRows, NumberBlockRows, OrganizationRows, OutboxRows, ResourceRows, LevelRows,
            SessionRows, SignInCodeRows, AddressChangeRows, PasswordResetRows, UserAddressRows,
        ];
        for (var i = 0; i < all.Length; i++) all[i].Order = i;
        (All, ByType) = (all, all.ToFrozenDictionary(table => table.RowType));
    }

    /// <summary>All tables. Referenced tables come first.</summary>
    public static IReadOnlyList<Table> All { get; }

    /// <summary>The table for a row.</summary>
    public static Table Of(object row) => ByType[row.GetType()];

    /// <summary>The table for a type of row.</summary>
    public static Table Of<T>() => ByType[typeof(T)];

    /// <summary>
    /// The ids of the rows that contain a row in one of their collections. Changing the row also counts as a change of
    /// them.
    /// </summary>
    public static IEnumerable<Guid> HoldersOf(object row) => row switch
    {
        ResourceAccess { MemberId: { } member } => [member],
        AddressChange change => [change.MemberId],
        Invitation invitation => [invitation.MemberId],
        InvitationSecret secret => [secret.InvitationId],
        _ => [],
    };

    private static readonly Table<User> UserRows = New<User>("users", keys: 1)
        .Id("id", u => u.Id).Text("email", u => u.Email).Instant("email_proved_at", u => u.EmailProvedAt)
        .Text("first_name", u => u.FirstName).Text("last_name", u => u.LastName).Text("time_zone", u => u.TimeZone)
        .Text("locale", u => u.Locale).Text("password_hash", u => u.PasswordHash)
        .Text("security_stamp", u => u.SecurityStamp).Text("concurrency_stamp", u => u.ConcurrencyStamp).Guards()
        .Flag("two_factor_enabled", u => u.TwoFactorEnabled).Instant("created_at", u => u.CreatedAt)
        .Instant("last_sign_in_at", u => u.LastSignInAt);

    private static readonly Table<DeletedGrant> DeletedGrantRows = New<DeletedGrant>("deleted_grants", keys: 3)
        .Id("organization_id", d => d.OrganizationId).Enum("kind", d => d.Kind).Text("target", d => d.Target);

    private static readonly Table<MemberGrant> MemberGrantRows = New<MemberGrant>("member_grants", keys: 4)
        .Id("organization_id", m => m.OrganizationId).Enum("kind", m => m.Kind).Text("target", m => m.Target)
        .Id("member_id", m => m.MemberId);

    private static readonly Table<Role> RoleRows = New<Role>("roles", keys: 2)
        .Id("organization_id", r => r.OrganizationId).Id("id", r => r.Id).Text("name", r => r.Name)
        .Text("name_key", r => r.NameKey).Text("description", r => r.Description)
        .Instant("created_at", r => r.CreatedAt).Instant("updated_at", r => r.UpdatedAt)
        .Text("updated_by", r => r.UpdatedBy).Version().Text("grants", r => r.Grants.ToString())
        .Text("grant_log", r => r.GrantLog.ToString());

    private static readonly Table<ApiKey> ApiKeyRows = New<ApiKey>("api_keys", keys: 1)
        .Bytes("hash", k => k.Hash).Id("id", k => k.Id).Id("organization_id", k => k.OrganizationId)
        .Id("member_id", k => k.MemberId).Text("hint", k => k.Hint).Text("name", k => k.Name)
        .Flag("read_only", k => k.ReadOnly).Enum("status", k => k.Status).Instant("created_at", k => k.CreatedAt)
        .Instant("expires_at", k => k.ExpiresAt).Instant("last_used_at", k => k.LastUsedAt).Apart().Version();

    private static readonly Table<UsherEvent> EventRows = New<UsherEvent>("events", keys: 2)
        .Id("organization_id", u => u.OrganizationId).Id("id", u => u.Id).Text("type", u => u.Type)
        .Enum("actor_kind", u => u.ActorKind).Id("actor_id", u => u.ActorId).Text("cause", u => u.Cause)
        .Text("subject_kind", u => u.SubjectKind).Id("subject_id", u => u.SubjectId)
        .Instant("occurred_at", u => u.OccurredAt).Long("position", u => u.Position).Bytes("hash", u => u.Hash)
        .Json("details", u => u.Details).Bytes("salt", u => u.Salt);

    private static readonly Table<Group> GroupRows = New<Group>("groups", keys: 2)
        .Id("organization_id", g => g.OrganizationId).Id("id", g => g.Id).Text("name", g => g.Name)
        .Text("name_key", g => g.NameKey).Text("description", g => g.Description)
        .Enum("system_kind", g => g.SystemKind).Flag("is_admin", g => g.IsAdmin)
        .Id("is_admin_granted_by", g => g.IsAdminGrantedBy).Instant("is_admin_granted_at", g => g.IsAdminGrantedAt)
        .Flag("all_resources", g => g.AllResources).Id("all_resources_granted_by", g => g.AllResourcesGrantedBy)
        .Instant("all_resources_granted_at", g => g.AllResourcesGrantedAt).Flag("is_default", g => g.IsDefault)
        .Instant("created_at", g => g.CreatedAt).Version().Text("grants", g => g.Grants.ToString())
        .Text("grant_log", g => g.GrantLog.ToString()).Flag("has_levels", g => g.HasLevels);

    private static readonly Table<IdempotencyRecord> AnswerRows = New<IdempotencyRecord>("idempotency_records", keys: 2)
        .Id("organization_id", i => i.OrganizationId).Bytes("key_hash", i => i.KeyHash)
        .Bytes("request_hash", i => i.RequestHash).Bytes("answer", i => i.Answer).Id("secret_of", i => i.SecretOf)
        .Text("secret_needs", i => i.SecretNeeds).Instant("expires_at", i => i.ExpiresAt);

    private static readonly Table<Member> MemberRows = New<Member>("members", keys: 2)
        .Id("organization_id", m => m.OrganizationId).Id("id", m => m.Id).Long("number", m => m.Number)
        .Text("identifier", m => m.Identifier).Text("email", m => m.Email).Text("first_name", m => m.FirstName)
        .Text("last_name", m => m.LastName).Text("description", m => m.Description).Text("locale", m => m.Locale)
        .Text("time_zone", m => m.TimeZone).Enum("kind", m => m.Kind).Enum("status", m => m.Status)
        .Enum("role", m => m.Role).Id("role_granted_by", m => m.RoleGrantedBy)
        .Instant("role_granted_at", m => m.RoleGrantedAt).Flag("all_resources", m => m.AllResources)
        .Id("all_resources_granted_by", m => m.AllResourcesGrantedBy)
        .Instant("all_resources_granted_at", m => m.AllResourcesGrantedAt).Id("user_id", m => m.UserId)
        .Text("sso_id", m => m.SsoId).Json("metadata", m => m.Metadata).Id("sponsor_id", m => m.SponsorId)
        .Enum("sponsor_kind", m => m.SponsorKind).Text("sponsor_name", m => m.SponsorName)
        .Instant("created_at", m => m.CreatedAt).Instant("last_sign_in_at", m => m.LastSignInAt).Apart()
        .Instant("removed_at", m => m.RemovedAt).Version().Text("grants", m => m.Grants.ToString())
        .Text("grant_log", m => m.GrantLog.ToString()).Flag("has_levels", m => m.HasLevels).With(m => m.Levels)
        .With(m => m.Invitations);

    private static readonly Table<Invitation> InvitationRows = New<Invitation>("invitations", keys: 2)
        .Id("organization_id", i => i.OrganizationId).Id("id", i => i.Id).Id("member_id", i => i.MemberId)
        .Enum("status", i => i.Status).Instant("created_at", i => i.CreatedAt)
        .Instant("expires_at", i => i.ExpiresAt).Int("sent_count", i => i.SentCount)
        .Instant("last_sent_at", i => i.LastSentAt).Enum("delivery", i => i.Delivery).Apart()
        .Text("delivery_reason", i => i.DeliveryReason).Apart().Id("sponsor_id", i => i.SponsorId)
        .Enum("sponsor_kind", i => i.SponsorKind).Text("sponsor_name", i => i.SponsorName)
        .Instant("accepted_at", i => i.AcceptedAt).Id("accepted_by", i => i.AcceptedBy)
        .Instant("ended_at", i => i.EndedAt).Text("end_reason", i => i.EndReason)
        .Instant("blocked_at", i => i.BlockedAt).Instant("blocked_told_at", i => i.BlockedToldAt)
        .Instant("requested_at", i => i.RequestedAt).Version().Bytes("first_secret_hash", i => i.FirstSecretHash)
        .Int("first_secret_sequence", i => i.FirstSecretSequence)
        .Instant("first_secret_sent_at", i => i.FirstSecretSentAt)
        .Flag("first_secret_proves_address", i => i.FirstSecretProvesAddress).With(i => i.LaterSecrets);

    private static readonly Table<InvitationSecret> SecretRows = New<InvitationSecret>("invitation_secrets", keys: 3)
        .Id("organization_id", i => i.OrganizationId).Id("invitation_id", i => i.InvitationId)
        .Int("sequence", i => i.Sequence).Bytes("hash", i => i.Hash).Instant("sent_at", i => i.SentAt)
        .Flag("proves_address", i => i.ProvesAddress);

    private static readonly Table<Job> JobRows = New<Job>("jobs", keys: 2)
        .Id("organization_id", j => j.OrganizationId).Id("id", j => j.Id).Enum("kind", j => j.Kind)
        .Enum("status", j => j.Status).Flag("dry_run", j => j.DryRun).Enum("actor_kind", j => j.ActorKind)
        .Id("actor_id", j => j.ActorId).Text("actor_name", j => j.ActorName).Json("parameters", j => j.Parameters)
        .Int("total", j => j.Total).Json("counts", j => j.Counts).Instant("created_at", j => j.CreatedAt)
        .Instant("started_at", j => j.StartedAt).Instant("finished_at", j => j.FinishedAt)
        .Instant("claimed_until", j => j.ClaimedUntil).Text("failure_reason", j => j.FailureReason).Version();

    private static readonly Table<JobBatch> JobBatchRows = New<JobBatch>("job_batches", keys: 3)
        .Id("organization_id", j => j.OrganizationId).Id("job_id", j => j.JobId).Int("sequence", j => j.Sequence)
        .Int("first_row", j => j.FirstRow).Int("count", j => j.Count).Text("input", j => j.Input)
        .Text("outcomes", j => j.Outcomes);

    private static readonly Table<NumberBlock> NumberBlockRows = New<NumberBlock>("number_blocks", keys: 1)
        .Long("first", n => n.First).Instant("reserved_at", n => n.ReservedAt);

    private static readonly Table<Organization> OrganizationRows = New<Organization>("organizations", keys: 1)
        .Id("id", o => o.Id).Text("slug", o => o.Slug).Text("name", o => o.Name).Text("time_zone", o => o.TimeZone)
        .Int("seat_limit", o => o.SeatLimit).Int("seats_used", o => o.SeatsUsed).Apart()
        .Text("external_identity_provider", o => o.ExternalIdentityProvider)
        .Int("invitation_lifetime_seconds", o => o.InvitationLifetimeSeconds)
        .Texts("allowed_email_domains", o => o.AllowedEmailDomains)
        .Texts("default_permissions", o => o.DefaultPermissions).Texts("return_origins", o => o.ReturnOrigins)
        .Instant("created_at", o => o.CreatedAt).Instant("suspended_at", o => o.SuspendedAt).Version()
        .Id("definitions_stamp", o => o.DefinitionsStamp);

    private static readonly Table<OutboxMessage> OutboxRows = New<OutboxMessage>("outbox_messages", keys: 2)
        .Id("organization_id", o => o.OrganizationId).Id("id", o => o.Id).Enum("kind", o => o.Kind)
        .Text("recipient", o => o.Recipient).Text("language", o => o.Language).Json("parameters", o => o.Parameters)
        .Id("invitation_id", o => o.InvitationId).Bytes("secret", o => o.Secret).Enum("state", o => o.State)
        .Int("attempts", o => o.Attempts).Instant("next_attempt_at", o => o.NextAttemptAt)
        .Instant("created_at", o => o.CreatedAt).Instant("sent_at", o => o.SentAt)
        .Text("last_error", o => o.LastError);

    private static readonly Table<Resource> ResourceRows = New<Resource>("resources", keys: 2)
        .Id("organization_id", r => r.OrganizationId).Id("id", r => r.Id).Text("name", r => r.Name)
        .Text("name_key", r => r.NameKey).Text("slug", r => r.Slug).Json("attributes", r => r.Attributes)
        .Instant("created_at", r => r.CreatedAt).Version();

    private static readonly Table<ResourceAccess> LevelRows = New<ResourceAccess>("resource_access", keys: 2)
        .Id("organization_id", r => r.OrganizationId).Id("id", r => r.Id).Id("resource_id", r => r.ResourceId)
        .Id("member_id", r => r.MemberId).Id("group_id", r => r.GroupId).Enum("level", r => r.Level)
        .Texts("capabilities", r => r.Capabilities).Id("granted_by", r => r.GrantedBy)
        .Instant("granted_at", r => r.GrantedAt);

    private static readonly Table<Session> SessionRows = New<Session>("sessions", keys: 1)
        .Bytes("hash", s => s.Hash).Id("id", s => s.Id).Id("user_id", s => s.UserId)
        .Instant("created_at", s => s.CreatedAt).Instant("authenticated_at", s => s.AuthenticatedAt)
        .Instant("last_seen_at", s => s.LastSeenAt).Apart().Instant("expires_at", s => s.ExpiresAt)
        .Text("device", s => s.Device);

    private static readonly Table<SignInCode> SignInCodeRows = New<SignInCode>("sign_in_codes", keys: 1)
        .Text("address", s => s.Address).Bytes("hash", s => s.Hash).Instant("created_at", s => s.CreatedAt)
        .Instant("expires_at", s => s.ExpiresAt).Int("failures", s => s.Failures);

    private static readonly Table<AddressChange> AddressChangeRows = New<AddressChange>("address_changes", keys: 2)
        .Id("organization_id", a => a.OrganizationId).Id("id", a => a.Id).Id("member_id", a => a.MemberId)
        .Text("old_identifier", a => a.OldIdentifier).Text("new_identifier", a => a.NewIdentifier)
        .Text("new_email", a => a.NewEmail).Bytes("hash", a => a.Hash).Enum("status", a => a.Status)
        .Instant("created_at", a => a.CreatedAt).Instant("expires_at", a => a.ExpiresAt)
        .Instant("ended_at", a => a.EndedAt);

    private static readonly Table<PasswordReset> PasswordResetRows = New<PasswordReset>("password_resets", keys: 1)
        .Bytes("hash", p => p.Hash).Id("id", p => p.Id).Id("user_id", p => p.UserId).Text("address", p => p.Address)
        .Flag("handed_over", p => p.HandedOver).Instant("created_at", p => p.CreatedAt)
        .Instant("expires_at", p => p.ExpiresAt).Instant("used_at", p => p.UsedAt);

    private static readonly Table<UserAddressChange> UserAddressRows =
        New<UserAddressChange>("user_address_changes", keys: 1)
        .Id("id", u => u.Id).Id("user_id", u => u.UserId).Text("new_address", u => u.NewAddress)
        .Bytes("hash", u => u.Hash).Enum("status", u => u.Status).Instant("created_at", u => u.CreatedAt)
        .Instant("expires_at", u => u.ExpiresAt).Instant("ended_at", u => u.EndedAt);

    private static Table<T> New<T>(string name, int keys)
        where T : class => new(name, keys);
}
