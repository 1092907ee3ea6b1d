using Usher.Server.Limits;
using Usher.Server.Tests.Golden;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Limits;

public sealed class LimitTableTests
{
    [FactIn(Runs.Once)]
    public Task The_page_of_limits_lists_the_limits_in_the_code() => Written.AssertAsync("docs/limits.md", $"""
        # Limits

        These tables list every limit of the server. This file is generated from the code by a test.

        ## Sizes

        A route without authorization checks the size, and the limits on attempts below, before it reads the body.

        {LimitTable.Markdown(LimitTable.Sizes)}
        The status and code are those of Usher's own API. The other APIs answer in their own formats; see
        [dialects](dialects/).

        ## Attempts

        A **client** is an IPv4 address or an IPv6 /64 network. Behind a proxy it is the address of the proxy, unless
        the proxy is [trusted](proxies.md). A caller that sends an operator's key is not counted by its network
        address.

        An **address** is counted in its canonical form, and an **invitation** by its id, in any spelling. Only failures
        count: a successful sign-in or code does not. An attempt that is still running counts as a failure.

        A **known device** is a browser, or a client of the API, on which the person has signed in within 90 days and
        since the last change of the password. It sends the cookie `usher_device`, or, through the API, the
        `deviceToken` that a sign-in answers.

        No limit locks an account. After many failed passwords for an address, unknown devices need a mailed code in
        addition to the password.

        {LimitTable.Markdown(LimitTable.Rates)}
        Every 429 has a `Retry-After` header. Each server process has its own counters, which start at zero.

        """);

    [FactIn(Runs.Once)]
    public void Every_limit_is_listed_once() =>
        Assert.Distinct(LimitTable.Sizes.Concat(LimitTable.Rates).Select(r => (r.Counted, r.Per)));
}
