using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Members;
using Usher.Core.Outbox;
using Usher.Core.Users;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>What the stories about somebody who changes himself are told in.</summary>
internal static class ProfileSteps
{
    extension(UsherApp app)
    {
        public Task<Result<Member>> UpdateAsync(Actor actor, ProfileChange change) =>
            app.WithAsync<ProfileService, Result<Member>>(s => s.UpdateAsync(actor, change, Ct));

        public Task<NewAddress> LookAsync(AddressChangeLink link) =>
            app.WithAsync<AddressChangeService, NewAddress>(s => s.LookAsync(link, Ct));

        public Task<Result<NewAddress>> ConfirmAsync(AddressChangeLink link) =>
            app.WithAsync<AddressChangeService, Result<NewAddress>>(s => s.ConfirmAsync(link, Ct));

        /// <summary>
        /// Asks for a new address and takes the link from the mail still in the outbox: only where no worker sends it.
        /// </summary>
        public async Task<AddressChangeLink> AskAsync(Actor actor, string email)
        {
            Assert.Null((await app.UpdateAsync(actor, new() { Email = email })).Error);
            var message = await app.QueryAsync(db => db.OutboxMessages.AsNoTracking()
                .Where(m =>
                    m.OrganizationId == actor.OrganizationId && m.Kind == OutboxKind.AddressChange && m.Secret != null)
                    .OrderBy(m => m.Id).LastAsync(Ct));
            return new(
                message.Parameters[OutboxParameters.OrganizationSlug],
                Guid.Parse(message.Parameters[OutboxParameters.AddressChange]),
                app.Services.GetRequiredService<OutboxSecrets>().Reveal(message.Secret!));
        }

        public Task<User> UserAsync(Guid id) =>
            app.QueryAsync(db => db.Users.AsNoTracking().SingleAsync(u => u.Id == id, Ct));

        public Task<List<AddressChange>> AddressChangesAsync(Guid member) =>
            app.QueryAsync(db =>
                db.AddressChanges.AsNoTracking().Where(c => c.MemberId == member).OrderBy(c => c.Id).ToListAsync(Ct));
    }

    extension(TestOrganization org)
    {
        /// <summary>Somebody who joined, as he acts.</summary>
        public async Task<(Actor Actor, Member Member)> PersonAsync(string name = "ada")
        {
            var joined = await org.JoinedAsync(NewEmail(name));
            return (await org.ActorAsync(joined.Member), joined.Member);
        }

        /// <summary>A member as he is now.</summary>
        public async Task<Member> TodayAsync(Member member) =>
            (await org.MembersAsync()).Single(m => m.Id == member.Id);
    }
}
