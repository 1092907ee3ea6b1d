using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Usher.Server.Pages;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Pages;

public sealed class GuestLimitsTests
{
    [Fact]
    public void A_client_has_its_own_tries_and_a_subject_its_own_whoever_tries()
    {
        using var limits = new GuestLimits(Options.Create(new GuestLimitOptions { Passwords = new() { PerClient = 3, PerSubject = 2, Window = TimeSpan.FromHours(1) } }));
        Assert.Null(limits.Password(From("192.0.2.1"), "ada"));
        Assert.Null(limits.Password(From("192.0.2.2"), "ADA"));
        Assert.InRange(limits.Password(From("192.0.2.3"), "ada")!.Value, TimeSpan.FromTicks(1), TimeSpan.FromHours(1));
        Assert.Null(limits.Password(From("192.0.2.1"), "bob"));
        Assert.Null(limits.Password(From("192.0.2.1"), "eve"));
        Assert.NotNull(limits.Password(From("192.0.2.1"), "dan"));
        Assert.Null(limits.Code(From("192.0.2.1"), "dan"));
    }

    [Fact]
    public void A_client_that_has_had_enough_uses_up_nobody_elses_tries()
    {
        using var limits = new GuestLimits(Options.Create(new GuestLimitOptions { Mails = new() { PerClient = 1, PerSubject = 2, Window = TimeSpan.FromHours(1) } }));
        for (var i = 0; i < 5; i++) limits.Mail(From("192.0.2.1"), "ada");
        Assert.Null(limits.Mail(From("192.0.2.2"), "ada"));
    }

    [Theory]
    [InlineData("2001:db8::1", "2001:db8::ffff", true)]
    [InlineData("2001:db8::1", "2001:db8:0:1::1", false)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    public void A_client_is_an_ipv4_address_or_an_ipv6_network(string one, string two, bool same)
    {
        using var limits = new GuestLimits(Options.Create(new GuestLimitOptions { Codes = new() { PerClient = 1, PerSubject = 9, Window = TimeSpan.FromHours(1) } }));
        Assert.Null(limits.Code(From(one), "x"));
        Assert.Equal(same, limits.Code(From(two), "x") is not null);
    }

    [Fact]
    public async Task Who_tries_too_often_is_told_when_to_come_back()
    {
        var one = new Dictionary<string, string?>();
        foreach (var name in new[] { "Passwords", "Codes", "Mails" }) (one[$"Usher:GuestLimits:{name}:PerSubject"], one[$"Usher:GuestLimits:{name}:Window"]) = ("1", "00:10:00");
        await using var app = await UsherApp.StartAsync(one);
        var email = Guests.NewEmail("ada");
        var invitation = $"/join/acme/{Guid.NewGuid()}";
        foreach (var (page, action, fields) in new (string, string, (string, string)[])[]
        {
            ("/sign-in", "/sign-in", [("email", email), ("password", "wrong")]),
            ("/sign-in", "/sign-in/link", [("email", email)]),
            (invitation, invitation, [("step", "check"), ("code", "usi_")]),
        })
        {
            var visitor = new Visitor(app.CreateClient());
            Assert.NotEqual(HttpStatusCode.TooManyRequests, (await visitor.PostAsync(page, action, fields)).StatusCode);
            var answer = await visitor.PostAsync(page, action, fields.Select(f => (f.Item1, f.Item2.ToUpperInvariant())).ToArray());
            Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
            Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10));
            Assert.Contains("Please wait a little", await Visitor.TextAsync(answer), StringComparison.Ordinal);
        }
    }

    private static DefaultHttpContext From(string address) => new() { Connection = { RemoteIpAddress = IPAddress.Parse(address) } };
}
