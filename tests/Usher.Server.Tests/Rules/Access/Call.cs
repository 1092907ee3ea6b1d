namespace Usher.Server.Tests.Rules.Access;

/// <summary>How a call is carried out.</summary>
internal enum CallKind
{
    /// <summary>One request with an API key.</summary>
    Request,

    /// <summary>One request that starts a job; the job runs before anything else happens.</summary>
    Job,

    /// <summary>An invited person opens the newest mailed link, and joins or accepts.</summary>
    JoinByMail,

    /// <summary>A person opens the newest link that was shown to its maker, and joins or accepts.</summary>
    JoinByLink,

    Decline,

    /// <summary>An invited person asks on a page for the link to be mailed again.</summary>
    SendMyLink,

    /// <summary>A member opens the link in the mail to its new address.</summary>
    ConfirmAddress,

    /// <summary>A member that has an account leaves.</summary>
    Leave,
}

/// <summary>
/// One step of a story. What it names is written as &lt;kind:name&gt; and looked up when the call is made, so that a
/// story can be repeated in another organization, also with steps left out. <see cref="Naming"/> lists the kinds.
/// </summary>
/// <param name="By">The label of the key that calls; "guest" where no key is used.</param>
/// <param name="Method">GET, POST and so on; unused by guests.</param>
/// <param name="Path">Path and query; for a guest the member that is invited.</param>
/// <param name="Body">Null: none.</param>
/// <param name="Kind">How it is carried out.</param>
internal sealed record Call(
    string By, string Method, string Path, string? Body = null, CallKind Kind = CallKind.Request)
{
    public const string Guest = "guest";

    /// <summary>The label of the key that the call makes.</summary>
    public string? Makes { get; init; }

    public override string ToString() => Kind switch
    {
        CallKind.Request or CallKind.Job =>
            $"{By}: {Method} {Path} {Body}{(Makes is null ? "" : $"  makes key {Makes}")}".TrimEnd(),
        _ => $"{By}: {Kind} {Path}",
    };
}
