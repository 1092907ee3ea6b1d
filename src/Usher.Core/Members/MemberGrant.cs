using Usher.Core.Access;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Members;

/// <summary>
/// One grant of one member, for searching and counting: the members that are in a group, hold a role or hold a
/// permission. <see cref="Members.Member.Grants"/> is authoritative; the same commit writes both. Rows of deleted
/// groups and roles are removed later by <see cref="MemberGrantSweep"/>.
/// </summary>
public sealed class MemberGrant
{
    public required Guid OrganizationId { get; init; }

    public required GrantKind Kind { get; init; }

    /// <summary>See <see cref="Grant.Target"/>.</summary>
    public required string Target { get; init; }

    public required Guid MemberId { get; init; }

    internal static MemberGrant Of(Guid organization, Grant grant, Guid member) =>
        new() { OrganizationId = organization, Kind = grant.Kind, Target = grant.Target, MemberId = member };

    internal sealed class Mapping : IEntityTypeConfiguration<MemberGrant>
    {
        public void Configure(EntityTypeBuilder<MemberGrant> builder)
        {
            builder.ToTable("member_grants");
            builder.HasKey(g => new { g.OrganizationId, g.Kind, g.Target, g.MemberId });
            builder.Property(g => g.Target).IsKeyText();
        }
    }
}

/// <summary>
/// A deleted group or role. The row exists until the last <see cref="MemberGrant"/> row that names it is gone.
/// </summary>
public sealed class DeletedGrant
{
    public required Guid OrganizationId { get; init; }

    public required GrantKind Kind { get; init; }

    /// <summary>See <see cref="Grant.Target"/>.</summary>
    public required string Target { get; init; }

    /// <summary>The row to insert when a group or role is deleted, no matter how many members hold it.</summary>
    public static DeletedGrant Of(Guid organization, Grant grant) =>
        new() { OrganizationId = organization, Kind = grant.Kind, Target = grant.Target };

    internal sealed class Mapping : IEntityTypeConfiguration<DeletedGrant>
    {
        public void Configure(EntityTypeBuilder<DeletedGrant> builder)
        {
            builder.ToTable("deleted_grants");
            builder.HasKey(g => new { g.OrganizationId, g.Kind, g.Target });
            builder.Property(g => g.Target).IsKeyText();
        }
    }
}

/// <summary>Removes the <see cref="MemberGrant"/> rows of deleted groups and roles in batches.</summary>
public sealed class MemberGrantSweep(UsherDb db, Database database)
{
    /// <summary>The maximum number of rows that one transaction removes.</summary>
    public const int BatchSize = 1_000;

    /// <summary>Removes one batch.</summary>
    /// <returns>Whether there may be more.</returns>
    public async Task<bool> RunAsync(CancellationToken ct)
    {
        if (await db.DeletedGrants.AsNoTracking().OrderBy(d => d.OrganizationId)
                .FirstOrDefaultAsync(ct) is not { } deleted)
            return false;
        return await database.RunLockedAsync(async unit =>
        {
            var rows = db.MemberGrants.Where(g =>
                g.OrganizationId == deleted.OrganizationId && g.Kind == deleted.Kind && g.Target == deleted.Target);
            var members = await rows.OrderBy(g => g.MemberId).Select(g => g.MemberId).Take(BatchSize).ToListAsync(ct);
            await rows.Where(g => members.Contains(g.MemberId)).ExecuteDeleteAsync(ct);
            if (members.Count < BatchSize)
            {
                await db.DeletedGrants.Where(d =>
                    d.OrganizationId == deleted.OrganizationId && d.Kind == deleted.Kind && d.Target == deleted.Target)
                    .ExecuteDeleteAsync(ct);
            }

            return true;
        }, ct);
    }
}
