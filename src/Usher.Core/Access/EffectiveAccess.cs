using System.Collections.Frozen;

namespace Usher.Core.Access;

/// <summary>The access to one resource: a level and single capabilities.</summary>
public readonly record struct Reach(AccessLevel Level, IReadOnlyList<string> Capabilities)
{
    public bool IsNone => Level is AccessLevel.None && Capabilities is [];

    /// <summary>The same access with all capabilities that the level implies listed, in ordinal order.</summary>
    public Reach Spelled() =>
        this with
        {
            Capabilities = [
                .. (Level is AccessLevel.Full ? Access.Capabilities.All : Capabilities).Order(StringComparer.Ordinal)],
        };

    public bool Contains(Reach other) =>
        Level is AccessLevel.Full || (Level >= other.Level && other.Capabilities.All(Capabilities.Contains));

    public bool Equals(Reach other) =>
        Level == other.Level && Capabilities.ToHashSet(StringComparer.Ordinal).SetEquals(other.Capabilities);

    public override int GetHashCode() => Level.GetHashCode();

    public Reach Union(Reach other) =>
        new(Level >= other.Level ? Level : other.Level, [.. Capabilities.Union(other.Capabilities)]);
}

/// <summary>
/// The access of a member in one organization, combined from all sources: built-in role, permissions, roles, groups and
/// levels. Also the access that a single grant gives. "May the actor grant this" and "does the actor cover this member"
/// are therefore the same test: <see cref="Contains"/>.
/// </summary>
/// <param name="IsAdmin">Whether this includes everything, present and future.</param>
/// <param name="Permissions">The permission names held. Not needed for administrators.</param>
/// <param name="Everywhere">The level on every resource, present and future.</param>
/// <param name="Resources">The access to single resources.</param>
public sealed record EffectiveAccess(
    bool IsAdmin, FrozenSet<string> Permissions, AccessLevel Everywhere, FrozenDictionary<Guid, Reach> Resources)
{
    public static EffectiveAccess Everything { get; } = new(
        true, FrozenSet<string>.Empty, AccessLevel.Full, FrozenDictionary<Guid, Reach>.Empty);

    public static EffectiveAccess Nothing { get; } = new(
        false, FrozenSet<string>.Empty, AccessLevel.None, FrozenDictionary<Guid, Reach>.Empty);

    public bool Has(string permission) => IsAdmin || Permissions.Contains(permission);

    public AccessLevel LevelOn(Guid resource) => ReachOf(resource).Level;

    /// <summary>Whether this includes any access to a resource.</summary>
    public bool Reaches(Guid resource) => !ReachOf(resource).IsNone;

    /// <summary>Whether this includes everything in <paramref name="other"/>.</summary>
    public bool Contains(EffectiveAccess other) =>
        IsAdmin
        || (!other.IsAdmin
            && other.Permissions.All(Permissions.Contains)
            && Everywhere >= other.Everywhere
            && other.Resources.All(pair => ReachOf(pair.Key).Contains(pair.Value)));

    /// <summary>The access to a resource, combined from all sources.</summary>
    public Reach ReachOf(Guid resource)
    {
        var own = Resources.TryGetValue(resource, out var reach) ? reach : new Reach(AccessLevel.None, []);
        return own with { Level = IsAdmin ? AccessLevel.Full : own.Level >= Everywhere ? own.Level : Everywhere };
    }

    /// <summary>Combines the access from several sources.</summary>
    public sealed class Builder
    {
        private readonly HashSet<string> permissions = [];
        private readonly Dictionary<Guid, Reach> resources = [];
        private bool admin;
        private AccessLevel everywhere;

        public Builder Add(BuiltInRole role)
        {
            switch (role)
            {
                case BuiltInRole.Admin: admin = true; break;
                case BuiltInRole.PowerUser: AddEverywhere(AccessLevel.Full); break;
                case BuiltInRole.ReadOnly: AddEverywhere(AccessLevel.ReadOnly); break;
                case BuiltInRole.User: break;
            }

            return this;
        }

        public Builder Add(IEnumerable<string> names)
        {
            permissions.UnionWith(names);
            return this;
        }

        public Builder AddAdmin(bool isAdmin)
        {
            admin |= isAdmin;
            return this;
        }

        public Builder AddEverywhere(AccessLevel level)
        {
            everywhere = level > everywhere ? level : everywhere;
            return this;
        }

        public Builder Add(Guid resource, Reach reach)
        {
            resources[resource] = resources.TryGetValue(resource, out var had) ? had.Union(reach) : reach;
            return this;
        }

        public EffectiveAccess Build() =>
            admin ? Everything : new(false, permissions.ToFrozenSet(), everywhere, resources.ToFrozenDictionary());
    }
}
