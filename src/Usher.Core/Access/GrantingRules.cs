namespace Usher.Core.Access;

/// <summary>The rules that keep access from growing, by name.</summary>
internal enum GrantingRule
{
    /// <summary>An invitation offers only what its maker holds.</summary>
    InviteOffersHeld,

    /// <summary>Inviting a pending or removed member again needs everything that member keeps.</summary>
    InviteCovers,

    /// <summary>What a change gives to a member, or takes away, the actor holds.</summary>
    ChangeGrantsHeld,

    /// <summary>An address, an SSO id, a suspension or an offer is changed by an actor who covers the member.</summary>
    ChangeCovers,

    /// <summary>The address of a member who joined is changed by an administrator.</summary>
    JoinedAddress,

    /// <summary>A member is removed by an actor who covers the member.</summary>
    RemovalCovers,

    /// <summary>A new link, by mail or by hand, is made by an actor who covers the member.</summary>
    LinkCovers,

    /// <summary>A group is made, edited or deleted by an actor who holds all it confers, before and after.</summary>
    GroupEdit,

    /// <summary>A role is made, edited or deleted by an actor who holds all it confers, before and after.</summary>
    RoleEdit,

    /// <summary>What invitations give by default is set by an actor who holds it.</summary>
    DefaultsHeld,

    /// <summary>A service account is given only what its maker holds.</summary>
    ServiceAccountHeld,

    /// <summary>A key for another member is made by an actor who covers the member.</summary>
    KeyCovers,

    /// <summary>At acceptance the sponsor is active and may still invite.</summary>
    SponsorMayInvite,

    /// <summary>At acceptance the sponsor still covers the member.</summary>
    SponsorCovers,

    /// <summary>An invitation is endorsed by an actor who covers the member.</summary>
    EndorseCovers,

    /// <summary>
    /// Members, invitations, groups and roles are changed by an actor who holds <c>user_management</c>.
    /// </summary>
    UserManagement,

    /// <summary>The keys of other members are changed by an actor who holds <c>token_management</c>.</summary>
    TokenManagement,

    /// <summary>A service account is never given <c>token_management</c>.</summary>
    ServiceAccountTokens,

    /// <summary>Settings other than what invitations give by default are changed by an administrator.</summary>
    SettingsByAdministrators,

    /// <summary>A resource is changed by an actor who reaches it fully.</summary>
    ResourceReachedFully,

    /// <summary>A read-only key changes nothing.</summary>
    ReadOnlyKey,

    /// <summary>An organization keeps an administrator who can act.</summary>
    LastAdministrator,
}

/// <summary>
/// The granting rules in force: all of them. No setting and no registration reaches this. Tests switch single rules
/// off to show that the generated sequences find a missing rule.
/// </summary>
internal sealed class GrantingRules(params IReadOnlyList<GrantingRule> off)
{
    /// <summary>Whether a rule lets something pass.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="holds">Whether the condition of the rule is met.</param>
    public bool Pass(GrantingRule rule, bool holds) => holds || off.Contains(rule);
}
