// The least that a server of Usher's kind can do: look at a key, read one row with EF Core, answer in JSON. With "hash
// N": the time of one password hash.
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;

if (args is ["hash", var count])
{
    // What ASP.NET Core Identity computes for Usher's setting.
    var salt = RandomNumberGenerator.GetBytes(16);
    var rounds = int.Parse(count);
    Rfc2898DeriveBytes.Pbkdf2("a quiet engine of brass", salt, 1_000, HashAlgorithmName.SHA512, 32);
    var before = Process.GetCurrentProcess().TotalProcessorTime;
    for (var i = 0; i < rounds; i++)
        Rfc2898DeriveBytes.Pbkdf2("a quiet engine of brass", salt, 210_000, HashAlgorithmName.SHA512, 32);
    Console.WriteLine(
        FormattableString.Invariant(
            $"{(Process.GetCurrentProcess().TotalProcessorTime - before).TotalMilliseconds / rounds:F3}"));
    return;
}

var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
builder.Services.AddDbContextPool<Db>(o =>
    _ = builder.Configuration["Sqlite"] is { } file
        ? o.UseSqlite($"Data Source={file}")
        : o.UseNpgsql(builder.Configuration["Postgres"]));
var app = builder.Build();
var known = SHA256.HashData("ceiling-key"u8);
app.MapGet("/members/{id:long}", async (long id, HttpRequest request, Db db, CancellationToken ct) =>
{
    var key = SHA256.HashData(Encoding.UTF8.GetBytes(request.Headers["X-Api-Key"].ToString()));
    if (!CryptographicOperations.FixedTimeEquals(key, known)) return Results.Unauthorized();
    return await db.Members.AsNoTracking().FirstOrDefaultAsync(m => m.Id == id, ct) is { } member
        ? Results.Ok(member)
        : Results.NotFound();
});
app.Run();

public sealed class Member
{
    public long Id { get; set; }

    public string Email { get; set; } = "";

    public string Role { get; set; } = "";
}

public sealed class Db(DbContextOptions<Db> options) : DbContext(options)
{
    public DbSet<Member> Members => Set<Member>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        var member = modelBuilder.Entity<Member>().ToTable("member");
        member.Property(m => m.Id).HasColumnName("id").ValueGeneratedNever();
        member.Property(m => m.Email).HasColumnName("email");
        member.Property(m => m.Role).HasColumnName("role");
    }
}
