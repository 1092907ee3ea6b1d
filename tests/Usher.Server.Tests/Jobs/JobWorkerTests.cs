using Usher.Core;
using Usher.Core.Jobs;
using Usher.Server.Tests.Infrastructure;
using Usher.Server.Tests.Rules;
using static Usher.Server.Tests.Rules.Steps;

namespace Usher.Server.Tests.Jobs;

/// <summary>Jobs on a server that does them by itself.</summary>
public sealed class JobWorkerTests(UsherApp app)
{
    [Fact]
    public async Task An_import_is_done_by_itself_soon_after_it_was_started_and_its_mail_arrives()
    {
        var org = await app.CreateOrganizationAsync();
        var email = NewEmail("ada");
        var job = await org.ImportAsync("email", [email]);
        var mail = Assert.Single(await app.Mail.WaitAsync(email));
        Assert.Equal(org.Slug, mail.Link.OrganizationSlug);
        Assert.Equal(JobStatus.Completed, (await org.JobAsync(job)).Status);
    }

    [Fact]
    public async Task A_job_that_always_fails_is_tried_again_and_meanwhile_others_are_done()
    {
        var org = await app.CreateOrganizationAsync();
        var broken = (await app.WithAsync<JobService, Result<Job>>(s =>
            s.ImportAsync(org.Owner, new ImportFile(1, [new(1, 1, "no JSON")]), new(), Ct))).Value;
        var fine = await org.ImportAsync("email", [NewEmail("bob")]);
        while ((await org.JobAsync(fine)).Status is not JobStatus.Completed
                || (await org.JobAsync(broken)).Parameters.GetValueOrDefault("failures") is not "2")
            await Task.Delay(50, Ct);
        Assert.Equal(JobStatus.Running, (await org.JobAsync(broken)).Status);
        Assert.Null((await org.CancelAsync(broken)).Error);
    }
}
