using System.Net;
using Usher.Server.Tests.RouteTable;

namespace Usher.Server.Tests.Dialects.Conformity;

/// <summary>The routes of Conformity. Their aliases below <c>/api</c> share their rows.</summary>
public sealed class ConformityRoutes : SurfaceRoutes
{
    public override string Surface => "Conformity";

    public override string MediaType => "application/vnd.api+json";

    public override HttpStatusCode UnknownId => HttpStatusCode.UnprocessableEntity;

    public override IReadOnlyDictionary<string, RouteRow> Rows { get; } = new Dictionary<string, RouteRow>
    {
        ["GET /v1/users"] = new(Entry.Admin),
        ["POST /v1/users"] = new(
            Entry.Admin,
            """
            {"data":{"attributes":{"firstName":"A","lastName":"B","role":"USER","email":"{new}",
                "accessList":[{"account":"{resource.short}","level":"FULL"}] } } }
            """),
        ["POST /v1/users/sso"] = new(
            Entry.Admin,
            """{"data":{"attributes":{"firstName":"A","lastName":"B","role":"USER","email":"{new}"} } }"""),
        ["GET /v1/users/whoami"] = new(Entry.Everybody),
        ["GET /v1/users/{id}"] = new(Entry.Everybody),
        ["PATCH /v1/users/{id}"] = new(
            Entry.Admin, """{"data":{"role":"USER","accessList":[{"account":"{resource.short}","level":"FULL"}] } }"""),
        ["DELETE /v1/users/{id}"] = new(Entry.Admin),
        ["GET /v1/api-keys"] = new(Entry.Everybody),
        ["GET /v1/api-keys/{id}"] = new(Entry.Everybody),
        ["GET /v1/accounts"] = new(Entry.Everybody),
        ["GET /v1/accounts/{id}"] = new(Entry.Reaches),
        ["POST /v1/accounts"] = new(Entry.Admin, """{"data":{"attributes":{"name":"{new}"} } }"""),
    };

    protected override IReadOnlyList<(string Prefix, string[] Ids)> Parameters { get; } =
    [
        ("/v1/users/", ["{member.short}"]), ("/v1/api-keys/", ["{key.short}"]), ("/v1/accounts/", ["{resource.short}"]),
    ];

    public override IReadOnlyList<string> Expected(Refusal refusal, RouteRow row) => [refusal switch
    {
        Refusal.KeyMissing => """401 {"message":"Unauthorized"}""",
        Refusal.KeyRefused =>
            """403 {"Message":"User is not authorized to access this resource with an explicit deny"}""",
        Refusal.KeyReadOnly => """401 {"errors":[{"status":401,"details":"This API key may only read."}]}""",
        Refusal.NotAllowed =>
            """401 {"errors":[{"status":401,"details":"You are not authorized to perform such actions"}]}""",
    }];

    public override string Told(RouteCall call) => $"{(int)call.Status} {Wire.Compact(call.Body)}";
}
