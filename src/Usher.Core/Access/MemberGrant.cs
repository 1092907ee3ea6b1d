using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Access;

/// <summary>
/// One grant of one member, to search and count by: who is in a group, holds a role, holds a permission. What counts is
/// <see cref="Members.Member.Grants"/>; the commit that changes one writes the other. Rows of a deleted group or role
/// are swept later.
/// </summary>
public sealed class MemberGrant
{
    public required Guid OrganizationId { get; init; }

    public required GrantKind Kind { get; init; }

    /// <summary>See <see cref="Grant.Target"/>.</summary>
    public required string Target { get; init; }

    public required Guid MemberId { get; init; }

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
/// A group or role that was deleted, until the last row of <see cref="MemberGrant"/> that names it is gone.
/// </summary>
public sealed class DeletedGrant
{
    public required Guid OrganizationId { get; init; }

    public required GrantKind Kind { get; init; }

    /// <summary>See <see cref="Grant.Target"/>.</summary>
    public required string Target { get; init; }

    /// <summary>What to leave behind when a group or role is deleted, however many members hold it.</summary>
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

/// <summary>Removes, batch by batch, what deleted groups and roles have left in the table to search.</summary>
public sealed class MemberGrantSweep(UsherDb db)
{
    /// <summary>How many rows one transaction removes at most.</summary>
    public const int BatchSize = 1_000;

    /// <summary>Removes one batch.</summary>
    /// <returns>Whether there may be more.</returns>
    public async Task<bool> RunAsync(CancellationToken ct)
    {
        if (await db.DeletedGrants.AsNoTracking().OrderBy(d => d.OrganizationId)
                .FirstOrDefaultAsync(ct) is not { } deleted)
            return false;
        return await db.RunLockedAsync(async () =>
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
