using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.Options;
using Npgsql;
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
/// The one database context. How writes reach the database is decided here and nowhere else: an operation reads, adds
/// and changes entities, and calls <see cref="DbContext.SaveChangesAsync(CancellationToken)"/> once.
/// </summary>
public sealed class UsherDb(DbContextOptions<UsherDb> options) : IdentityUserContext<User, Guid>(options)
{
    // Two runs under lock that still meet at a row being inserted part at the second; the rest is for storms.
    private const int LockedAttempts = 5;

    // From so many on, rows that are added beside changes are written without EF: as many as make up for their own
    // round trip.
    private const int ManyAdded = 32;

    private readonly Dictionary<Guid, int> seats = [];
    private readonly List<object> added = [];
    private int addedIn;
    private readonly HashSet<IVersioned> raised = [];
    private UsherDbRuntime? runtime;
    private bool? isSqlite;
    private bool locked;
    private bool together;
    private bool saveWaits;
    private bool mailAdded;
    private bool jobAdded;

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

    /// <summary>Whether this run is alone and in a transaction, so that rows may be written before the save.</summary>
    internal bool IsUnderLock => locked;

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

    /// <summary>
    /// Runs an operation. When it lost a race (a unique index, a version, a row that went away), it runs again from its
    /// reads, this time alone: holding the write gate on SQLite, locking what it reads on PostgreSQL.
    /// </summary>
    public async Task<T> RunAsync<T>(Func<Task<T>> operation, CancellationToken ct)
    {
        if (!saveWaits) Forget(); // of an operation before it in the same request
        if (together || locked) return await operation();
        return await EndingAsync(async () =>
        {
            try
            {
                return await operation();
            }
            catch (Exception e) when (IsLostRace(e))
            {
                return await RunAloneAsync(operation, keep: true, ct);
            }
        });
    }

    /// <summary>
    /// Runs an operation that must read under lock from the start. Once is enough, but for what PostgreSQL cannot lock:
    /// a row somebody is only just inserting, whose commit the operation then finds.
    /// </summary>
    public async Task<T> RunLockedAsync<T>(Func<Task<T>> operation, CancellationToken ct)
    {
        if (!together) return await EndingAsync(() => RunAloneAsync(operation, keep: true, ct));
        if (!locked) throw new LockNeededException();
        return await RunAsync(operation, ct);
    }

    /// <summary>
    /// Runs an operation and lets its caller add to what it saves: every save waits for the end, and all of it is one
    /// commit. A lost race runs the whole of it again, so it must bear that. One operation that changes something,
    /// after any number that only read.
    /// </summary>
    public async Task<T> RunTogetherAsync<T>(Func<Task<T>> work, CancellationToken ct)
    {
        if (together) return await work(); // in a rehearsal
        return await EndingAsync(async () =>
        {
            try
            {
                Forget();
                return await GatherAsync(work, ct);
            }
            catch (Exception e) when (e is LockNeededException || IsLostRace(e))
            {
                return await RunAloneAsync(() => GatherAsync(work, ct), keep: true, ct);
            }
        });
    }

    /// <summary>
    /// Runs an operation to see what it would come to: everything is done, answered and taken back. No mail leaves.
    /// </summary>
    public Task<T> RehearseAsync<T>(Func<Task<T>> work, CancellationToken ct) =>
        EndingAsync(() => RunAloneAsync(() => GatherAsync(work, ct), keep: false, ct));

    /// <summary>
    /// In a locked run: waits until nobody else changes these members, and, with <paramref name="organizationToo"/>,
    /// the organization's own row (seats, the last administrator). Otherwise nothing.
    /// </summary>
    public async Task LockAsync(
        Guid organization, IReadOnlyCollection<string> identifiers, IReadOnlyCollection<Guid> members,
        bool organizationToo, CancellationToken ct, IReadOnlyCollection<Guid>? invitations = null)
    {
        if (!locked || IsSqlite) return;

        // No stronger than that: whoever adds a row that refers to the organization shares its key, and would wait
        // while holding what is locked next.
        if (organizationToo)
            await Database.ExecuteSqlAsync(
                $"SELECT 1 FROM organizations WHERE id = {organization} FOR NO KEY UPDATE", ct);
        else
            await Database.ExecuteSqlAsync(
                $"SELECT 1 FROM organizations WHERE id = {organization} AND seat_limit IS NOT NULL FOR NO KEY UPDATE",
                ct);

        // Invitations, then members, each by id: the order in which a save that locked nothing before changes them, or
        // the two would wait for each other.
        var (names, ids, offers) = (identifiers.ToArray(), members.ToArray(), invitations?.ToArray() ?? []);
        // Each row is searched for by itself: asked for all at once, an organization of a million would be read
        // through.
        await Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM (
                SELECT i.id FROM (
                    SELECT m.id FROM unnest({names}) n(value) CROSS JOIN LATERAL (SELECT id FROM members
                        WHERE organization_id = {organization} AND identifier = n.value OFFSET 0) m
                    UNION SELECT unnest({ids})
                ) f CROSS JOIN LATERAL (SELECT id FROM invitations WHERE organization_id = {organization}
                    AND member_id = f.id OFFSET 0) i
                UNION SELECT unnest({offers}) ORDER BY 1
            ) found CROSS JOIN LATERAL (
                SELECT 1 FROM invitations i WHERE i.organization_id = {organization} AND i.id = found.id
                    AND i.status IN ('pending', 'expired') FOR NO KEY UPDATE) locked
            """, ct);
        await Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM (
                SELECT m.id FROM unnest({names}) n(value) CROSS JOIN LATERAL (SELECT id FROM members
                    WHERE organization_id = {organization} AND identifier = n.value OFFSET 0) m
                UNION SELECT unnest({ids})
                UNION SELECT i.member_id FROM unnest({offers}) o(value) CROSS JOIN LATERAL (SELECT member_id
                    FROM invitations WHERE organization_id = {organization} AND id = o.value OFFSET 0) i
                ORDER BY 1
            ) found CROSS JOIN LATERAL (SELECT 1 FROM members m WHERE m.organization_id = {organization}
                AND m.id = found.id FOR NO KEY UPDATE) locked
            """, ct);
    }

    /// <summary>The same for one invitation and the member it is for, before they are read.</summary>
    public async Task LockInviteeAsync(string organizationSlug, Guid invitation, CancellationToken ct)
    {
        if (!locked || IsSqlite) return;
        await Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM invitations i JOIN organizations o ON o.slug = {organizationSlug} AND o.id = i.organization_id
            WHERE i.id = {invitation} FOR NO KEY UPDATE OF i
            """, ct);
        await Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM members m JOIN organizations o ON o.slug = {organizationSlug} AND o.id = m.organization_id
                JOIN invitations i ON i.organization_id = m.organization_id AND i.member_id = m.id
                    AND i.id = {invitation} FOR NO KEY UPDATE OF m
            """, ct);
    }

    /// <summary>The same for the member who wants another address.</summary>
    public async Task LockAddressChangeAsync(string organizationSlug, Guid change, CancellationToken ct)
    {
        if (!locked || IsSqlite) return;
        await Database.ExecuteSqlAsync(
            $"""
            SELECT 1 FROM members m JOIN organizations o ON o.slug = {organizationSlug} AND o.id = m.organization_id
                JOIN address_changes c ON c.organization_id = m.organization_id AND c.member_id = m.id
                    AND c.id = {change} FOR NO KEY UPDATE OF m
            """, ct);
    }

    /// <summary>The same for the account of an address, if there is one.</summary>
    public async Task LockAccountAsync(string address, CancellationToken ct)
    {
        if (!locked || IsSqlite) return;
        await Database.ExecuteSqlAsync($"SELECT 1 FROM users WHERE normalized_email = {address} FOR NO KEY UPDATE", ct);
    }

    /// <summary>The same for an account: taken first by whatever changes how its person signs in.</summary>
    public async Task LockUserAsync(Guid user, CancellationToken ct)
    {
        if (!locked || IsSqlite) return;
        await Database.ExecuteSqlAsync($"SELECT 1 FROM users WHERE id = {user} FOR NO KEY UPDATE", ct);
    }

    /// <summary>
    /// Deletes every row of an organization but its own, those first that refer to others. At once, in the caller's
    /// transaction.
    /// </summary>
    /// <returns>How many of each table.</returns>
    internal async Task<Dictionary<string, int>> DeleteOrganizationAsync(Guid organization, CancellationToken ct)
    {
        Dictionary<string, int> gone = [];
        List<IEntityType> waiting = [
            .. Model.GetEntityTypes()
                .Where(e => e.GetTableName() is not null && e.FindProperty("OrganizationId") is not null)];
        while (waiting.Count > 0)
        {
            var next = waiting.First(e =>
                !waiting.Exists(other => other != e && other.GetForeignKeys().Any(k => k.PrincipalEntityType == e)));
            var table = next.GetTableName()!;
#pragma warning disable EF1002 // the table's name is the model's
            gone[table] = await Database.ExecuteSqlRawAsync(
                $"DELETE FROM {table} WHERE organization_id = {{0}}", [Raw(organization)], ct);
#pragma warning restore EF1002
            waiting.Remove(next);
        }

        return gone;
    }

    /// <summary>
    /// Takes seats (or gives them back) with the next save, which fails as a lost race when the limit does not hold
    /// them. Only for organizations with a limit.
    /// </summary>
    public void ChangeSeats(Guid organization, int count) =>
        seats[organization] = seats.GetValueOrDefault(organization) + count;

    /// <summary>
    /// Adds a row, and those in its collections, with the next save. Nobody tracks it: a save that only adds then needs
    /// none of what tracking costs, and nothing may be changed after that save in the same operation.
    /// </summary>
    public new T Add<T>(T entity)
        where T : class
    {
        Added.Add(entity);
        return entity;
    }

    /// <summary>See <see cref="Add{T}"/>.</summary>
    public override void AddRange(params object[] entities) => AddRange(entities.AsEnumerable());

    /// <summary>See <see cref="Add{T}"/>.</summary>
    public override void AddRange(IEnumerable<object> entities) => Added.AddRange(entities);

    /// <summary>
    /// Drops all that was read for a change, changed or added, and not saved; the seats that the save would have
    /// changed, too.
    /// </summary>
    public void Forget()
    {
        ChangeTracker.Clear();
        added.Clear();
        seats.Clear();
        raised.Clear();
    }

    /// <summary>Ends the context's use. A pooled context carries nothing of a run to its next user.</summary>
    public override void Dispose()
    {
        EndRun();
        base.Dispose();
    }

    /// <inheritdoc cref="Dispose"/>
    public override ValueTask DisposeAsync()
    {
        EndRun();
        return base.DisposeAsync();
    }

    /// <summary>
    /// The one write of an operation: all of it, or nothing. Raises the version of every changed row and of those that
    /// rows depending on them hang on; wakes the mail worker when a message was added, and the jobs' when a job was.
    /// </summary>
    public override async Task<int> SaveChangesAsync(
        bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        // Looked for once: whoever asks for the entries would look again each time, and that is a good part of what a
        // small save costs.
        var detects = ChangeTracker.AutoDetectChangesEnabled;
        ChangeTracker.AutoDetectChangesEnabled = false;
        try
        {
            await RenewStampsAsync(cancellationToken);
            if (ChangeTracker.Entries().Any())
            {
                if (!IsSqlite && Added.Count < ManyAdded) TrackAdded();
                ChangeTracker.DetectChanges();
                RaiseVersions();
            }

            if (!together) return await SaveNowAsync(acceptAllChangesOnSuccess, cancellationToken);
            saveWaits = true;
            return 0;
        }
        finally
        {
            ChangeTracker.AutoDetectChangesEnabled = detects;
        }
    }

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

    internal UsherDbRuntime Runtime => runtime ??= this.GetService<UsherDbRuntime>();

    // The state of a run ends with the run: also when it failed or was cancelled before it could save.
    private async Task<T> EndingAsync<T>(Func<Task<T>> run)
    {
        try
        {
            return await run();
        }
        catch
        {
            ChangeTracker.Clear();
            throw;
        }
        finally
        {
            EndRun();
        }
    }

    private void EndRun()
    {
        added.Clear();
        seats.Clear();
        raised.Clear();
        (locked, together, saveWaits, mailAdded, jobAdded) = (false, false, false, false, false);
    }

    private async Task<T> RunAloneAsync<T>(Func<Task<T>> operation, bool keep, CancellationToken ct)
    {
        FirstException? first = null;
        for (var attempt = 1; ; attempt++)
        {
            if (first is not null) await first.Do(ct);
            first = null;
            Forget();
            (mailAdded, jobAdded) = (false, false);
            using var turn = IsSqlite ? await Runtime.Gate.EnterAsync(ct) : null;
            RefuseGoneFile();
            await using var transaction = await Database.BeginTransactionAsync(ct);
            locked = true;
            try
            {
                var result = await operation();
                if (!keep) return result; // the transaction, left open, takes it all back
                await transaction.CommitAsync(ct);
                RingForWhatWasAdded();
                return result;
            }
            catch (Exception e) when (attempt < LockedAttempts && IsLostRace(e))
            {
                // Whoever won has committed: the next run sees it.
            }
            catch (FirstException e) when (attempt < LockedAttempts)
            {
                first = e;
            }
            finally
            {
                locked = false;
            }
        }
    }

    // Saves wait while it works; then there is one.
    private async Task<T> GatherAsync<T>(Func<Task<T>> work, CancellationToken ct)
    {
        together = true;
        bool save;
        T result;
        try
        {
            result = await work();
        }
        finally
        {
            (save, saveWaits, together) = (saveWaits, false, false);
        }

        if (save) await SaveNowAsync(acceptAllChangesOnSuccess: true, ct);
        return result;
    }

    private async Task<int> SaveNowAsync(bool acceptAllChangesOnSuccess, CancellationToken ct)
    {
        raised.Clear();
        AddMemberGrants();
        List<EntityEntry> entries = [.. ChangeTracker.Entries()];
        mailAdded |= Added.Exists(e => e is OutboxMessage)
            || entries.Exists(e => e is { State: EntityState.Added, Entity: OutboxMessage });
        jobAdded |= Added.Exists(e => e is Job) || entries.Exists(e => e is { State: EntityState.Added, Entity: Job });
        // On PostgreSQL EF changes rows in one round trip with those that are added; on SQLite there is a commit to be
        // shared.
        var pastEf = !IsAlone && seats.Values.All(count => count is 0)
            && (IsSqlite || !entries.Exists(e => e.State is EntityState.Modified or EntityState.Deleted));
        var many = Added.Count + entries.Count(e => e.State is EntityState.Added) >= ManyAdded;
        var rows = pastEf || many ? Runtime.RowsOf(Model).Read(entries, Added) : null;
        int saved;
        if (rows is not null && pastEf && Runtime.RowsOf(Model).Whole(entries, rows) is { } whole)
        {
            added.Clear();
            saved = await WriteAsync(whole, acceptAllChangesOnSuccess, ct);
        }
        else if (rows is not null && RowPlan.MayFollow(entries, rows))
        {
            added.Clear();
            foreach (var entry in entries.Where(e => e.State is EntityState.Added)) entry.State = EntityState.Unchanged;
            saved = await SaveInTurnAsync(acceptAllChangesOnSuccess, rows, ct);
        }
        else
        {
            TrackAdded();
            saved = await SaveInTurnAsync(acceptAllChangesOnSuccess, [], ct);
        }

        if (!locked) RingForWhatWasAdded();
        return saved;
    }

    // A pooled context may come from an operation that added and never saved.
    private List<object> Added
    {
        get
        {
            if (addedIn != ContextId.Lease) added.Clear();
            addedIn = ContextId.Lease;
            return added;
        }
    }

    private void TrackAdded()
    {
        foreach (var entity in Added) base.Add(entity);
        added.Clear();
    }

    // Written without what EF does to be ready for every kind of save, on SQLite in a commit that others share.
    private async Task<int> WriteAsync(List<RowWrite> rows, bool acceptAllChangesOnSuccess, CancellationToken ct)
    {
        seats.Clear();
        if (rows is []) return 0;
        RefuseGoneFile();
        await WriteAsync(
            rows,
            () =>
                IsSqlite
                    ? Runtime.Gate.WriteAsync(Database.GetConnectionString()!, rows, ct)
                    : InsertOnPostgresAsync(rows, ct));
        if (acceptAllChangesOnSuccess) ChangeTracker.AcceptAllChanges();
        return rows.Count;
    }

    private async Task InsertOnPostgresAsync(List<RowWrite> rows, CancellationToken ct)
    {
        await Database.OpenConnectionAsync(ct);
        try
        {
            await PostgresWriter.InsertAsync((NpgsqlConnection)Database.GetDbConnection(), rows, ct);
            if (!locked) Runtime.Meter.Commit();
        }
        finally
        {
            await Database.CloseConnectionAsync();
        }
    }

    private async Task<int> SaveInTurnAsync(bool acceptAllChangesOnSuccess, List<RowWrite> after, CancellationToken ct)
    {
        using var turn = IsSqlite && !locked ? await Runtime.Gate.EnterAsync(ct) : null;
        if (!locked) RefuseGoneFile(); // a run under lock has asked at its start
        return await SaveAllAsync(acceptAllChangesOnSuccess, after, ct);
    }

    // An open connection goes on writing to a file that was moved or deleted. What it writes there is lost.
    private void RefuseGoneFile()
    {
        if (!IsSqlite || Database.GetDbConnection().DataSource is not { Length: > 0 } file || file.StartsWith(':')
                || File.Exists(file))
            return;
        throw new SqliteException("The file of the database is gone.", SQLitePCL.raw.SQLITE_CANTOPEN);
    }

    private void RingForWhatWasAdded()
    {
        if (mailAdded) Runtime.Doorbell.Ring();
        if (jobAdded) Runtime.JobDoorbell.Ring();
        (mailAdded, jobAdded) = (false, false);
    }

    // Seats first, then what EF changes, then the rows that are only added.
    private async Task<int> SaveAllAsync(bool acceptAllChangesOnSuccess, List<RowWrite> after, CancellationToken ct)
    {
        // Taken before anything can fail: a pooled context must not carry them on to its next user. A rerun asks for
        // them again.
        var changes = seats.Where(pair => pair.Value is not 0).ToArray();
        seats.Clear();
        if (changes is [] && after is []) return await base.SaveChangesAsync(acceptAllChangesOnSuccess, ct);

        await using var own = Database.CurrentTransaction is null ? await Database.BeginTransactionAsync(ct) : null;
        foreach (var (organization, count) in changes)
        {
            var held = await Organizations
                .Where(o =>
                    o.Id == organization && (o.SeatLimit == null || count < 0 || o.SeatsUsed + count <= o.SeatLimit))
                .ExecuteUpdateAsync(set => set.SetProperty(o => o.SeatsUsed, o => o.SeatsUsed + count), ct);
            if (held is 0) throw new DbUpdateConcurrencyException("The seat limit was reached meanwhile.");
        }

        var saved = await base.SaveChangesAsync(acceptAllChangesOnSuccess, ct);
        if (after is [_, ..]) await WriteAsync(after, () => InsertHereAsync(after, ct));
        if (own is not null) await own.CommitAsync(ct);
        return saved + after.Count;
    }

    // On the context's own connection, in its transaction.
    private Task InsertHereAsync(List<RowWrite> rows, CancellationToken ct)
    {
        if (!IsSqlite) return PostgresWriter.CopyAsync((NpgsqlConnection)Database.GetDbConnection(), rows, ct);
        SqliteWriter.Write((SqliteConnection)Database.GetDbConnection(), rows);
        return Task.CompletedTask;
    }

    // Past EF: counted as its commands are, and refused in its words.
    private async Task WriteAsync(List<RowWrite> rows, Func<Task> write)
    {
        Runtime.Meter.Batch(rows.Count);
        try
        {
            await write();
        }
        catch (Exception e) when (e is SqliteException or PostgresException)
        {
            throw new DbUpdateException("The rows were refused; see the inner exception.", e);
        }
    }

    // The table to search follows what the members hold.
    private void AddMemberGrants()
    {
        foreach (var member in Added.OfType<Member>().ToList()) Add(member, Grants.None, member.Grants);
        foreach (var entry in ChangeTracker.Entries<Member>().ToList())
        {
            var before = entry.State is EntityState.Added
                ? Grants.None
                : (Grants)entry.Property(m => m.Grants).OriginalValue!;
            if (entry.State is not EntityState.Deleted) Add(entry.Entity, before, entry.Entity.Grants);
        }

        void Add(Member member, Grants before, Grants after)
        {
            foreach (var grant in after.All.Except(before.All)) this.Add(RowOf(member, grant));
            foreach (var grant in before.All.Except(after.All)) Remove(RowOf(member, grant));
        }

        static MemberGrant RowOf(Member member, Grant grant) =>
            new()
            {
                OrganizationId = member.OrganizationId, Kind = grant.Kind, Target = grant.Target, MemberId = member.Id,
            };
    }

    // Whatever changes settings, groups or roles makes every copy of them useless, on all nodes.
    private async Task RenewStampsAsync(CancellationToken ct)
    {
        var definitions = ChangeTracker.Entries().Where(e => e.Entity is Group or Role or Organization).ToList();
        if (definitions.Count > 0) ChangeTracker.DetectChanges();
        var changed = definitions.Where(e => e.State is not EntityState.Unchanged);
        foreach (var id in changed.Select(e => e.Entity).Concat(Added).Select(OrganizationOf).OfType<Guid>().Distinct()
                .ToList())
        {
            if (Added.OfType<Organization>().Any(o => o.Id == id)) continue;
            var organization = ChangeTracker.Entries<Organization>().Select(e => e.Entity)
                .FirstOrDefault(o => o.Id == id)
                ?? await Organizations.SingleOrDefaultAsync(o => o.Id == id, ct);
            if (organization is not null) organization.DefinitionsStamp = Guid.NewGuid();
        }

        static Guid? OrganizationOf(object entity) => entity switch
        {
            Group group =>
                group.OrganizationId, Role role =>
                    role.OrganizationId, Organization organization => organization.Id, _ => null,
        };
    }

    private void RaiseVersions()
    {
        var entries = ChangeTracker.Entries().ToList();
        // A level taken out of its holder's collection: to the framework it hangs on two optional things, and would
        // stay without either.
        foreach (var level in entries.Where(e =>
                e is { State: EntityState.Modified, Entity: ResourceAccess { MemberId: null, GroupId: null } }))
            level.State = EntityState.Deleted;
        var stored = entries.Where(e =>
            e.Entity is IVersioned && e.State is EntityState.Unchanged or EntityState.Modified).ToDictionary(KeyOf);
        if (stored.Count is 0) return;

        // The last part of every key is a UUID of its own, or, on a foreign key, that of the row it hangs on.
        HashSet<EntityEntry> changed = [];
        foreach (var entry in entries.Where(e =>
                e.State is EntityState.Added or EntityState.Modified or EntityState.Deleted))
        {
            // Signing in and using a key change nothing that somebody could be editing.
            if (entry.Entity is IVersioned && stored.TryGetValue(KeyOf(entry), out var self)
                && entry.Properties.Any(p =>
                       p.IsModified
                           && p.Metadata.Name is not (
                                  nameof(Member.LastSignInAt) or nameof(ApiKey.LastUsedAt)
                                      or nameof(Organization.DefinitionsStamp)))) changed.Add(self);
            // A row hangs on those that have it in a collection of theirs. A place in a group is the member's: the
            // group has no such collection, or every invite into one group would race every other.
            foreach (var key in entry.Metadata.GetForeignKeys().Where(k => k.PrincipalToDependent is not null))
                if (entry.Property(key.Properties[^1].Name) is var holder
                        && (holder.CurrentValue ?? holder.OriginalValue) is Guid id
                        && stored.TryGetValue(id, out var owner))
                    changed.Add(owner);
        }

        foreach (var holder in Runtime.RowsOf(Model).HoldersOf(Added))
            if (stored.TryGetValue(holder, out var owner)) changed.Add(owner);

        // Once, however many saves wait to become one: what was shown of it stays true.
        foreach (var entry in changed.Where(e => raised.Add((IVersioned)e.Entity)))
            entry.Property(nameof(IVersioned.Version)).CurrentValue = ((IVersioned)entry.Entity).Version + 1;

        static object KeyOf(EntityEntry entry) =>
            entry.Property(entry.Metadata.FindPrimaryKey()!.Properties[^1].Name).CurrentValue!;
    }

    /// <summary>Whether this context holds the one turn to write that there is on SQLite.</summary>
    internal bool IsAlone => locked && IsSqlite;

    // An operation that must read under lock was called where none is held: the whole of it begins again with one.
    private sealed class LockNeededException : Exception;

    private static bool IsLostRace(Exception exception) => exception switch
    {
        DbUpdateConcurrencyException => true,
        // unique, primary key, foreign key
        { InnerException: SqliteException { SqliteExtendedErrorCode: 2067 or 1555 or 787 } } => true,
        {
            InnerException: PostgresException
            {
                SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.ForeignKeyViolation,
            },
        } =>
            true,
        {
            InnerException: PostgresException
            {
                SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure,
            },
        } =>
            true,
        PostgresException
        {
            SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure,
        } =>
            true,
        // how Npgsql's strategy hands on what may work another time
        InvalidOperationException { InnerException: { } transient } => IsLostRace(transient),
        _ => false,
    };
}

/// <summary>
/// Thrown in a locked run by what cannot be had there: it is done outside, then the run begins again.
/// </summary>
internal sealed class FirstException(Func<CancellationToken, Task> doIt) : Exception
{
    public Func<CancellationToken, Task> Do => doIt;
}

/// <summary>What all contexts of one database share.</summary>
public sealed class UsherDbRuntime(
    WriteGate gate, WriteMeter meter, Outbox.OutboxDoorbell doorbell, JobDoorbell jobDoorbell,
    IOptions<SearchOptions>? search = null)
{
    /// <summary>See <see cref="SearchOptions.TimeLimit"/>.</summary>
    internal TimeSpan SearchTimeLimit { get; } = (search?.Value ?? new()).TimeLimit;

    public WriteGate Gate => gate;

    public WriteMeter Meter => meter;

    public Outbox.OutboxDoorbell Doorbell => doorbell;

    public JobDoorbell JobDoorbell => jobDoorbell;

    /// <summary>Groups, roles and settings that this node has read lately.</summary>
    internal DefinitionsCache Definitions { get; } = new();

    /// <summary>All of them, but for tests that show what would happen without one.</summary>
    internal GrantingRules Rules { get; set; } = new();

    private RowPlan? rows;

    /// <summary>How rows are written; of the one model there is.</summary>
    internal RowPlan RowsOf(IModel model) => rows ??= new(model);
}
