using Usher.Core;
using Usher.Core.Access;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>Lists of everything are read in chunks of a thousand, while the organization goes on changing.</summary>
public sealed class MemberListTests(UsherApp app)
{
    [Theory]
    [InlineData(MemberOrder.Created)]
    [InlineData(MemberOrder.Identifier)]
    [InlineData(MemberOrder.Number)]
    public async Task More_than_one_chunk_of_members_comes_once_each_and_in_order(MemberOrder order)
    {
        var org = await app.CreateOrganizationAsync();
        NewInvitation[] rows = [
            .. Enumerable.Range(0, 1_000)
                .Select(i => new NewInvitation($"p{(i * 617) % 1_000:D4}@{org.Slug}.example") { Permissions = [] })];
        Assert.All(
            await org.TryInviteAsync(rows, how: RefuseSecond with { SendMail = false }), o => Assert.Null(o.Error));
        await org.ServiceAccountAsync();
        var removed = (await org.TryInviteAsync(
            NewEmail("gone"), how: RefuseSecond with { SendMail = false })).Value.Member;
        await org.RemoveAsync(org.Owner, removed.Id);

        List<Member> listed = [];
        await app.WithAsync<MemberService, bool>(async s =>
        {
            await foreach (var view in s.StreamAsync(org.Owner, order, MemberDetails.Counts, Ct))
            {
                listed.Add(view.Member);
                Assert.NotEmpty(view.Graph.GroupsOf(view.Member));
                Assert.Equal(view.Member.Role is BuiltInRole.Admin, view.Graph.Of(view.Member).IsAdmin);
                if (listed.Count is not 1_000) continue;

                // Between the chunks somebody joins a group and a role that the first has not seen.
                var (group, role) = (await org.CreateGroupAsync(new("Late")), await org.CreateRoleAsync("Late"));
                var late = await org.TryInviteAsync(
                    $"z@{org.Slug}.example",
                    row => row with { Groups = [Reference.To(group.Id)], Roles = [Reference.To(role.Id)] });
                Assert.Null(late.Error);
            }

            return true;
        });

        Assert.Equal(1_002, listed.Count);
        Assert.Equal(1_002, listed.Select(m => m.Id).Distinct().Count());
        Assert.Equal(listed.Select(Key), listed.Select(Key).Order(StringComparer.Ordinal));

        string Key(Member member) => order switch
        {
            MemberOrder.Created =>
                Convert.ToHexString(member.Id.ToByteArray(bigEndian: true)), MemberOrder.Identifier =>
                    member.Identifier, _ => $"{member.Number:D20}",
        };
    }
}
