namespace Usher.Core.Jobs;

/// <summary>Why a job can be refused, a file as a whole, or one of its rows.</summary>
public static class JobErrors
{
    public static readonly Error NotFound = new(ErrorKind.NotFound, "job_not_found", "There is no such job.");
    public static readonly Error Ended = new(ErrorKind.Conflict, "job_ended", "This job has ended already.");
    public static readonly Error StatesInvalid = new(
        ErrorKind.Invalid, "states_invalid",
        "At least one of pending and expired: no other invitation can be resent, endorsed or revoked.", "states");
    public static readonly Error NothingNamed = new(
        ErrorKind.Invalid, "filter_empty",
        "Say which invitations: by a filter, or with all set to true for every open one.", "all");
    public static readonly Error AllAndFilter = new(
        ErrorKind.Invalid, "filter_contradicts_all", "all is given alone, without a filter.", "all");
    public static readonly Error EmailPrefixInvalid = new(
        ErrorKind.Invalid, "email_prefix_invalid", "This is not how an address begins.", "email");

    // Of a file as a whole: nothing of it is kept.
    public static readonly Error TooLarge = new(ErrorKind.TooLarge, "too_large", "The file is longer than 32 MiB.");
    public static readonly Error TooManyRows = new(
        ErrorKind.Invalid, "too_many_rows", "The file has more than 50,000 rows.");
    public static readonly Error NotUtf8 = new(ErrorKind.Malformed, "import_not_utf8", "The file is not in UTF-8.");
    public static readonly Error Empty = new(ErrorKind.Invalid, "import_empty", "The file has no rows.");
    public static readonly Error HeaderMissing = new(
        ErrorKind.Invalid, "import_header_missing",
        "The first line must name the columns, separated by commas; one of them must be email.");

    // Of one row: it stops no other.
    public static readonly Error RowTooLong = new(ErrorKind.Invalid, "row_too_long", "The row is longer than 64 KB.");
    public static readonly Error TooManyCells = new(
        ErrorKind.Invalid, "row_too_many_cells", "The row has more cells than the first line has names.");
    public static readonly Error NotAnObject = new(ErrorKind.Invalid, "row_type_wrong", "A row is an object.");
    public static readonly Error NotUnicode = new(
        ErrorKind.Invalid, "row_type_wrong", "The row has text that is no Unicode.");

    public static Error Malformed(int row, string what) =>
        new(
            ErrorKind.Malformed, "import_malformed", $"The file cannot be read from row {row} on: {what}",
            $"rows/{row}");

    public static Error ColumnUnknown(string name) => new(
        ErrorKind.Invalid, "import_column_unknown",
        $"There is no column {Shown(name)}. Known are {string.Join(", ", ImportReader.Columns)} and metadata.<key>.",
        "columns");

    public static Error ColumnDoubled(string name) =>
        ColumnUnknown(name) with { Message = $"The column {Shown(name)} is there twice." };

    public static Error DuplicateRow(int first) =>
        new(ErrorKind.Invalid, "duplicate_row", $"Row {first} is for the same address.", "email");

    public static Error TypeWrong(string field, string wanted) =>
        new(ErrorKind.Invalid, "row_type_wrong", $"This must be {wanted}.", field);

    public static Error FieldUnknown(string name) =>
        new(ErrorKind.Invalid, "row_field_unknown", $"A row has no {Shown(name)}.");

    public static Error RoleUnknown(string text) =>
        new(
            ErrorKind.Invalid, "role_unknown", $"There is no role {Shown(text)}: user, read_only, power_user or admin.",
            "role");

    public static Error LevelInvalid(int index, string text) => new(
        ErrorKind.Invalid, "level_invalid",
        $"{Shown(text)} is no level on a resource, such as production=full or staging=read_only+deploy_all.",
        $"levels/{index}");

    // What a file says is repeated cut: an error is not a way to send text around.
    private static string Shown(string text) => text.Length > 64 ? text[..64] + "…" : text;
}
