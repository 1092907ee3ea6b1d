using System.Text.Json;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Data;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Dialects;

/// <summary>Two and a half chunks of members: each list has everybody, once, in its own order.</summary>
public sealed class LongListTests(UsherApp app)
{
    private const int Count = 2_500;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_list_has_everybody_in_order()
    {
        var org = await app.CreateOrganizationAsync();
        var members = await FillAsync(org);

        var conformity = await ListAsync(org, "/v1/users");
        Assert.Equal(
            members.OrderBy(m => m.Id).Select(m => ShortId.Of(m.Id)),
            conformity.At("data").EnumerateArray().Select(u => u.TextAt("id")!));
        var wavefront = await ListAsync(org, "/api/v2/user");
        Assert.Equal(
            members.OrderBy(m => m.Identifier, ByCodePoint).Select(m => m.Email!),
            wavefront.EnumerateArray().Select(u => u.TextAt("identifier")!));
        var deployHq = await ListAsync(org, "/users");
        Assert.Equal(
            members.OrderBy(m => m.Number).Select(m => m.Number),
            deployHq.EnumerateArray().Select(u => u.At("id").GetInt64()));

        // What somebody holds, and how many hold it, is there in the last chunk as in the first.
        var holders = wavefront.EnumerateArray().Where(u => u.At("groups").GetArrayLength() > 0).ToList();
        Assert.Equal(
            members.Where(m => m.Permissions.Count > 0).OrderBy(m => m.Identifier, ByCodePoint).Select(m => m.Email!),
            holders.Select(u => u.TextAt("identifier")!));
        Assert.All(holders, user =>
        {
            Assert.Equal("""["ingestion"]""", user.At("groups").GetRawText());
            Assert.Equal(["Everyone", "Ops"], user.At("userGroups").EnumerateArray().Select(g => g.TextAt("name")!));
            Assert.Equal(
                (Count + 1, holders.Count),
                (user.At("userGroups/0/userCount").GetInt32(), user.At("userGroups/1/userCount").GetInt32()));
            Assert.Equal(holders.Count, user.At("roles/0/linkedAccountsCount").GetInt32());
        });
    }

    // As the databases compare text: by code points, which is not how .NET compares those beyond sixteen bits.
    private static Comparer<string> ByCodePoint { get; } = Comparer<string>.Create(
        (a, b) =>
            System.Text.Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(System.Text.Encoding.UTF8.GetBytes(b)));

    private static async Task<JsonElement> ListAsync(TestOrganization org, string path)
    {
        using var answer = await org.Admin.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, Ct);
        Assert.True(answer.Headers.TransferEncodingChunked, "streamed, not collected");
        return await Task.FromResult(answer).OkAsync();
    }

    // Identifiers, numbers and ids grow in three different orders. Letters beyond sixteen bits, and the last within,
    // stand at the end of a chunk.
    private async Task<List<Member>> FillAsync(TestOrganization org)
    {
        var (ops, reader) = (await org.GroupAsync(new("Ops")), await org.RoleAsync("Reader", "alerts_management"));
        var (random, now) = (new Random(4711), TimeProvider.System.Now());
        var first = new long[3];
        for (var i = 0; i < first.Length; i++)
            first[i] = await app.WithAsync<MemberNumbers, long>(numbers =>
                numbers.TakeAsync(NumberBlock.Size, Ct).AsTask());
        var numbers = Enumerable.Range(0, Count).Select(i => first[i / NumberBlock.Size] + (i % NumberBlock.Size))
            .ToArray();
        random.Shuffle(numbers);
        string[] odd = ["a_b", "a-b", "a+b", "a.b", "a1", "aä", "b", "ä"];
        string[] names =
        [
            .. odd, .. Enumerable.Range(0, 980).Select(i => $"m{random.Next():x8}-{i}"),
            .. Enumerable.Range(0, 20).Select(i => $"ａ{i}"),
            .. Enumerable.Range(0, Count - 1000 - odd.Length).Select(i => $"𠮷{i}"),
        ];
        random.Shuffle(names);

        List<Member> members = [];
        for (var i = 0; i < Count; i++)
        {
            var member = new Member
            {
                OrganizationId = org.Id, Id = Uuid.Create(now), Number = numbers[i],
                Identifier = $"{names[i]}@example.test", Email = $"{names[i]}@example.test", FirstName = "Ada",
                Kind = MemberKind.Person, Status = i % 2 is 0
                    ? MemberStatus.Active
                    : MemberStatus.Invited, CreatedAt = now,
            };
            member.Give(BuiltInRole.User, org.System, now);
            members.Add(member);
            if (i % 50 > 0) continue;
            member.Give("ingestion", org.System, now);
            member.Give(ops, org.System, now);
            member.Give(reader, org.System, now);
        }

        await app.WriteAsync(unit => { unit.AddRange(members); return Task.FromResult(true); }, Ct);
        return [.. members, org.Created.Owner];
    }
}
