using System.Text.Json;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.Options;
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
using Usher.Core.Sessions;
using Usher.Core.Users;

namespace Usher.Core.Data;

/// <summary>
/// The schema, and the context to read with. Writes go through a <see cref="Unit"/>, which <see cref="Data.Database"/>
/// makes: nothing about a request is kept here, as contexts are pooled.
/// </summary>
public sealed class UsherDb(DbContextOptions<UsherDb> options) : IdentityUserContext<User, Guid>(options)
{
    private UsherDbRuntime? runtime;
    private bool? isSqlite;

    public DbSet<Organization> Organizations => Set<Organization>();

    public DbSet<Session> Sessions => Set<Session>();

    public DbSet<SignInCode> SignInCodes => Set<SignInCode>();

    public DbSet<PasswordReset> PasswordResets => Set<PasswordReset>();

    public DbSet<UserAddressChange> UserAddressChanges => Set<UserAddressChange>();

    public DbSet<Member> Members => Set<Member>();

    public DbSet<MemberGrant> MemberGrants => Set<MemberGrant>();

    public DbSet<DeletedGrant> DeletedGrants => Set<DeletedGrant>();

    public DbSet<Role> Roles => Set<Role>();

    public DbSet<Group> Groups => Set<Group>();

    public DbSet<Resource> Resources => Set<Resource>();

    public DbSet<ResourceAccess> ResourceAccess => Set<ResourceAccess>();

    public DbSet<Invitation> Invitations => Set<Invitation>();

    public DbSet<InvitationSecret> InvitationSecrets => Set<InvitationSecret>();

    public DbSet<AddressChange> AddressChanges => Set<AddressChange>();

    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();

    public DbSet<OutboxMessage> OutboxMessages => Set<OutboxMessage>();

    public DbSet<UsherEvent> Events => Set<UsherEvent>();

    public DbSet<IdempotencyRecord> IdempotencyRecords => Set<IdempotencyRecord>();

    public DbSet<Job> Jobs => Set<Job>();

    public DbSet<JobBatch> JobBatches => Set<JobBatch>();

    public DbSet<NumberBlock> NumberBlocks => Set<NumberBlock>();

    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    public bool IsSqlite => isSqlite ??= Database.IsSqlite();

    /// <summary>A UUID as a parameter of hand-written SQL, to which no conversion is applied.</summary>
    public object Raw(Guid id) => IsSqlite ? id.ToByteArray(bigEndian: true) : id;

    /// <summary>The same for any value.</summary>
    public object RawValue(object value) =>
        value switch
        {
            Guid id => Raw(id), DateTimeOffset instant when IsSqlite => instant.ToUnixTimeMilliseconds(), _ => value,
        };

    /// <summary>
    /// A list as one parameter, however long, so that the statement's text, and with it the plan, stays the same; see
    /// <see cref="ElementsOf"/>.
    /// </summary>
    public object RawList<T>(IReadOnlyCollection<T> values) => (IsSqlite, values) switch
    {
        (true, IReadOnlyCollection<Guid> ids) => JsonSerializer.Serialize(ids.Select(id => id.ToString("N"))),
        (true, _) => JsonSerializer.Serialize(values),
        (false, _) => values.ToArray(),
    };

    /// <summary>The elements of such a list as a subquery; its column is <c>value</c>.</summary>
    /// <param name="parameter">The list.</param>
    /// <param name="ids">Whether they are UUIDs.</param>
    public string ElementsOf(string parameter, bool ids) =>
        !IsSqlite
            ? $"SELECT unnest({parameter}) AS value"
            : ids
            ? $"SELECT unhex(value) AS value FROM json_each({parameter})"
            : $"SELECT value FROM json_each({parameter})";

    /// <summary>With passkeys' table, whether or not the host configured Identity.</summary>
    protected override Version SchemaVersion => IdentitySchemaVersions.Version3;

    internal UsherDbRuntime Runtime => runtime ??= this.GetService<UsherDbRuntime>();

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        base.ConfigureConventions(configurationBuilder);
        Conventions.ConfigureValues(configurationBuilder, IsSqlite);
    }

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.ApplyConfigurationsFromAssembly(typeof(UsherDb).Assembly);
        Conventions.Apply(builder, postgres: Database.IsNpgsql());
    }
}

/// <summary>What all contexts of one database share.</summary>
public sealed class UsherDbRuntime(
    WriteGate gate, WriteMeter meter, Outbox.OutboxDoorbell doorbell, JobDoorbell jobDoorbell,
    IOptions<SearchOptions>? search = null) : IDisposable
{
    /// <summary>See <see cref="SearchOptions.TimeLimit"/>.</summary>
    internal TimeSpan SearchTimeLimit { get; } = (search?.Value ?? new()).TimeLimit;

    public WriteGate Gate => gate;

    /// <summary>The connections that read by hand on SQLite.</summary>
    internal SqliteReaders Readers { get; } = new();

    public void Dispose() => Readers.Dispose();

    public WriteMeter Meter => meter;

    public Outbox.OutboxDoorbell Doorbell => doorbell;

    public JobDoorbell JobDoorbell => jobDoorbell;

    /// <summary>Groups, roles and settings that this node has read lately.</summary>
    internal DefinitionsCache Definitions { get; } = new();

    /// <summary>All of them, but for tests that show what would happen without one.</summary>
    internal GrantingRules Rules { get; set; } = new();
}
