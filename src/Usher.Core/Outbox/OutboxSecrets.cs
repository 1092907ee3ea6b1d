using System.Text;
using Microsoft.AspNetCore.DataProtection;

namespace Usher.Core.Outbox;

/// <summary>
/// Keeps the one secret of a message unreadable in the database and its backups until the worker needs it.
/// </summary>
public sealed class OutboxSecrets(IDataProtectionProvider protection)
{
    private readonly IDataProtector protector = protection.CreateProtector("Usher.Outbox.Secret.v1");

    public byte[] Protect(string secret) => protector.Protect(Encoding.UTF8.GetBytes(secret));

    public string Reveal(byte[] hidden) => Encoding.UTF8.GetString(protector.Unprotect(hidden));
}
