using System.Globalization;
using Usher.Core;
using Usher.Core.Members;

namespace Usher.Server.Dialects.Wavefront;

/// <summary>The keys by which groups and roles can be searched and sorted.</summary>
internal static class GroupListing
{
    public static readonly Listing<UserGroupModel> Groups = new(
        new()
        {
            ["freetext"] = g => [g.Id, g.Name, g.Description], ["id"] = g => [g.Id], ["name"] = g => [g.Name],
            ["description"] = g => [g.Description], ["customer"] = g => [g.Customer],
            ["createdEpochMillis"] = g => [Digits(g.CreatedEpochMillis)],
            ["userCount"] = g => [Digits(g.UserCount)], ["roleCount"] = g => [Digits(g.RoleCount)],
            ["roles"] = g => g.Roles.SelectMany(r => new[] { r.Id, r.Name }),
            ["properties"] = g =>
                NamesOfTrue(
                    (g.Properties.NameEditable, "nameEditable"), (g.Properties.UsersEditable, "usersEditable"),
                    (g.Properties.RolesEditable, "rolesEditable")),
        },
        "users",
        new()
        {
            ["id"] = By<UserGroupModel>(g => g.Id), ["name"] = By<UserGroupModel>(g => Text.Key(g.Name)),
            ["description"] = By<UserGroupModel>(g => Text.Key(g.Description)),
            ["createdEpochMillis"] = By<UserGroupModel>(g => g.CreatedEpochMillis),
            ["userCount"] = By<UserGroupModel>(g => g.UserCount), ["roleCount"] = By<UserGroupModel>(g => g.RoleCount),
        },
        // System groups first, then by name.
        (a, b) =>
            (a.Properties.NameEditable, b.Properties.NameEditable) switch
            {
                (false, true) => -1, (true, false) => 1, _ => Text.KeyOrder.Compare(Text.Key(a.Name), Text.Key(b.Name)),
            });

    public static readonly Listing<RoleModel> Roles = new(
        new()
        {
            ["freetext"] = r => [r.Id, r.Name, r.Description], ["id"] = r => [r.Id], ["name"] = r => [r.Name],
            ["description"] = r => [r.Description], ["customer"] = r => [r.Customer],
            ["permissions"] = r => r.Permissions, ["restrictedPermissions"] = r => r.RestrictedPermissions,
            ["createdEpochMillis"] = r => [Digits(r.CreatedEpochMillis)],
            ["lastUpdatedMs"] = r => [Digits(r.LastUpdatedMs)],
            ["lastUpdatedAccountId"] = r => [r.LastUpdatedAccountId],
            ["linkedGroupsCount"] = r => [Digits(r.LinkedGroupsCount)],
            ["linkedAccountsCount"] = r => [Digits(r.LinkedAccountsCount)],
            ["sampleLinkedGroups"] = r => r.SampleLinkedGroups.SelectMany(g => new[] { g.Id, g.Name }),
            ["properties"] = r => NamesOfTrue(
                (r.Properties.NameEditable, "nameEditable"), (r.Properties.UsersAddable, "usersAddable"),
                (r.Properties.UsersRemovable, "usersRemovable"),
                (r.Properties.PermsEditable, "permsEditable"), (r.Properties.Deletable, "deletable")),
        },
        "sampleLinkedAccounts",
        new()
        {
            ["id"] = By<RoleModel>(r => r.Id), ["name"] = By<RoleModel>(r => Text.Key(r.Name)),
            ["description"] = By<RoleModel>(r => Text.Key(r.Description)),
            ["createdEpochMillis"] = By<RoleModel>(r => r.CreatedEpochMillis),
            ["lastUpdatedMs"] = By<RoleModel>(r => r.LastUpdatedMs),
            ["lastUpdatedAccountId"] = By<RoleModel>(r => Text.Key(r.LastUpdatedAccountId)),
            ["linkedGroupsCount"] = By<RoleModel>(r => r.LinkedGroupsCount),
            ["linkedAccountsCount"] = By<RoleModel>(r => r.LinkedAccountsCount),
        },
        (a, b) => Text.KeyOrder.Compare(Text.Key(a.Name), Text.Key(b.Name)));

    private static string Digits(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static IEnumerable<string> NamesOfTrue(params (bool Is, string Name)[] flags) =>
        flags.Where(f => f.Is).Select(f => f.Name);

    private static Comparison<T> By<T>(Func<T, string> text) => (a, b) => Text.KeyOrder.Compare(text(a), text(b));

    private static Comparison<T> By<T>(Func<T, long> number) => (a, b) => number(a).CompareTo(number(b));
}

/// <summary>Searches, sorts and pages items that one read loads completely.</summary>
/// <param name="values">The values that a search compares, by key.</param>
/// <param name="holders">The key that is about accounts. The answer contains only a sample of them, so the database
/// evaluates its conditions.</param>
/// <param name="orders">The orders, by key.</param>
/// <param name="byDefault">The default order. It must be total.</param>
internal sealed class Listing<T>(
    Dictionary<string, Func<T, IEnumerable<string>>> values, string holders, Dictionary<string, Comparison<T>> orders,
    Comparison<T> byDefault)
{
    /// <summary>The error of a search with an unknown key; null for a valid one.</summary>
    public Error? Refusal(SearchRequest search)
    {
        if (search.Terms.FirstOrDefault(t => t.Key != holders && !values.ContainsKey(t.Key)) is { } unknown)
            return WavefrontErrors.KeyUnknown(unknown.Key);
        return search.SortField is { } field && !orders.ContainsKey(field) ? WavefrontErrors.SortUnknown(field) : null;
    }

    /// <summary>The conditions that the database evaluates.</summary>
    public IReadOnlyList<MemberCondition> Holders(SearchRequest search) =>
        [
            .. search.Terms.Where(t => t.Key == holders)
                .Select(t => new MemberCondition(MemberField.Identifier, t.Match, t.Texts))];

    /// <summary>Filters, sorts and pages.</summary>
    /// <param name="all">All items.</param>
    /// <param name="search">The search.</param>
    /// <param name="hasHolder">Whether an item has an account that meets the condition of <see cref="Holders"/> with
    /// this index.</param>
    public Page<T> Page(IEnumerable<T> all, SearchRequest search, Func<T, int, bool> hasHolder)
    {
        List<SearchTerm> ofHolders = [.. search.Terms.Where(t => t.Key == holders)];
        var found = all.Where(one =>
            search.Terms.All(t =>
                t.Negated != (
                    t.Key == holders ? hasHolder(one, ofHolders.IndexOf(t)) : values[t.Key](one).Any(t.Finds))));
        var order = Comparer<T>.Create(search.SortField is { } field ? orders[field] : byDefault);
        var sorted = search.Ascending ? found.Order(order) : found.OrderDescending(order);
        return search.Window.Of([.. sorted.ThenBy(one => one, Comparer<T>.Create(byDefault))], search.Sort("name"));
    }
}
