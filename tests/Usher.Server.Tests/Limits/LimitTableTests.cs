using Usher.Server.Limits;
using Usher.Server.Tests.Golden;

namespace Usher.Server.Tests.Limits;

public sealed class LimitTableTests
{
    [Fact]
    public Task The_page_of_limits_lists_the_limits_in_the_code() => Written.AssertAsync("docs/limits.md", $"""
        # Limits

        Every limit of the server stands in one of these tables. This file is written by a test, from the code.

        ## Sizes

        A route without authorization judges the size, and asks the limits below, before it reads a body.

        {LimitTable.Markdown(LimitTable.Sizes)}
        The status and code are those of Usher's own API. The other surfaces say the same in their own form; see [dialects](dialects/).

        ## Tries

        A **client** is an IPv4 address or an IPv6 /64 network. Behind a proxy it is the proxy's unless the proxy is [trusted](proxies.md). A caller that sends an
        operator's key is not counted by its network address.
        An **address** is counted in its canonical form and an **invitation** by its id, whatever the spelling. Failures are counted, not tries: a sign-in or a code
        that succeeds is taken back. A try that is still under way counts as a failure.
        A **known device** is a browser, or a client of the API, in which the account signed in within 90 days and since its last change of password. It
        has the cookie `usher_device`; through the API it is the `deviceToken` that a sign-in answers.
        No limit locks an account out: many failed passwords for an address only make unknown devices give a mailed code, too.

        {LimitTable.Markdown(LimitTable.Rates)}
        Every 429 has a `Retry-After`. Counters are kept in each server process and begin anew when it starts.

        """);

    [Fact]
    public void Every_limit_is_listed_once() =>
        Assert.Distinct(LimitTable.Sizes.Concat(LimitTable.Rates).Select(r => (r.Counted, r.Per)));
}
