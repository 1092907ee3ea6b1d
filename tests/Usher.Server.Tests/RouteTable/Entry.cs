using Usher.Core.Access;

namespace Usher.Server.Tests.RouteTable;

/// <summary>Which callers a route admits. What they may then do to which member is for the core's own tests.</summary>
/// <param name="Admits">Whether the route admits this caller.</param>
/// <param name="Codes">The codes with which Usher's own API refuses the others, one of them for each caller. None:
/// <c>not_allowed</c>.</param>
public sealed record Entry(Func<Caller, bool> Admits, params IReadOnlyList<string> Codes)
{
    public static readonly Entry Everybody = new(_ => true);
    public static readonly Entry UserManagement = new(caller => caller.May(Permissions.UserManagement));
    public static readonly Entry Directory = new(caller =>
        caller.May(Permissions.UserManagement) || caller.May(Permissions.DirectoryRead));
    public static readonly Entry KeysOfOthers = new(caller =>
        caller.May(Permissions.UserManagement) || caller.May(Permissions.TokenManagement));

    // A caller who may not read the keys of others is told that there is no such key.
    public static readonly Entry KeysUnlessOnlyRead = new(caller =>
        caller.May(Permissions.TokenManagement) || !caller.May(Permissions.UserManagement));
    public static readonly Entry Members = new(caller => Directory.Admits(caller) || KeysOfOthers.Admits(caller));
    public static readonly Entry TokenManagement = new(caller => caller.May(Permissions.TokenManagement));
    public static readonly Entry ResourceCreation = new(caller => caller.May(Permissions.ResourceCreation));
    public static readonly Entry Persons = new(caller => caller.IsPerson);
    public static readonly Entry Admin = new(caller => caller.IsAdmin);
    public static readonly Entry Reaches = new(caller => caller.ReachesAll);

    /// <summary>Operators alone; none of the callers is one.</summary>
    public static readonly Entry Operator = new(_ => false, "operator_only");

    /// <summary>Giving a level takes holding it.</summary>
    public static readonly Entry Levels = new(caller => caller.IsAdmin, "not_allowed", "more_than_you_hold");
}
