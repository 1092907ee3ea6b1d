namespace Usher.Core.Roles;

/// <summary>Errors of operations on roles.</summary>
public static class RoleErrors
{
    public static readonly Error NotFound = new(ErrorKind.NotFound, "role_not_found", "There is no such role.");
    public static readonly Error HolderUnknown = new(
        ErrorKind.NotFound, "role_holder_not_found", "A named member or group does not exist in this organization.");
}
