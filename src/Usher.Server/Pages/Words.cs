using Usher.Core.Access;

namespace Usher.Server.Pages;

/// <summary>The names of the built-in roles on pages.</summary>
internal static class Words
{
    extension(BuiltInRole role)
    {
        public string InWords => role switch
        {
            BuiltInRole.Admin => "Administrator: may do everything, inviting people included",
            BuiltInRole.PowerUser => "Power user: may change every resource, but not who is in",
            BuiltInRole.ReadOnly => "Reader: may look at every resource",
            BuiltInRole.User => "Member: may do what was granted",
        };
    }
}
