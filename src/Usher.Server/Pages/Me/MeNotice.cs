namespace Usher.Server.Pages.Me;

/// <summary>The notice at the top of a person's own page, about what was just done.</summary>
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
