using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Usher.Server.Pages;

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

    private static DefaultHttpContext From(string address) => new() { Connection = { RemoteIpAddress = IPAddress.Parse(address) } };
}
