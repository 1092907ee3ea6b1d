using System.Net.Http.Headers;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Usher.Core;
using Usher.Core.Events;
using Usher.Core.Organizations;
using Usher.Core.Outbox;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Json;
using Usher.Server.Tests.Api;
using Usher.Server.Tests.Infrastructure;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Rules;

/// <summary>A person with an account.</summary>
/// <param name="Session">A live session, signed in just now.</param>
/// <param name="Email">The proven address.</param>
internal sealed record TestAccount(SessionUser Session, string Email)
{
    /// <summary>The session's secret.</summary>
    public string Secret { get; init; } = "";

    public Guid UserId => Session.UserId;
}

/// <summary>
/// What the stories about a person's own account are told in. Links are taken from the outbox: only where no worker
/// sends it.
/// </summary>
internal static class AccountSteps
{
    public const string NewPassword = "Seven small grey herons 8";

    extension(UsherApp app)
    {
        /// <summary>
        /// Somebody who joined by a mailed link, or, with <paramref name="mailed"/> false, by one that proves nothing.
        /// </summary>
        public async Task<TestAccount> AccountAsync(TestOrganization org, string? email = null, bool mailed = true)
        {
            var (member, link) = await org.GuestAsync(email ?? NewEmail("ada"), mailed: mailed);
            var signedIn = (await app.JoinAsync(link)).Value.Session!;
            return new((await app.SessionAsync(signedIn.Secret))!, member.Identifier) { Secret = signedIn.Secret };
        }

        public async Task<TestAccount> AccountAsync(string? email = null, bool mailed = true) =>
            await app.AccountAsync(await app.CreateOrganizationAsync(), email, mailed);

        public Task<SessionUser?> SessionAsync(string secret) =>
            app.WithAsync<SessionService, SessionUser?>(s => s.FindAsync(secret, Ct));

        /// <summary>Signs in, in another browser.</summary>
        public async Task<(SessionUser Session, string Secret)> SignedInAsync(
            string email, string password = TestOrganization.Password)
        {
            var secret = (await app.SignInAsync(email, password)).Value.Secret;
            return ((await app.SessionAsync(secret))!, secret);
        }

        public Task RequestResetAsync(string email) => app.WithAsync<PasswordResetService, bool>(async s =>
        {
            await s.RequestAsync(email, returnTo: null, Ct);
            return true;
        });

        /// <summary>Asks for a reset link, and takes it from its mail.</summary>
        public async Task<PasswordResetLink> ResetLinkAsync(string email)
        {
            await app.RequestResetAsync(email);
            var (id, secret) = await app.SecretToAsync(email, OutboxKind.PasswordReset, OutboxParameters.Reset);
            return new(id, secret);
        }

        public Task<PasswordResetView> LookAsync(PasswordResetLink link) =>
            app.WithAsync<PasswordResetService, PasswordResetView>(s => s.LookAsync(link, Ct));

        public Task<Result<SignedIn>> CompleteAsync(PasswordResetLink link, string password = NewPassword) =>
            app.WithAsync<PasswordResetService, Result<SignedIn>>(s =>
                s.CompleteAsync(link, password, "a browser", Ct));

        public Task<Result<HandedOverReset>> HandOverAsync(Guid user, Actor? by = null) =>
            app.WithAsync<PasswordResetService, Result<HandedOverReset>>(
            s =>
                s.HandOverAsync(by ?? Actor.Operator(Guid.NewGuid(), "operator", Organization.Installation), user, Ct));

        public Task<Result<UserAddressChange>> AskForAddressAsync(SessionUser session, string email) =>
            app.WithAsync<UserAddressService, Result<UserAddressChange>>(s => s.AskAsync(session, email, Ct));

        /// <summary>Asks for another address of the account, and takes the link from its mail.</summary>
        public async Task<UserAddressLink> OwnAddressLinkAsync(SessionUser session, string email)
        {
            Assert.Null((await app.AskForAddressAsync(session, email)).Error);
            var (id, secret) = await app.SecretToAsync(
                email.Trim().ToLowerInvariant(), OutboxKind.UserAddressChange, OutboxParameters.AddressChange);
            return new(id, secret);
        }

        public Task<NewUserAddress> LookAsync(UserAddressLink link) =>
            app.WithAsync<UserAddressService, NewUserAddress>(s => s.LookAsync(link, Ct));

        public Task<Result<NewUserAddress>> ConfirmAsync(
            UserAddressLink link, string password = TestOrganization.Password) =>
            app.WithAsync<UserAddressService, Result<NewUserAddress>>(s => s.ConfirmAsync(link, password, Ct));

        public Task<Result<bool>> ChangePasswordAsync(SessionUser session, string password = NewPassword) =>
            app.WithAsync<UserService, Result<bool>>(s => s.ChangePasswordAsync(session, password, Ct));

        public Task<Result<SessionUser>> ConfirmSessionAsync(
            SessionUser session, string password = TestOrganization.Password) =>
            app.WithAsync<OwnSessionService, Result<SessionUser>>(s => s.ConfirmAsync(session, password, Ct));

        public Task<List<Session>> SessionsAsync(Guid user) =>
            app.WithAsync<OwnSessionService, List<Session>>(s => s.ListAsync(user, Ct));

        /// <summary>Mail of the installation to an address, oldest first.</summary>
        public Task<List<OutboxMessage>> OwnMailsAsync(string email) =>
            app.QueryAsync(db => db.OutboxMessages.AsNoTracking()
            .Where(m => m.OrganizationId == Organization.Installation && m.Recipient == email).OrderBy(m => m.Id)
                .ToListAsync(Ct));

        /// <summary>What is recorded of an account.</summary>
        public Task<List<UsherEvent>> EventsOfAsync(Guid user) => app.QueryAsync(db => db.Events.AsNoTracking()
            .Where(e => e.OrganizationId == Organization.Installation && e.SubjectId == user).OrderBy(e => e.Id)
                .ToListAsync(Ct));

        public HttpClient ClientOf(string session)
        {
            var client = app.CreateClient();
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", session);
            return client;
        }

        public Task<HttpResponseMessage> CompleteByApiAsync(PasswordResetLink link, string password = NewPassword) =>
            app.CreateClient().SendAsync(
            HttpMethod.Post, $"/usher/v1/password-resets/rst_{ShortId.Of(link.Id)}/complete",
            new { code = link.Secret, password });

        public Task<HttpResponseMessage> ConfirmByApiAsync(
            UserAddressLink link, string password = TestOrganization.Password) =>
            app.CreateClient().SendAsync(
            HttpMethod.Post, $"/usher/v1/address-changes/adc_{ShortId.Of(link.Id)}/confirm",
            new { code = link.Secret, password });

        private async Task<(Guid Id, string Secret)> SecretToAsync(string email, OutboxKind kind, string parameter)
        {
            var mail = (await app.OwnMailsAsync(email.ToLowerInvariant()))
                .Last(m => m.Kind == kind && m.Secret is not null);
            return (
                Guid.Parse(mail.Parameters[parameter]),
                app.Services.GetRequiredService<OutboxSecrets>().Reveal(mail.Secret!));
        }
    }
}
