namespace Usher.Core.Outbox;

/// <summary>The keys of <see cref="OutboxMessage.Parameters"/>.</summary>
public static class OutboxParameters
{
    /// <summary>The organization's name.</summary>
    public const string Organization = "organization";

    public const string OrganizationSlug = "organization_slug";

    /// <summary>The sponsor's name; empty if the sponsor is not a person.</summary>
    public const string Sponsor = "sponsor";

    public const string FirstName = "first_name";

    /// <summary>The number of items in the message, in decimal digits.</summary>
    public const string Count = "count";

    /// <summary>The items of the message: one per line, with tab-separated cells.</summary>
    public const string Lines = "lines";

    /// <summary>When the link expires, as ISO 8601 in UTC.</summary>
    public const string Expires = "expires";

    /// <summary>The name of the person that a message to administrators is about.</summary>
    public const string Person = "person";

    /// <summary>The address of that person. In mails about a change of address: the new address.</summary>
    public const string Email = "email";

    /// <summary>The id of the address change that the link confirms.</summary>
    public const string AddressChange = "address_change";

    /// <summary>The id of the password reset that the link opens.</summary>
    public const string Reset = "reset";

    /// <summary>A path on this site to return to at the end; absent if there is none.</summary>
    public const string ReturnTo = "return_to";
}
