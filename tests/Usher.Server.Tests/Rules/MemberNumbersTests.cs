using Usher.Core.Members;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>Numbers are unique in the installation, whichever node gives them out.</summary>
public sealed class MemberNumbersTests
{
    // PostgreSQL serves both at once; SQLite one after the other, as a server that is started again.
    [Fact]
    public async Task Two_nodes_never_give_one_number_twice()
    {
        await using var database = await TestDatabase.CreateAsync();
        var numbers = TestDatabase.IsPostgres
            ? await TogetherAsync(database)
            : [.. await AloneAsync(database), .. await AloneAsync(database)];
        Assert.Equal(numbers.Count, numbers.Distinct().Count());
        Assert.All(numbers, number => Assert.True(number > 0));
    }

    private static async Task<List<long>> TogetherAsync(TestDatabase database)
    {
        await using var first = await UsherApp.StartAsync([], database: database, workers: false);
        await using var second = await UsherApp.StartAsync([], database: database, workers: false);
        var taken = await AtOnceAsync(20, i => TakeAsync(i % 2 is 0 ? first : second));
        var org = await first.CreateOrganizationAsync();
        var members = await AtOnceAsync(
            20,
            async i =>
                (await new TestOrganization(i % 2 is 0 ? first : second, org.Created).TryInviteAsync(
                    NewEmail("ada"))).Value.Member.Number);
        return [.. taken.SelectMany(t => t), .. members];
    }

    private static async Task<List<long>> AloneAsync(TestDatabase database)
    {
        await using var node = await UsherApp.StartAsync([], database: database, workers: false);
        return [.. (await AtOnceAsync(10, _ => TakeAsync(node))).SelectMany(t => t)];
    }

    // Runs of every length, so that blocks are used up at different moments.
    private static async Task<List<long>> TakeAsync(UsherApp node)
    {
        List<long> taken = [];
        foreach (var count in new[] { 1, 700, 3, 1_000, 250, 999, 1 })
        {
            var first = await node.WithAsync<MemberNumbers, long>(n => n.TakeAsync(count, Ct).AsTask());
            taken.AddRange(Enumerable.Range(0, count).Select(i => first + i));
        }

        return taken;
    }
}
