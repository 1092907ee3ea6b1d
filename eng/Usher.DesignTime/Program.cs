using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Usher.Core.Data;

Console.WriteLine("Start-up project of dotnet ef; CONTRIBUTING.md says how to add a migration.");

/// <summary>
/// Makes the context for one database, chosen by what stands behind <c>--</c>: sqlite or postgres. Connects to nothing.
/// </summary>
internal sealed class UsherDbFactory : IDesignTimeDbContextFactory<UsherDb>
{
    public UsherDb CreateDbContext(string[] args)
    {
        var options = new DbContextOptionsBuilder<UsherDb>();
        if (args is ["postgres"]) options.UseUsherPostgres("Host=nowhere");
        else options.UseUsherSqlite("Data Source=:memory:");
        return new UsherDb(options.Options);
    }
}
