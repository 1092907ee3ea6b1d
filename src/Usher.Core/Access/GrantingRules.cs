namespace Usher.Core.Access;

/// <summary>The rules that prevent privilege escalation.</summary>
internal enum GrantingRule
{
    /// <summary>An invitation offers only what the inviting actor holds.</summary>
    InviteOffersHeld,

    /// <summary>Inviting a pending or removed member again needs everything that member keeps.</summary>
    InviteCovers,

    /// <summary>The actor of a change must hold everything that the change grants to a member or takes away.</summary>
    ChangeGrantsHeld,

    /// <summary>
    /// Only an actor that covers the member may change its address, its SSO id, its suspension or its invitation.
    /// </summary>
    ChangeCovers,

    /// <summary>Only an administrator may change the address of a member who has joined.</summary>
    JoinedAddress,

    /// <summary>Only an actor that covers the member may remove it.</summary>
    RemovalCovers,

    /// <summary>Only an actor that covers the member may create a new link, mailed or handed over.</summary>
    LinkCovers,

    /// <summary>
    /// Only an actor that holds all that a group grants, before and after, may create, edit or delete it.
    /// </summary>
    GroupEdit,

    /// <summary>
    /// Only an actor that holds all that a role grants, before and after, may create, edit or delete it.
    /// </summary>
    RoleEdit,

    /// <summary>Only an actor that holds the default grants of invitations may set them.</summary>
    DefaultsHeld,

    /// <summary>A service account is given only what its creator holds.</summary>
    ServiceAccountHeld,

    /// <summary>Only an actor that covers another member may create an API key for it.</summary>
    KeyCovers,

    /// <summary>When an invitation is accepted, its sponsor must be active and still be allowed to invite.</summary>
    SponsorMayInvite,

    /// <summary>When an invitation is accepted, its sponsor must still cover the member.</summary>
    SponsorCovers,

    /// <summary>Only an actor that covers the member may endorse its invitation.</summary>
    EndorseCovers,

    /// <summary>
    /// Only an actor that holds <c>user_management</c> may change members, invitations, groups and roles.
    /// </summary>
    UserManagement,

    /// <summary>Only an actor that holds <c>token_management</c> may change the API keys of other members.</summary>
    TokenManagement,

    /// <summary>A service account is never given <c>token_management</c>.</summary>
    ServiceAccountTokens,

    /// <summary>Only an administrator may change settings other than the default grants of invitations.</summary>
    SettingsByAdministrators,

    /// <summary>Only an actor with full access to a resource may change it.</summary>
    ResourceReachedFully,

    /// <summary>A read-only API key cannot change anything.</summary>
    ReadOnlyKey,

    /// <summary>An organization must keep at least one administrator who can act.</summary>
    LastAdministrator,
}

/// <summary>
/// The granting rules in force. All rules apply: no setting or registration can switch one off. Tests switch off single
/// rules to show that generated sequences detect a missing rule.
/// </summary>
internal sealed class GrantingRules(params IReadOnlyList<GrantingRule> off)
{
    /// <summary>Whether a rule allows an action.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="holds">Whether the rule's condition is met.</param>
    public bool Pass(GrantingRule rule, bool holds) => holds || off.Contains(rule);
}
