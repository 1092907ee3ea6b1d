using System.Text.Json;
using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.Options;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Data.Sqlite;
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
/// The schema, and the context for reads. Writes go through a <see cref="Unit"/>, which <see cref="Data.Database"/>
/// creates. Contexts are pooled, so they keep no state of a request.
/// </summary>
public sealed class UsherDb(DbContextOptions<UsherDb> options) : DbContext(options), IDataProtectionKeyContext
{
    private UsherDbRuntime? runtime;
    private bool? isSqlite;

    public DbSet<Organization> Organizations => Set<Organization>();

    public DbSet<User> Users => Set<User>();

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

    /// <summary>A UUID as a parameter of hand-written SQL, which bypasses the model's conversions.</summary>
    public object Raw(Guid id) => IsSqlite ? id.ToByteArray(bigEndian: true) : id;

    /// <summary>Any value as a parameter of hand-written SQL, which bypasses the model's conversions.</summary>
    public object RawValue(object value) =>
        value switch
        {
            Guid id => Raw(id), DateTimeOffset instant when IsSqlite => instant.ToUnixTimeMilliseconds(), _ => value,
        };

    /// <summary>
    /// A list as one parameter. The statement's text and plan do not depend on its length; see
    /// <see cref="ElementsOf"/>.
    /// </summary>
    public object RawList<T>(IReadOnlyCollection<T> values) => (IsSqlite, values) switch
    {
        (true, IReadOnlyCollection<Guid> ids) => JsonSerializer.Serialize(ids.Select(id => id.ToString("N"))),
        (true, _) => JsonSerializer.Serialize(values),
        (false, _) => values.ToArray(),
    };

    /// <summary>
    /// The elements of a <see cref="RawList{T}"/> parameter as a subquery with the single column <c>value</c>.
    /// </summary>
    /// <param name="parameter">The list parameter in the SQL text.</param>
    /// <param name="ids">Whether the elements are UUIDs.</param>
    public string ElementsOf(string parameter, bool ids) =>
        !IsSqlite
            ? $"SELECT unnest({parameter}) AS value"
            : ids
            ? $"SELECT unhex(value) AS value FROM json_each({parameter})"
            : $"SELECT value FROM json_each({parameter})";

    internal UsherDbRuntime Runtime => runtime ??= this.GetService<UsherDbRuntime>();

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        base.ConfigureConventions(configurationBuilder);
        Conventions.ConfigureValues(configurationBuilder, IsSqlite);
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        base.OnModelCreating(modelBuilder);
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(UsherDb).Assembly);
        Conventions.Apply(modelBuilder, postgres: Database.IsNpgsql());
    }
}

/// <summary>State that all contexts of one database share.</summary>
public sealed class UsherDbRuntime(
    WriteGate gate, WriteMeter meter, Outbox.OutboxDoorbell doorbell, JobDoorbell jobDoorbell,
    IOptions<SearchOptions>? search = null) : IDisposable
{
    /// <summary>See <see cref="SearchOptions.TimeLimit"/>.</summary>
    internal TimeSpan SearchTimeLimit { get; } = (search?.Value ?? new()).TimeLimit;

    public WriteGate Gate => gate;

    /// <summary>The connections for hand-written reads on SQLite.</summary>
    internal SqliteReaders Readers { get; } = new();

    public void Dispose() => Readers.Dispose();

    public WriteMeter Meter => meter;

    public Outbox.OutboxDoorbell Doorbell => doorbell;

    public JobDoorbell JobDoorbell => jobDoorbell;

    /// <summary>The cache of groups, roles and settings recently read by this node.</summary>
    internal DefinitionsCache Definitions { get; } = new();

    /// <summary>The granting rules. All are in force except in tests that show the effect of a missing rule.</summary>
    internal GrantingRules Rules { get; set; } = new();
}
