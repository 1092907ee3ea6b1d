using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Usher.Server.Mail;
using Usher.Server.Tests.Infrastructure;

namespace Usher.Server.Tests.Mail;

public sealed class SmtpTransportTests
{
    private static readonly string[] Tls = [
        $"--key={Certificates.Trusted.Key}", $"--cert={Certificates.Trusted.Certificate}",
    ];
    private static readonly string[] Login = ["--user=usher", "--password=pass word"];

    [FactIn(Runs.Once)]
    public async Task A_mail_arrives_whole_over_starttls_and_login()
    {
        await using var server = await SmtpSink.StartAsync([.. Tls, .. Login]);
        var mail = Samples.Mail();
        await Transport(server.Port, user: "usher", password: "pass word")
            .SendAsync(mail, TestContext.Current.CancellationToken);

        var got = await server.NextAsync("message");
        Assert.True(got.GetProperty("secure").GetBoolean());
        Assert.Equal("usher", got.GetProperty("auth").GetString());
        Assert.Equal("no-reply@usher.test", got.GetProperty("envelope").GetProperty("from").GetString());
        Assert.Equal(
            "ada@example.test",
            Assert.Single(got.GetProperty("envelope").GetProperty("to").EnumerateArray()).GetString());
        var parsed = got.GetProperty("parsed");
        Assert.Equal(mail.Subject, parsed.GetProperty("subject").GetString());
        Assert.Equal(mail.MessageId, parsed.GetProperty("messageId").GetString());
        Assert.Equal("auto-generated", parsed.Header("auto-submitted"));
        Assert.Equal(mail.Text, parsed.GetProperty("text").GetString()!.ReplaceLineEndings("\n").TrimEnd('\n'));
        Assert.Equal(mail.Html, parsed.GetProperty("html").GetString()!.TrimEnd('\n'));
    }

    [FactIn(Runs.Once)]
    public async Task A_wrong_password_is_a_temporary_failure_and_nothing_is_sent()
    {
        await using var server = await SmtpSink.StartAsync([.. Tls, .. Login]);

        var failure = await FailAsync(Transport(server.Port, user: "usher", password: "wrong"));

        Assert.False(failure.Permanent);
        Assert.DoesNotContain(await server.EndAsync(), e => e.GetProperty("event").GetString() is "message");
    }

    [FactIn(Runs.Once)]
    public async Task A_server_that_is_down_is_a_temporary_failure_that_says_so()
    {
        using var listener = Listen(out var port);
        listener.Stop();

        var failure = await FailAsync(Transport(port, startTls: false));

        Assert.False(failure.Permanent);
        Assert.Contains("refused", failure.Message, StringComparison.OrdinalIgnoreCase);
    }

    [TheoryIn(Runs.Once)]
    [InlineData(550, true)]
    [InlineData(553, true)]
    [InlineData(450, false)]
    [InlineData(503, false)]
    public async Task A_refused_recipient_is_permanent_when_the_server_says_so(int code, bool permanent)
    {
        await using var server = await SmtpSink.StartAsync($"--reject-rcpt={code}");

        var failure = await FailAsync(Transport(server.Port, startTls: false));

        Assert.Equal((permanent, $"smtp {code}"), (failure.Permanent, failure.Code));
    }

    // What a relay says whose login was skipped or failed: the operator's to put right, not the recipient's fault.
    [FactIn(Runs.Once)]
    public async Task A_refusal_by_policy_is_a_temporary_failure()
    {
        using var listener = Listen(out var port);
        var server = ServeAsync(
            listener, ("EHLO", "250 hello"), ("MAIL", "250 ok"),
            ("RCPT", "554 5.7.1 <ada@example.test>: Relay access denied"));

        var failure = await FailAsync(Transport(port, startTls: false));

        Assert.Equal((false, "smtp 554"), (failure.Permanent, failure.Code));
        await server;
    }

    [FactIn(Runs.Once)]
    public async Task A_mail_refused_at_its_end_for_good_is_a_permanent_failure()
    {
        using var listener = Listen(out var port);
        var server = ServeAsync(
            listener, ("EHLO", "250 hello"), ("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go on"),
            (".", "552 5.3.4 Too big"));

        var failure = await FailAsync(Transport(port, startTls: false));

        Assert.Equal((true, "smtp 552"), (failure.Permanent, failure.Code));
        await server;
    }

    [FactIn(Runs.Once)]
    public async Task Nothing_is_sent_to_a_server_whose_certificate_nobody_vouches_for()
    {
        await using var server = await SmtpSink.StartAsync(
            $"--key={Certificates.Untrusted.Key}", $"--cert={Certificates.Untrusted.Certificate}");

        var failure = await FailAsync(Transport(server.Port));

        Assert.False(failure.Permanent);
        Assert.DoesNotContain(await server.EndAsync(), e => e.GetProperty("event").GetString() is "message");
    }

    [FactIn(Runs.Once)]
    public async Task Nothing_is_sent_in_clear_where_starttls_is_demanded()
    {
        await using var server = await SmtpSink.StartAsync();

        var failure = await FailAsync(Transport(server.Port));

        Assert.False(failure.Permanent);
        Assert.Empty(await server.EndAsync());
    }

    [FactIn(Runs.Once)]
    public async Task An_address_outside_ascii_arrives_where_the_server_speaks_smtputf8()
    {
        await using var server = await SmtpSink.StartAsync();
        await Transport(server.Port, startTls: false)
            .SendAsync(Samples.Mail("zoë@example.test"), TestContext.Current.CancellationToken);

        var got = await server.NextAsync("message");
        Assert.Equal(
            "zoë@example.test",
            Assert.Single(got.GetProperty("envelope").GetProperty("to").EnumerateArray()).GetString());
    }

    [FactIn(Runs.Once)]
    public async Task Thirty_mails_at_once_all_arrive()
    {
        await using var server = await SmtpSink.StartAsync([.. Tls, .. Login]);
        var transport = Transport(server.Port, user: "usher", password: "pass word");
        var sending = Task.WhenAll(Enumerable.Range(0, 30).Select(i =>
            transport.SendAsync(Samples.Mail($"ada{i}@example.test"), TestContext.Current.CancellationToken)));

        var to = new HashSet<string?>(StringComparer.Ordinal);
        while (to.Count < 30)
            Assert.True(to.Add(
                (await server.NextAsync("message")).GetProperty("envelope").GetProperty("to")[0].GetString()));
        await sending;
    }

    [TheoryIn(Runs.Once)]
    [InlineData("says nothing")]
    [InlineData("never answers EHLO", "")]
    [InlineData("never acknowledges the mail", "EHLO", "MAIL", "RCPT", "DATA")]
    public async Task Cancelling_leaves_a_server_that_hangs_at_once(string server, params string[] answers)
    {
        using var listener = Listen(out var port);
        var serving = server is "says nothing"
            ? AcceptAsync(listener)
            : ServeAsync(listener, [.. answers.Select(a => (a, a is "DATA" ? "354 go on" : "250 ok"))]);
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
        var time = Stopwatch.StartNew();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            Transport(port, startTls: false).SendAsync(Samples.Mail(), patience.Token));

        Assert.True(time.Elapsed < TimeSpan.FromSeconds(5), $"{time.Elapsed}");
        await serving.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken); // it was hung up on
    }

    [Fact]
    public async Task The_mail_after_a_refused_recipient_is_sent_on_the_same_connection()
    {
        using var listener = Listen(out var port);
        var server = ServeAsync(
            listener, ("EHLO", "250 hello"), ("MAIL", "250 ok"), ("RCPT", "550 no such user"), ("MAIL", "250 ok"),
            ("RCPT", "250 ok"), ("DATA", "354 go on"), (".", "250 ok"));
        using (var transport = Transport(port, startTls: false))
        {
            await Assert.ThrowsAsync<MailException>(() =>
                transport.SendAsync(Samples.Mail("ada@example.test"), TestContext.Current.CancellationToken));
            await transport.SendAsync(Samples.Mail("eve@example.test"), TestContext.Current.CancellationToken);
        }

        await server.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.False(listener.Pending());
    }

    // A system that waits before it acknowledges a part waits for at least 40 milliseconds.
    [Fact]
    public async Task No_part_of_a_mail_waits_for_the_acknowledgement_of_another()
    {
        await using var server = await SmtpSink.StartAsync();
        using var transport = Transport(server.Port, startTls: false);
        var best = TimeSpan.MaxValue;
        for (var i = 0; i < 30; i++)
        {
            var mail = Samples.Mail(text: string.Concat(Enumerable.Repeat("A line of a mail.\n", 300)));
            var time = Stopwatch.StartNew();
            await transport.SendAsync(mail, TestContext.Current.CancellationToken);
            // The first mails are acknowledged at once.
            if (i >= 15 && time.Elapsed < best) best = time.Elapsed;
        }

        Assert.True(best < TimeSpan.FromMilliseconds(35), $"{best}");
    }

    private static SmtpTransport Transport(
        int port, bool startTls = true, string? user = null, string? password = null) =>
        new(
        Options.Create(
            new MailOptions
            {
                Smtp = new()
                {
                    Host = "localhost", Port = port, StartTls = startTls, UserName = user, Password = password,
                },
            }),
        TimeProvider.System);

    // The transport is closed at the end: it keeps the connection after a refusal.
    private static async Task<MailException> FailAsync(SmtpTransport transport)
    {
        using (transport)
            return await Assert.ThrowsAsync<MailException>(() =>
                transport.SendAsync(Samples.Mail(), TestContext.Current.CancellationToken));
    }

    private static TcpListener Listen(out int port)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        port = ((IPEndPoint)listener.LocalEndpoint).Port;
        return listener;
    }

    private static async Task AcceptAsync(TcpListener listener)
    {
        using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        await DrainAsync(client.GetStream());
    }

    // Answers what it was told to answer, each once and in this order, to lines that begin so; to everything else
    // nothing. Ends when the client hangs up.
    private static async Task ServeAsync(TcpListener listener, params (string Command, string Answer)[] answers)
    {
        using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        using var reader = new StreamReader(client.GetStream());
        await using var writer = new StreamWriter(client.GetStream()) { AutoFlush = true, NewLine = "\r\n" };
        try
        {
            await writer.WriteLineAsync("220 test");
            var next = 0;
            while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
                if (next < answers.Length && answers[next].Command is not ""
                        && line.StartsWith(answers[next].Command, StringComparison.Ordinal))
                    await writer.WriteLineAsync(answers[next++].Answer);
                else if (line is "RSET") await writer.WriteLineAsync("250 ok"); // how a client goes on after a refusal
        }
        catch (IOException)
        {
            // Hung up on.
        }
    }

    private static async Task DrainAsync(NetworkStream stream)
    {
        try
        {
            await stream.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        }
        catch (IOException)
        {
            // Hung up on.
        }
    }
}
