namespace Usher.Core.Jobs;

/// <summary>Errors of jobs, of imported files and of their rows.</summary>
public static class JobErrors
{
    public static readonly Error NotFound = new(ErrorKind.NotFound, "job_not_found", "There is no such job.");
    public static readonly Error Ended = new(ErrorKind.Conflict, "job_ended", "This job has already ended.");
    public static readonly Error StatesInvalid = new(
        ErrorKind.Invalid, "states_invalid",
        "Must contain pending, expired or both. Invitations in other states cannot be resent, endorsed or revoked.",
        "states");
    public static readonly Error NothingNamed = new(
        ErrorKind.Invalid, "filter_empty",
        "Select the invitations by a filter, or set all to true for every open invitation.", "all");
    public static readonly Error AllAndFilter = new(
        ErrorKind.Invalid, "filter_contradicts_all", "all cannot be combined with a filter.", "all");
    public static readonly Error EmailPrefixInvalid = new(
        ErrorKind.Invalid, "email_prefix_invalid", "Not the beginning of an e-mail address.", "email");

    // Errors of a whole file. Nothing of the file is stored.
    public static readonly Error TooLarge = new(ErrorKind.TooLarge, "too_large", "The file is larger than 32 MiB.");
    public static readonly Error TooManyRows = new(
        ErrorKind.Invalid, "too_many_rows", "The file has more than 50,000 rows.");
    public static readonly Error NotUtf8 = new(ErrorKind.Malformed, "import_not_utf8", "The file is not in UTF-8.");
    public static readonly Error Empty = new(ErrorKind.Invalid, "import_empty", "The file has no rows.");
    public static readonly Error HeaderMissing = new(
        ErrorKind.Invalid, "import_header_missing",
        "The first line must name the columns, separated by commas; one of them must be email.");

    // Errors of one row. Other rows are not affected.
    public static readonly Error RowTooLong = new(ErrorKind.Invalid, "row_too_long", "The row is longer than 64 KB.");
    public static readonly Error TooManyCells = new(
        ErrorKind.Invalid, "row_too_many_cells", "The row has more cells than the header.");
    public static readonly Error NotAnObject = new(ErrorKind.Invalid, "row_type_wrong", "The row must be an object.");
    public static readonly Error NotUnicode = new(
        ErrorKind.Invalid, "row_type_wrong", "The row contains text that is not valid Unicode.");

    public static Error Malformed(int row, string what) =>
        new(
            ErrorKind.Malformed, "import_malformed", $"The file is malformed at row {row}: {what}",
            $"rows/{row}");

    public static Error ColumnUnknown(string name) => new(
        ErrorKind.Invalid, "import_column_unknown",
        $"Unknown column: {Text.Excerpt(name)}. Use {string.Join(", ", ImportReader.Columns)} and metadata.<key>.",
        "columns");

    public static Error ColumnDoubled(string name) =>
        ColumnUnknown(name) with { Message = $"The column {Text.Excerpt(name)} occurs twice." };

    public static Error DuplicateRow(int first) =>
        new(ErrorKind.Invalid, "duplicate_row", $"Row {first} has the same address.", "email");

    public static Error TypeWrong(string field, string wanted) =>
        new(ErrorKind.Invalid, "row_type_wrong", $"Must be {wanted}.", field);

    public static Error FieldUnknown(string name) =>
        new(ErrorKind.Invalid, "row_field_unknown", $"Unknown property: {Text.Excerpt(name)}.");

    public static Error RoleUnknown(string text) =>
        new(
            ErrorKind.Invalid, "role_unknown",
            $"Unknown role: {Text.Excerpt(text)}. Use user, read_only, power_user or admin.",
            "role");

    public static Error LevelInvalid(int index, string text) => new(
        ErrorKind.Invalid, "level_invalid",
        $"Invalid access level: {Text.Excerpt(text)}. Use for example production=full or staging=read_only+deploy_all.",
        $"levels/{index}");
}
