using System.Text;
using Microsoft.AspNetCore.DataProtection;

namespace Usher.Core.Outbox;

/// <summary>Encrypts the secret of a message, so that it cannot be read from the database or its backups.</summary>
public sealed class OutboxSecrets(IDataProtectionProvider protection)
{
    private readonly IDataProtector protector = protection.CreateProtector("Usher.Outbox.Secret.v1");

    public byte[] Protect(string secret) => protector.Protect(Encoding.UTF8.GetBytes(secret));

    public string Reveal(byte[] hidden) => Encoding.UTF8.GetString(protector.Unprotect(hidden));
}
