using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Access;

/// <summary>
/// One grant of one member, to search and count by: who is in a group, holds a role, holds a permission. What counts is
/// <see cref="Members.Member.Grants"/>; the commit that changes one writes the other. Rows of a deleted group or role are swept later.
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
