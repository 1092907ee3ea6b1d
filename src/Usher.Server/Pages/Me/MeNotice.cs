namespace Usher.Server.Pages.Me;

/// <summary>What the person's own page says first, about what was done just before.</summary>
public enum MeNotice
{
    None,
    Profile,
    Password,
    AddressAsked,
    SessionEnded,
    OthersEnded,
    Left,
}
