using Usher.Core.Access;
using Usher.Core.Data;

namespace Usher.Core.Tests.Data;

public sealed class SnakeCaseNameTests
{
    [Theory]
    [InlineData("User", "user")]
    [InlineData("PowerUser", "power_user")]
    [InlineData("ReadOnly", "read_only")]
    [InlineData("OrganizationId", "organization_id")]
    [InlineData("IsAdminGrantedAt", "is_admin_granted_at")]
    [InlineData("PK_organizations", "pk_organizations")]
    [InlineData(
        "FK_group_members_members_OrganizationId_MemberId", "fk_group_members_members_organization_id_member_id")]
    [InlineData("IX_Users_NormalizedEmail", "ix_users_normalized_email")]
    [InlineData("SSOId", "sso_id")]
    [InlineData("already_snake", "already_snake")]
    [InlineData("", "")]
    public void Pascal_case_becomes_snake_case(string pascal, string snake) =>
        Assert.Equal(snake, SnakeCaseName.Of(pascal));

    // What is stored must come back, for every enum the model stores.
    [Fact]
    public void Every_stored_enum_comes_back_as_it_was()
    {
        var enums = typeof(UsherDb).Assembly.GetTypes()
            .Where(t => t.IsEnum && t.Namespace!.StartsWith("Usher.Core", StringComparison.Ordinal)).ToList();
        Assert.Contains(typeof(BuiltInRole), enums);
        foreach (var type in enums)
        {
            var names = Enum.GetNames(type).ConvertAll(SnakeCaseName.Of);
            Assert.Equal(names.Count, names.Distinct().Count());
            var parse = typeof(SnakeCaseName).GetMethod(nameof(SnakeCaseName.Parse))!.MakeGenericMethod(type);
            foreach (var value in Enum.GetValues(type))
                Assert.Equal(value, parse.Invoke(null, [SnakeCaseName.Of(value.ToString()!)]));
        }
    }
}

file static class Lists
{
    public static List<TOut> ConvertAll<TIn, TOut>(this TIn[] values, Converter<TIn, TOut> convert) =>
        [.. Array.ConvertAll(values, convert)];
}
