using System.Net;
using Usher.Server.Json;
using Usher.Server.Limits;
using Usher.Server.Pages;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Limits;

public sealed class RequestClientTests
{
    [TheoryIn(Runs.Once)]
    [InlineData("2001:db8::1", "2001:db8::ffff", true)]
    [InlineData("2001:db8::1", "2001:db8:0:1::1", false)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    public void A_client_is_an_ipv4_address_or_an_ipv6_network(string one, string two, bool same) =>
        Assert.Equal(
            same, HttpRequestClient.NameOf(IPAddress.Parse(one)) == HttpRequestClient.NameOf(IPAddress.Parse(two)));

    [FactIn(Runs.Once)]
    public void A_subject_has_one_form_whatever_its_spelling()
    {
        Assert.Equal("ada@example.test", GuestLimits.SubjectOf(" Ada@EXAMPLE.test\t"));
        Assert.Equal("", GuestLimits.SubjectOf("no address"));
        for (var i = 0; i < 200; i++)
        {
            var id = Guid.NewGuid();
            foreach (var format in new[] { "D", "N", "B", "P", "X" })
                Assert.Equal(
                    id.ToString("D"),
                    GuestLimits.SubjectOf(id.ToString(format).ToUpperInvariant().Replace(
                        "0X", "0x", StringComparison.Ordinal)));
            Assert.Equal(id.ToString("D"), GuestLimits.SubjectOf("inv_" + ShortId.Of(id)));
        }
    }
}
