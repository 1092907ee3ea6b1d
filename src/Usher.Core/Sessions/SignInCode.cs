using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Usher.Core.Data;

namespace Usher.Core.Sessions;

/// <summary>
/// A code mailed to an address after many failed sign-ins by any clients. While failures continue, a browser that has
/// not signed in before must send it with the password. An address has at most one code; a newer one replaces it.
/// </summary>
public sealed class SignInCode
{
    /// <summary>The canonical address that the code was mailed to.</summary>
    public required string Address { get; init; }

    /// <summary>SHA-256 of the code.</summary>
    public required byte[] Hash { get; set; }

    public required DateTimeOffset CreatedAt { get; set; }

    public required DateTimeOffset ExpiresAt { get; set; }

    /// <summary>The number of wrong codes since this code was mailed.</summary>
    public int Failures { get; set; }

    internal sealed class Mapping : IEntityTypeConfiguration<SignInCode>
    {
        public void Configure(EntityTypeBuilder<SignInCode> builder)
        {
            builder.ToTable("sign_in_codes");
            builder.HasKey(c => c.Address);
            builder.Property(c => c.Address).IsKeyText();
            builder.HasIndex(c => c.ExpiresAt); // the sweep
        }
    }
}
