namespace Usher.Core.Outbox;

/// <summary>What a message's text can be made of: the keys of <see cref="OutboxMessage.Parameters"/>.</summary>
public static class OutboxParameters
{
    /// <summary>The organization's name.</summary>
    public const string Organization = "organization";

    public const string OrganizationSlug = "organization_slug";

    /// <summary>Who invites, by name; empty when it was no person.</summary>
    public const string Sponsor = "sponsor";

    public const string FirstName = "first_name";

    /// <summary>How many things the message is about, in decimal digits.</summary>
    public const string Count = "count";

    /// <summary>What the message lists: a line for each, its cells apart by tabs.</summary>
    public const string Lines = "lines";

    /// <summary>Until when it is open, ISO 8601 UTC.</summary>
    public const string Expires = "expires";

    /// <summary>Whom a message to administrators is about, by name.</summary>
    public const string Person = "person";

    /// <summary>And by address. In mails about a change of address, the new one.</summary>
    public const string Email = "email";

    /// <summary>The id of the change of address that the link confirms.</summary>
    public const string AddressChange = "address_change";

    /// <summary>The id of the password reset that the link opens.</summary>
    public const string Reset = "reset";

    /// <summary>The path of this site that a page leads back to in the end; absent where there is none.</summary>
    public const string ReturnTo = "return_to";
}
