using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Guests;
using Usher.Core.Invitations;
using Usher.Core.Members;
using Usher.Core.Roles;
using Usher.Core.Sessions;
using Usher.Core.Users;
using Usher.Server.Errors;
using Usher.Server.Json;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Jobs;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Api;

/// <summary>
/// Every code that Usher's own API can answer with, each by a request that leads to it. The list of codes is the
/// program's own: a new one without a row here fails.
/// </summary>
public sealed class ErrorCodeTests(OperatedApp operated) : IClassFixture<OperatedApp>
{
    private const string Nobody = "AAAAAAAAAAAAAAAAAAAAAA";

    /// <summary>What the program can say and this API cannot: whose it is, why.</summary>
    private static readonly Dictionary<string, string> Elsewhere = new()
    {
        ["not_a_person"] = "one's own profile is DeployHQ's and the pages'",
        ["address_change_open"] = "a new address is confirmed on a page",
        ["address_change_taken"] = "a new address is confirmed on a page",
        ["address_change_used"] = "a new address is confirmed on a page",
        ["search_too_slow"] = "takes a search that the database is slow with; Wavefront's has a test of its own",
        ["passwords_busy"] = "takes more than a hundred people at once; the queue has a test of its own",
        ["no_identity_provider"] = "only Conformity adds people who are active at once",
        ["grants_by_admins_only"] = "only DeployHQ asks for it",
        ["member_is_admin"] = "only DeployHQ asks for it",
        ["member_is_self"] = "only DeployHQ asks for it",
        ["limit_invalid"] = "the query's own parameter_invalid comes first",
        ["api_key_invalid"] = "only settings give a key its secret",
    };

    /// <summary>A refusal's status, and the request that is refused so.</summary>
    private sealed record Case(int Status, Func<Scene, Task<HttpResponseMessage>> Ask);

    private static readonly Dictionary<string, Case> Cases = new()
    {
        // Of the host.
        ["route_not_found"] = new(404, s => s.Org.SendAsync(HttpMethod.Get, "nothing")),
        ["wrong_method"] = new(405, s => s.Org.SendAsync(HttpMethod.Put, "members")),
        ["wrong_media_type"] = new(
            415, s => s.Org.Admin.PostTextAsync(s.Org.Path("groups"), "<group/>", "application/xml")),
        ["not_json"] = new(400, s => s.Post("groups", "{")),
        ["unreadable"] = new(400, s => s.BrokenAsync()),
        ["too_large"] = new(413, s => s.Post("groups", new { name = new string('x', 5 * 1024 * 1024) })),
        ["too_many_requests"] = new(429, s => s.OnAnotherServerAsync(
            new() { ["Usher:GuestLimits:Passwords:PerSubject"] = "1" }, async (app, _) =>
                await Last(
                    2,
                    () =>
                        app.CreateClient().SendAsync(
                            HttpMethod.Post, "/usher/v1/sessions", new { email = "a@example.test", password = "x" })))),
        ["too_many_values"] = new(
            422,
            s => s.Post("groups", $"{{{string.Join(',', Enumerable.Range(0, 1_001).Select(i => $"\"{i}\":0"))}}}")),
        ["sign_in_code_needed"] = new(401, s => Last(21, () => s.WrongPasswordAsync())),
        ["sign_in_code_wrong"] = new(401, async s =>
        {
            await Last(20, () => s.WrongPasswordAsync());
            return await s.WrongPasswordAsync("12345-ABCDE");
        }),
        ["unavailable"] = new(
            503, s => s.WithoutDatabaseAsync(org => org.SendAsync(HttpMethod.Post, "groups", new { name = "A" }))),
        ["session_ended"] = new(401, async s =>
        {
            var (_, link) = await s.Org.GuestAsync(NewEmail("ada"));
            return await s.App.GuestAsync(link, "check", session: "uss_" + new string('x', 49));
        }),
        ["internal_error"] = new(500, s => s.OnAnotherServerAsync([], async (app, org) =>
        {
            await app.QueryAsync(db => db.Database.ExecuteSqlRawAsync("DROP TABLE events", Ct));
            return await org.SendAsync(HttpMethod.Post, "invitations", new { email = NewEmail("ada") });
        })),

        // Of the shape.
        ["property_missing"] = new(422, s => s.Post("groups", new { })),
        ["property_unknown"] = new(422, s => s.Post("groups", new { name = "A", colour = "red" })),
        ["property_doubled"] = new(422, s => s.Post("groups", """{"name":"A","name":"B"}""")),
        ["value_invalid"] = new(422, s => s.Post("groups", new { name = 7 })),
        ["parameter_unknown"] = new(422, s => s.Get("groups?colour=red")),
        ["parameter_invalid"] = new(422, s => s.Get("groups?limit=0")),

        // Of the caller.
        ["key_missing"] = new(401, s => s.Org.SendAsync(HttpMethod.Get, "", by: s.App.CreateClient())),
        ["key_refused"] = new(
            401, s => s.Org.SendAsync(HttpMethod.Get, "", by: s.Org.ClientOf("usk_" + new string('x', 49)))),
        ["key_read_only"] = new(
            403,
            async s =>
                await s.Post(
                    "groups", new { name = "A" },
                    (await s.Org.WithKeyAsync(s.Org.Created.Owner, readOnly: true)).Client)),
        ["not_allowed"] = new(403, async s => await s.Post("groups", new { name = "A" }, await s.UserAsync())),
        ["operator_only"] = new(403, s => s.Post("suspend", null)),
        ["organization_not_found"] = new(
            404, s => s.Org.Admin.SendAsync(HttpMethod.Get, "/usher/v1/organizations/somewhere-else", null)),
        ["credentials_wrong"] = new(
            401, s => s.Guest("/usher/v1/sessions", new { email = NewEmail("ada"), password = "one two three" })),
        ["more_than_you_hold"] = new(
            403,
            async s =>
                await s.Post(
                    "invitations", new { email = NewEmail("ada"), role = "admin" },
                    await s.UserAsync(Permissions.UserManagement))),

        // Of repeating and of races.
        ["idempotency_key_invalid"] = new(
            400, s => s.Org.SendAsync(HttpMethod.Post, "groups", new { name = "A" }, idempotencyKey: "short")),
        ["idempotency_key_reused"] = new(422, async s =>
        {
            var key = Guid.NewGuid().ToString();
            await s.Org.SendAsync(HttpMethod.Post, "groups", new { name = "A" }, idempotencyKey: key);
            return await s.Org.SendAsync(HttpMethod.Post, "groups", new { name = "B" }, idempotencyKey: key);
        }),
        ["version_mismatch"] = new(
            412,
            async s =>
                await s.Org.SendAsync(HttpMethod.Patch, await s.GroupAsync(), new { name = "B" }, ifMatch: "\"99\"")),

        // Of a person's own account, and of getting back in.
        ["session_refused"] = new(401, s => s.Org.Admin.SendAsync(HttpMethod.Get, "/usher/v1/me", null)),
        ["step_up_needed"] = new(403, async s =>
        {
            var me = await s.MeAsync();
            s.Clock.Advance(Session.StepUp);
            return await me.SendAsync(
                HttpMethod.Put, "/usher/v1/me/password", new { password = "another few words in a row" });
        }),
        ["password_wrong"] = new(
            422,
            async s =>
                await (await s.MeAsync()).SendAsync(
                    HttpMethod.Post, "/usher/v1/sessions/current/confirm", new { password = "not the right one" })),
        ["session_not_found"] = new(
            404,
            async s =>
                await (await s.MeAsync()).SendAsync(HttpMethod.Delete, "/usher/v1/me/sessions/ses_" + Nobody, null)),
        ["email_unchanged"] = new(409, async s =>
        {
            var me = await s.MeAsync();
            var email = await (await me.SendAsync(HttpMethod.Get, "/usher/v1/me", null)).TextAsync("email");
            return await me.SendAsync(HttpMethod.Post, "/usher/v1/me/address", new { email });
        }),
        ["too_many_address_changes"] = new(429, async s =>
        {
            var me = await s.MeAsync();
            return await Last(
                UserAddressService.MaxAskedADay + 1,
                () => me.SendAsync(HttpMethod.Post, "/usher/v1/me/address", new { email = NewEmail("ada") }));
        }),
        ["email_taken"] = new(409, async s =>
        {
            var session = (await s.App.AccountAsync(s.Org)).Session;
            var link = await s.App.OwnAddressLinkAsync(session, NewEmail("wanted"));
            await s.Org.JoinedAsync((await s.App.LookAsync(link)).Email);
            return await s.App.ConfirmByApiAsync(link);
        }),
        ["address_change_unknown"] = new(
            404, s => s.App.ConfirmByApiAsync(new(Guid.NewGuid(), Core.Secret.Create(Core.Secret.AddressPrefix).Text))),
        ["address_change_replaced"] = new(410, async s =>
        {
            var session = (await s.App.AccountAsync(s.Org)).Session;
            var link = await s.App.OwnAddressLinkAsync(session, NewEmail("first"));
            await s.App.OwnAddressLinkAsync(session, NewEmail("second"));
            return await s.App.ConfirmByApiAsync(link);
        }),
        ["address_change_expired"] = new(410, async s =>
        {
            var link = await s.App.OwnAddressLinkAsync((await s.App.AccountAsync(s.Org)).Session, NewEmail("ada"));
            s.Clock.Advance(UserAddressChange.Lifetime);
            return await s.App.ConfirmByApiAsync(link);
        }),
        ["address_change_void"] = new(410, async s =>
        {
            var (session, email) = await s.App.AccountAsync(s.Org);
            var link = await s.App.OwnAddressLinkAsync(session, NewEmail("ada"));
            Assert.Null((await s.App.CompleteAsync(await s.App.ResetLinkAsync(email))).Error);
            return await s.App.ConfirmByApiAsync(link);
        }),
        ["password_reset_unknown"] = new(
            404, s => s.App.CompleteByApiAsync(new(Guid.NewGuid(), Core.Secret.Create(Core.Secret.ResetPrefix).Text))),
        ["password_reset_expired"] = new(410, async s =>
        {
            var link = await s.App.ResetLinkAsync((await s.App.AccountAsync(s.Org)).Email);
            s.Clock.Advance(PasswordReset.MailedLifetime);
            return await s.App.CompleteByApiAsync(link);
        }),
        ["password_reset_replaced"] = new(410, async s =>
        {
            var email = (await s.App.AccountAsync(s.Org)).Email;
            var link = await s.App.ResetLinkAsync(email);
            await s.App.ResetLinkAsync(email);
            return await s.App.CompleteByApiAsync(link);
        }),
        ["password_reset_used"] = new(410, async s =>
        {
            var link = await s.App.ResetLinkAsync((await s.App.AccountAsync(s.Org)).Email);
            Assert.Null((await s.App.CompleteAsync(link)).Error);
            return await s.App.CompleteByApiAsync(link, "not the one that was set");
        }),
        ["password_reset_void"] = new(410, async s =>
        {
            var (session, email) = await s.App.AccountAsync(s.Org);
            var (change, link) = (
                await s.App.OwnAddressLinkAsync(session, NewEmail("ada")), await s.App.ResetLinkAsync(email));
            Assert.Null((await s.App.ConfirmAsync(change)).Error);
            return await s.App.CompleteByApiAsync(link);
        }),
        ["user_not_found"] = new(404, s => s.Operator.SendAsync(HttpMethod.Get, "/usher/v1/users/usr_" + Nobody, null)),

        // Of organizations and their settings.
        ["slug_invalid"] = new(
            422, s => s.Organization(new { slug = "A b", name = "A", owner = new { email = "a@example.test" } })),
        ["slug_taken"] = new(
            409, s => s.Organization(new { slug = s.Org.Slug, name = "A", owner = new { email = "a@example.test" } })),
        ["organization_not_suspended"] = new(409, s => s.Org.SendAsync(HttpMethod.Delete, "", by: s.Operator)),
        ["seat_limit_invalid"] = new(
            422, s => s.Org.SendAsync(HttpMethod.Patch, "settings", new { seatLimit = 0 }, by: s.Operator)),
        ["seats_exhausted"] = new(409, async s =>
        {
            await (await s.Org.SendAsync(HttpMethod.Patch, "settings", new { seatLimit = 1 }, by: s.Operator))
                .JsonAsync();
            return await s.Post("invitations", new { email = NewEmail("ada") });
        }),
        ["identity_provider_invalid"] = new(422, s => s.Settings(new { externalIdentityProvider = "" })),
        ["invitation_lifetime_invalid"] = new(422, s => s.Settings(new { invitationLifetimeSeconds = 1 })),
        ["email_domains_invalid"] = new(422, s => s.Settings(new { allowedEmailDomains = new[] { "no domain" } })),
        ["return_origins_invalid"] = new(
            422, s => s.Settings(new { returnOrigins = new[] { "https://app.example.com/path" } })),
        ["time_zone_unknown"] = new(422, s => s.Settings(new { timeZone = "Mars/Olympus" })),

        // Of invitations.
        ["email_invalid"] = new(422, s => s.Post("invitations", new { email = "ada" })),
        ["email_domain_not_allowed"] = new(422, async s =>
        {
            await (await s.Settings(new { allowedEmailDomains = new[] { "example.org" } })).JsonAsync();
            return await s.Post("invitations", new { email = "ada@example.test" });
        }),
        ["locale_invalid"] = new(422, s => s.Post("invitations", new { email = "ada@example.test", locale = "?" })),
        ["expiry_invalid"] = new(
            422, s => s.Post("invitations", new { email = "ada@example.test", expiresAt = "2020-01-01T00:00:00Z" })),
        ["metadata_invalid"] = new(
            422, s => s.Post("invitations", """{"email":"ada@example.test","metadata":{"a b":"x"}}""")),
        ["permission_unknown"] = new(
            422, s => s.Post("invitations", new { email = "ada@example.test", permissions = new[] { "flying" } })),
        ["reference_unknown"] = new(
            422, s => s.Post("invitations", new { email = "ada@example.test", groups = new[] { "Nowhere" } })),
        ["already_invited"] = new(409, s => Last(2, () => s.Post("invitations", new { email = "ada@example.test" }))),
        ["already_member"] = new(409, s => s.Post("invitations", new { email = s.Org.Created.Owner.Identifier })),
        ["already_joined"] = new(
            409,
            async s =>
                await s.Post(
                    $"invitations/{(await (await s.Get("invitations")).JsonAsync("data"))[0].GetProperty("id")}/revoke",
                    null)),
        ["invitation_not_found"] = new(404, s => s.Get("invitations/inv_" + Nobody)),
        ["states_invalid"] = new(422, s => s.Post("invitations/revoke", new { states = new[] { "accepted" } })),
        ["filter_empty"] = new(422, s => s.Post("invitations/revoke", new { })),
        ["filter_contradicts_all"] = new(422, s => s.Post("invitations/revoke", new { all = true, email = "ada" })),
        ["email_prefix_invalid"] = new(422, s => s.Post("invitations/revoke", """{"email":"a\u0000"}""")),

        // Of whoever was invited.
        ["invitation_unknown"] = new(
            404, async s => await s.Guest(await s.LinkAsync(), "check", new { code = "usi_" + new string('x', 49) })),
        ["invitation_open"] = new(410, s => s.GuestAsync("request")),
        ["invitation_used"] = new(410, async s =>
        {
            var link = await s.LinkAsync();
            await (await s.JoinAsync(link)).JsonAsync();
            return await s.JoinAsync(link, password: "another " + TestOrganization.Password);
        }),
        ["invitation_expired"] = new(410, async s =>
        {
            var link = await s.LinkAsync();
            s.Clock.Advance(TimeSpan.FromDays(8));
            return await s.JoinAsync(link);
        }),
        ["invitation_replaced"] = new(410, async s =>
        {
            var (member, link) = await s.Org.GuestAsync(NewEmail("ada"));
            await s.Org.LinkAsync(member);
            return await s.JoinAsync(link);
        }),
        ["invitation_declined"] = new(410, async s =>
        {
            var link = await s.LinkAsync();
            await (await s.Guest(link, "decline")).JsonAsync();
            return await s.JoinAsync(link);
        }),
        ["invitation_revoked"] = new(410, async s =>
        {
            var (member, link) = await s.Org.GuestAsync(NewEmail("ada"));
            await s.Org.RemoveAsync(member.Identifier);
            return await s.JoinAsync(link);
        }),
        ["invitation_superseded"] = new(410, async s =>
        {
            var (member, link) = await s.Org.GuestAsync(NewEmail("ada"));
            await s.App.QueryAsync(db =>
                db.Invitations.Where(i => i.MemberId == member.Id)
                    .ExecuteUpdateAsync(set => set.SetProperty(i => i.Status, InvitationStatus.Superseded), Ct));
            return await s.JoinAsync(link);
        }),
        ["sponsor_lost_right"] = new(410, async s =>
        {
            var max = (await s.Org.JoinedAsync(
                NewEmail("max"), row => row with { Permissions = [Permissions.UserManagement, "ingestion"] })).Member;
            var (_, link) = await s.Org.GuestAsync(
                NewEmail("ada"), row => row with { Permissions = ["ingestion"] }, by: await s.Org.ActorAsync(max));
            await s.Org.RemoveAsync(s.Org.Owner, max.Id);
            return await s.JoinAsync(link);
        }),
        ["invitation_blocked"] = new(410, async s =>
        {
            var max = (await s.Org.JoinedAsync(
                NewEmail("max"), row => row with { Permissions = [Permissions.UserManagement] })).Member;
            var (_, link) = await s.Org.GuestAsync(NewEmail("ada"), by: await s.Org.ActorAsync(max));
            await s.Org.RemoveAsync(s.Org.Owner, max.Id);
            return await s.Guest(link, "request");
        }),
        ["account_unproven"] = new(409, async s =>
        {
            var email = NewEmail("ada");
            await (await s.JoinAsync(
                (await (await s.App.CreateOrganizationAsync()).GuestAsync(email, mailed: false)).Link)).JsonAsync();
            return await s.JoinAsync((await s.Org.GuestAsync(email)).Link);
        }),
        ["too_many_account_checks"] = new(429, async s =>
        {
            var bob = await (await s.App.CreateOrganizationAsync()).JoinedAsync(NewEmail("bob"));
            var (_, link) = await s.Org.GuestAsync(bob.Member.Identifier, mailed: false);
            return await Last(GuestService.MaxDisclosuresADay + 1, () => s.JoinAsync(link));
        }),
        ["invitation_not_yours"] = new(403, async s =>
        {
            var bob = await s.Org.JoinedAsync(NewEmail("bob"));
            return await s.Guest(await s.LinkAsync(), "accept", session: bob.Joined.Session!.Secret);
        }),
        ["must_sign_in"] = new(409, async s =>
        {
            var bob = await s.Org.JoinedAsync(NewEmail("bob"));
            var other = await s.App.CreateOrganizationAsync();
            return await s.JoinAsync((await other.GuestAsync(bob.Member.Identifier)).Link);
        }),
        ["first_name_missing"] = new(422, async s => await s.JoinAsync(await s.LinkAsync(), firstName: "")),
        ["password_too_short"] = new(422, async s => await s.JoinAsync(await s.LinkAsync(), password: "short")),
        ["password_too_long"] = new(422, async s => await s.JoinAsync(await s.LinkAsync(), password: new('x', 257))),
        ["password_too_common"] = new(422, async s => await s.JoinAsync(await s.LinkAsync(), password: "password1234")),

        // Of members and service accounts.
        ["member_not_found"] = new(404, s => s.Get("members/mem_" + Nobody)),
        ["address_of_joined_member"] = new(403, async s => await s.Org.SendAsync(
            HttpMethod.Patch, Member((await s.Org.JoinedAsync(NewEmail("ada"))).Member),
            new { email = NewEmail("other") }, by: await s.UserAsync(Permissions.UserManagement))),
        ["too_many_invitations"] = new(409, async s =>
        {
            var max = (await s.Org.JoinedAsync(
                NewEmail("max"), row => row with { Permissions = [Permissions.UserManagement] })).Member;
            var by = await s.Org.ActorAsync(max);
            foreach (var rows in Enumerable.Range(0, 1_001).Select(i => new NewInvitation(NewEmail($"guest{i}")))
                    .Chunk(InvitationService.MaxRows))
                await s.Org.TryInviteAsync(rows, by);
            return await s.Org.SendAsync(
                HttpMethod.Patch, Member(max) + "?invitations=revoke", new { suspended = true });
        }),
        ["member_not_covered"] = new(
            403,
            async s =>
                await s.Org.SendAsync(HttpMethod.Delete, s.Owner, by: await s.UserAsync(Permissions.UserManagement))),
        ["last_admin"] = new(409, s => s.Org.SendAsync(HttpMethod.Patch, s.Owner, new { role = "user" })),
        ["member_not_joined"] = new(
            409,
            async s =>
                await s.Org.SendAsync(
                    HttpMethod.Patch, Member((await s.Org.GuestAsync(NewEmail("ada"))).Member),
                    new { suspended = true })),
        ["member_has_no_address"] = new(
            422,
            async s =>
                await s.Org.SendAsync(
                    HttpMethod.Patch, Member((await s.Org.ServiceAccountAsync("bot")).Member),
                    new { email = "bot@example.test" })),
        ["sso_id_invalid"] = new(
            422, s => s.Org.SendAsync(HttpMethod.Patch, s.Owner, new { ssoId = new string('x', 121) })),
        ["description_invalid"] = new(
            422, s => s.Post("groups", new { name = "A", description = new string('x', 1_001) })),
        ["permission_not_for_service_accounts"] = new(
            422, s => s.Post("service-accounts", new { name = "bot", permissions = new[] { "token_management" } })),
        ["name_invalid"] = new(422, s => s.Post("service-accounts", new { name = "A bot" })),
        ["name_taken"] = new(409, s => Last(2, () => s.Post("service-accounts", new { name = "bot" }))),

        // Of groups and roles.
        ["group_not_found"] = new(404, s => s.Get("groups/grp_" + Nobody)),
        ["system_group"] = new(
            422,
            async s =>
                await s.Org.SendAsync(HttpMethod.Delete, "groups/grp_" + ShortId.Of(await s.Org.EveryoneAsync()))),
        ["members_unknown"] = new(
            422, s => s.Post("groups", new { name = "A", members = new[] { "nobody@example.test" } })),
        ["too_many_rows"] = new(
            422,
            s =>
                s.Post(
                    "groups",
                    new { name = "A", members = Enumerable.Range(0, 1_001).Select(i => $"p{i}@example.test") })),
        ["role_not_found"] = new(404, s => s.Get("roles/rol_" + Nobody)),
        ["too_many_grants"] = new(422, async s =>
        {
            var now = TimeProvider.System.GetUtcNow();
            await s.App.WriteAsync(unit =>
            {
                unit.AddRange(Enumerable.Range(0, 201).Select(i => new Usher.Core.Groups.Group
                {
                    OrganizationId = s.Org.Id, Id = Guid.NewGuid(), Name = $"G{i}", NameKey = $"g{i}", CreatedAt = now,
                }));
                return Task.FromResult(true);
            }, Ct);
            return await s.Post(
                "invitations", new { email = NewEmail("ada"), groups = Enumerable.Range(0, 201).Select(i => $"G{i}") });
        }),
        ["role_holder_not_found"] = new(
            404,
            async s =>
                await s.Post(
                    $"roles/rol_{ShortId.Of((await s.Org.RoleAsync("A")).Id)}/members",
                    new { add = new[] { "nobody@example.test" } })),

        // Of resources and access.
        ["resource_not_found"] = new(404, s => s.Get("resources/nothing")),
        ["resource_not_held"] = new(403, async s =>
        {
            var ada = await s.Org.ActiveAsync(
                NewEmail("ada"),
                row => row with { Permissions = [Permissions.ResourceCreation], Role = BuiltInRole.ReadOnly });
            return await s.Org.SendAsync(HttpMethod.Delete, "resources/production", by: ada.Client);
        }),
        ["attributes_invalid"] = new(422, s => s.Post("resources", """{"name":"A","attributes":{"a b":"x"}}""")),
        ["check_count_invalid"] = new(422, s => s.Check(new { checks = Array.Empty<object>() })),
        ["nothing_asked"] = new(422, s => s.Check(new { })),
        ["resource_missing"] = new(422, s => s.Check(new { level = "full" })),
        ["level_invalid"] = new(422, s => s.Check(new { resource = "production", level = "none" })),
        ["capability_unknown"] = new(422, s => s.Check(new { resource = "production", capability = "flying" })),
        ["member_missing"] = new(422, s => s.Post("access/check", new { permission = "ingestion" }, s.Operator)),

        // Of keys.
        ["api_key_not_found"] = new(404, s => s.Get("api-keys/key_" + Nobody)),
        ["api_key_in_use"] = new(
            409,
            async s =>
                await s.Org.SendAsync(
                    HttpMethod.Delete,
                    $"api-keys/{(await (await s.Get("api-keys")).JsonAsync("data"))[0].GetProperty("id")}")),
        ["api_keys_exhausted"] = new(409, s => Last(ApiKeyService.MaxPerMember, () => s.Post("api-keys", new { }))),
        ["member_not_active"] = new(
            409,
            async s =>
                await s.Post(
                    "api-keys",
                    new { member = "mem_" + ShortId.Of((await s.Org.GuestAsync(NewEmail("ada"))).Member.Id) })),
        ["key_expiry_invalid"] = new(422, s => s.Post("api-keys", new { expiresAt = "2020-01-01T00:00:00Z" })),

        // Of jobs.
        ["job_not_found"] = new(404, s => s.Get("jobs/job_" + Nobody)),
        ["job_ended"] = new(409, async s =>
        {
            var path = $"jobs/{await (await s.Post("invitations/resend", new { all = true })).JsonAsync("id")}/cancel";
            return await Last(2, () => s.Post(path, null));
        }),
        ["import_empty"] = new(422, s => s.Import("email\n")),
        ["import_header_missing"] = new(422, s => s.Import("name\nAda\n")),
        ["import_column_unknown"] = new(422, s => s.Import("email,colour\na@example.test,red\n")),
        ["import_malformed"] = new(400, s => s.Import("email\n\"a@example.test\n")),
        ["import_not_utf8"] = new(400, s => s.Import("email,firstName\na@example.test,J\u00fcrgen\n", Encoding.Latin1)),
    };

    // Of a row of an import: it is told in the job's rows.
    private static readonly Dictionary<string, (string MediaType, string File)> Rows = new()
    {
        ["row_too_long"] = ("text/csv", $"email,metadata.a\na@example.test,{new string('x', 70_000)}\n"),
        ["row_too_many_cells"] = ("text/csv", "email\na@example.test,b\n"),
        ["row_type_wrong"] = ("application/json", """{"rows":[{"email":"a@example.test","firstName":7}]}"""),
        ["row_field_unknown"] = ("application/json", """{"rows":[{"email":"a@example.test","colour":"red"}]}"""),
        ["role_unknown"] = ("text/csv", "email,role\na@example.test,king\n"),
        ["duplicate_row"] = ("text/csv", "email\na@example.test\nA@example.test\n"),
    };

    public static TheoryData<string> Refused => [.. Cases.Keys];

    public static TheoryData<string> RefusedRows => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Each_code_is_answered_with_its_status_as_problem_details(string code)
    {
        var scene = new Scene(operated, await operated.App.CreateOrganizationAsync());
        var answer = await Cases[code].Ask(scene);
        var problem = await answer.RefusedAsync((HttpStatusCode)Cases[code].Status, code);

        Assert.EndsWith($"/docs/errors#{code}", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.Equal(Cases[code].Status, problem.GetProperty("status").GetInt32());
        Assert.All(["title", "detail"], name => Assert.NotEqual("", problem.GetProperty(name).GetString()));
        Assert.Empty(problem.EnumerateObject().Select(p => p.Name).Except(
            Cases[code].Status < 500
                ? ["type", "title", "status", "detail", "code", "errors"]
                : ["type", "title", "status", "detail", "code", "requestId"]));
        if (!problem.TryGetProperty("errors", out var errors)) return;
        Assert.Equal(code, errors[0].GetProperty("code").GetString());
        Assert.All(errors.EnumerateArray(), fault =>
        {
            Assert.NotEqual("", fault.GetProperty("detail").GetString());
            Assert.Empty(fault.EnumerateObject().Select(p => p.Name).Except(
                ["code", "detail", "pointer", "parameter"]));
            if (fault.TryGetProperty("pointer", out var pointer))
                Assert.Matches("^(/[A-Za-z0-9. ]+)*$", pointer.GetString());
        });
    }

    [Theory]
    [MemberData(nameof(RefusedRows))]
    public async Task Each_code_of_a_row_is_told_in_the_jobs_rows(string code)
    {
        var scene = new Scene(operated, await operated.App.CreateOrganizationAsync());
        var (mediaType, file) = Rows[code];
        var job = await (await scene.Org.Admin.PostTextAsync(scene.Org.Path("imports"), file, mediaType))
            .JsonAsync("id");
        await operated.App.DrainAsync();
        var refused = (await (await scene.Get($"imports/{job}/rows?outcome=invalid")).JsonAsync("data"))
            .EnumerateArray().Single();
        Assert.Equal(code, refused.GetProperty("code").GetString());
        Assert.NotEqual("", refused.GetProperty("detail").GetString());
    }

    [Fact]
    public void Every_code_the_program_has_is_provoked_here_or_is_said_elsewhere_for_a_reason()
    {
        var told = Cases.Keys.Concat(Rows.Keys).ToHashSet();
        var all = Codes().ToHashSet();
        Assert.Empty(all.Except(told).Except(Elsewhere.Keys));
        Assert.Empty(told.Concat(Elsewhere.Keys).Except(all));
        Assert.Empty(told.Intersect(Elsewhere.Keys));
    }

    // Every field that is an error, and what every method that makes one makes; the dialects have their own words.
    private static IEnumerable<string> Codes()
    {
        const BindingFlags any =
            BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        Assembly[] assemblies = [typeof(Error).Assembly, typeof(HostErrors).Assembly];
        foreach (var type in assemblies.SelectMany(a => a.GetTypes()))
        {
            if (type.Namespace?.StartsWith("Usher.Server.Dialects", StringComparison.Ordinal) is true) continue;
            foreach (var field in type.GetFields(any).Where(f => f.FieldType == typeof(Error)))
                yield return ((Error)field.GetValue(null)!).Code;
            if (!type.Name.EndsWith("Errors", StringComparison.Ordinal)) continue;
            foreach (var method in type.GetMethods(any).Where(m => m.ReturnType == typeof(Error)))
            foreach (var arguments in method.GetParameters().Aggregate<ParameterInfo, IEnumerable<object?[]>>(
                    [[]],
                    (before, p) => before.SelectMany(b => Samples(p.ParameterType).Select(s => (object?[])[.. b, s]))))
                yield return ((Error)method.Invoke(null, arguments)!).Code;
        }
    }

    private static IEnumerable<object?> Samples(Type type) =>
        type.IsEnum
            ? Enum.GetValues(type).Cast<object>()
            : type == typeof(string)
            ? ["x"]
            : type == typeof(int)
            ? [1]
            : [Array.Empty<string>()];

    private static string Member(Member member) => "members/mem_" + ShortId.Of(member.Id);

    // The same so many times, and what the last time brought.
    private static async Task<HttpResponseMessage> Last(int times, Func<Task<HttpResponseMessage>> ask)
    {
        for (var i = 1; i < times; i++) await ask();
        return await ask();
    }

    /// <summary>An organization of its own for each code, and how requests are made in it.</summary>
    private sealed class Scene(OperatedApp operated, TestOrganization org)
    {
        public TestOrganization Org => org;

        public UsherApp App => operated.App;

        /// <summary>A wrong password for an address of this scene.</summary>
        public async Task<HttpResponseMessage> WrongPasswordAsync(string? code = null)
        {
            using var client = App.CreateClient();
            object body = code is null
                ? new { email = $"guessed@{org.Slug}.example", password = "x" }
                : new { email = $"guessed@{org.Slug}.example", password = "x", code };
            return await client.SendAsync(HttpMethod.Post, "/usher/v1/sessions", body);
        }

        public TestClock Clock => operated.Clock;

        public HttpClient Operator => operated.Operator;

        public string Owner => Member(org.Created.Owner);

        public Task<HttpResponseMessage> Get(string path) => org.SendAsync(HttpMethod.Get, path);

        public Task<HttpResponseMessage> Post(string path, object? body, HttpClient? by = null) =>
            org.SendAsync(HttpMethod.Post, path, body, by: by);

        public Task<HttpResponseMessage> Check(object body) => Post("access/check", body);

        public Task<HttpResponseMessage> Settings(object body) => org.SendAsync(HttpMethod.Patch, "settings", body);

        public Task<HttpResponseMessage> Organization(object body) =>
            Operator.SendAsync(HttpMethod.Post, "/usher/v1/organizations", body);

        public async Task<HttpResponseMessage> Import(string file, Encoding? encoding = null)
        {
            using var content = new ByteArrayContent((encoding ?? Encoding.UTF8).GetBytes(file));
            content.Headers.ContentType = new("text/csv");
            return await org.Admin.PostAsync(org.Path("imports"), content, Ct);
        }

        /// <summary>Somebody with these permissions and a key.</summary>
        public async Task<HttpClient> UserAsync(params string[] permissions) =>
            (await org.ActiveAsync(NewEmail("max"), row => row with { Permissions = permissions })).Client;

        public async Task<string> GroupAsync() => "groups/grp_" + ShortId.Of((await org.GroupAsync(new("A"))).Id);

        /// <summary>A person with an account, who calls with the session.</summary>
        public async Task<HttpClient> MeAsync() => App.ClientOf((await App.AccountAsync(org)).Secret);

        public async Task<InvitationLink> LinkAsync() => (await org.GuestAsync(NewEmail("ada"))).Link;

        public async Task<HttpResponseMessage> GuestAsync(string what) => await Guest(await LinkAsync(), what);

        public Task<HttpResponseMessage> Guest(string path, object body) =>
            App.CreateClient().SendAsync(HttpMethod.Post, path, body);

        public Task<HttpResponseMessage> Guest(
            InvitationLink link, string what, object? body = null, string? session = null) =>
            App.GuestAsync(link, what, body, session);

        public Task<HttpResponseMessage> JoinAsync(
            InvitationLink link, string password = TestOrganization.Password, string firstName = "Ada") =>
            Guest(link, "accept", new { code = link.Secret, firstName, password });

        public async Task<HttpResponseMessage> OnAnotherServerAsync(
            Dictionary<string, string?> settings, Func<UsherApp, TestOrganization, Task<HttpResponseMessage>> ask)
        {
            await using var app = await UsherApp.StartAsync(settings, workers: false);
            var answer = await ask(app, await app.CreateOrganizationAsync());
            await answer.Content.LoadIntoBufferAsync(Ct);
            return answer;
        }

        public async Task<HttpResponseMessage> WithoutDatabaseAsync(
            Func<TestOrganization, Task<HttpResponseMessage>> ask)
        {
            await using var database = await BreakableDatabase.CreateAsync();
            await using var app = await UsherApp.StartAsync(
                database.Settings, database: database.Database, workers: false);
            var other = await app.CreateOrganizationAsync();
            await database.BreakAsync();
            var answer = await ask(other);
            await answer.Content.LoadIntoBufferAsync(Ct);
            return answer;
        }

        // A chunk that is none: no client of ours would send it.
        public async Task<HttpResponseMessage> BrokenAsync()
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(new Uri(App.Url).Host, new Uri(App.Url).Port, Ct);
            await using var stream = socket.GetStream();
            await stream.WriteAsync(
                Encoding.ASCII.GetBytes(
                    $"POST {org.Path("groups")} HTTP/1.1\r\nHost: localhost\r\nX-AUTH-TOKEN: "
                    + $"{org.Key}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
                Ct);
            using var reader = new StreamReader(stream);
            var lines = (await reader.ReadToEndAsync(Ct)).Split("\r\n");
            var body = Array.Find(lines, l => l.StartsWith('{'))!;
            var answer = new HttpResponseMessage((HttpStatusCode)int.Parse(
                lines[0].Split(' ')[1],
                System.Globalization.CultureInfo.InvariantCulture)) { Content = new StringContent(body) };
            answer.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(
                Array.Find(
                    lines, l => l.StartsWith("Content-Type: ", StringComparison.Ordinal))!["Content-Type: ".Length..]);
            return answer;
        }
    }
}
