using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Usher.Core;
using Usher.Core.Access;
using Usher.Core.ApiKeys;
using Usher.Core.Members;
using Usher.Server.Api;
using Usher.Server.Api.Http;
using Usher.Server.Dialects.Conformity;
using Usher.Server.Dialects.DeployHq;
using Usher.Server.Dialects.Wavefront;
using ConformityUser = Usher.Server.Dialects.Conformity.UserDocument;
using DeployHqUser = Usher.Server.Dialects.DeployHq.UserDocument;

namespace Usher.Benchmarks;

/// <summary>What a request is made of, piece by piece.</summary>
[MemoryDiagnoser]
public class InnerPieces
{
    private readonly string secret = Secret.Create(Secret.InvitationPrefix).Text;
    private Organization organization = null!;
    private MemberView member = null!;
    private EffectiveAccess access = null!;

    [GlobalSetup]
    public async Task BeginAsync()
    {
        organization = await Organization.CreateAsync();
        member = await ReadAMember();
        access = member.Graph.Of(member.Member);
    }

    [GlobalCleanup]
    public async Task EndAsync() => await organization.DisposeAsync();

    [Benchmark]
    public async Task<Guid> FindOutWhoCalls() =>
        (await organization.WithAsync<CallerService, Caller?>(s => s.FindAsync(Organization.Key, default)))!.KeyId;

    [Benchmark]
    public async Task<MemberView> ReadAMember() =>
        (await organization.WithAsync<MemberService, Result<MemberView>>(s =>
            s.GetAsync(organization.Owner, new(Id: organization.MemberId), MemberDetails.None, default))).Value;

    [Benchmark]
    public EffectiveAccess EffectiveAccess() => member.Graph.Of(member.Member);

    [Benchmark]
    public bool CanGrant() => organization.Owner.CanGrant(access);

    [Benchmark]
    public byte[]? CheckASecret() => Secret.IsWellFormed(secret, Secret.InvitationPrefix) ? Secret.Hash(secret) : null;

    [Benchmark]
    public byte[] WriteJsonOfConformity() =>
        JsonSerializer.SerializeToUtf8Bytes(ConformityUser.Single(member, null), ConformityJson.Default.Options);

    [Benchmark]
    public byte[] WriteJsonOfWavefront() =>
        JsonSerializer.SerializeToUtf8Bytes(UserModel.From(member, "acme"), WavefrontJson.Default.Options);

    [Benchmark]
    public byte[] WriteJsonOfDeployHq() =>
        JsonSerializer.SerializeToUtf8Bytes(DeployHqUser.From(member.Member, "Etc/UTC"), DeployHqJson.Default.Options);

    [Benchmark]
    public byte[] WriteJsonOfOurOwn() =>
        JsonSerializer.SerializeToUtf8Bytes(MemberDocument.From(member), ApiJson.Default.Options);
}
