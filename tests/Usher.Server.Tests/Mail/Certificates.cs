using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Usher.Server.Tests.Mail;

/// <summary>A certificate for <c>localhost</c> that this process trusts, and one that it does not.</summary>
internal static class Certificates
{
    private static readonly DirectoryInfo Folder = Directory.CreateTempSubdirectory("usher-test-certificates-");

    public static PemFiles Trusted { get; } = Create("trusted");

    public static PemFiles Untrusted { get; } = Create("untrusted");

    // Trusted in the way an operator would have it. OpenSSL reads its own process's environment, which is not
    // Environment's copy, and once: so before anything else.
    [ModuleInitializer]
    internal static void Trust()
    {
        if (!OperatingSystem.IsLinux()) return;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Folder.Delete(recursive: true);
        var bundle = Path.Combine(Folder.FullName, "bundle.pem");
        var before = Environment.GetEnvironmentVariable("SSL_CERT_FILE") is { Length: > 0 } file && File.Exists(file)
            ? File.ReadAllText(file)
            : "";
        File.WriteAllText(bundle, before + File.ReadAllText(Trusted.Certificate));
        _ = SetEnvironment("SSL_CERT_FILE", bundle, overwrite: 1);
    }

    [DllImport("libc", EntryPoint = "setenv", BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int SetEnvironment(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value,
        int overwrite);

    private static PemFiles Create(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=Usher test {name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));

        var files = new PemFiles(
            Path.Combine(Folder.FullName, $"{name}.key.pem"), Path.Combine(Folder.FullName, $"{name}.pem"));
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(files.Certificate, certificate.ExportCertificatePem() + "\n");
        return files;
    }
}

internal sealed record PemFiles(string Key, string Certificate);
