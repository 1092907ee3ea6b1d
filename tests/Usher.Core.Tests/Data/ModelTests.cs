using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Usher.Core.Data;

namespace Usher.Core.Tests.Data;

/// <summary>What every table must be like. The exceptions are all named here.</summary>
public sealed partial class ModelTests
{
    // Tables of no organization: the organizations themselves, users, and what is looked up before an organization is
    // known.
    private static readonly string[] Global =
        [
            "organizations", "users", "api_keys", "sessions", "number_blocks", "data_protection_keys", "sign_in_codes",
            "password_resets", "user_address_changes"];

    // What every invite writes must not lock the organization's own row.
    private static readonly string[] WrittenByEveryInvite = [
        "members", "member_grants", "invitations", "outbox_messages", "events",
    ];

    public static TheoryData<string> Databases => ["sqlite", "postgresql"];

    [Theory]
    [MemberData(nameof(Databases))]
    public void The_migrations_have_all_that_the_model_has(string database)
    {
        using var db = Open(database);
        Assert.False(db.Database.HasPendingModelChanges());
        Assert.NotEmpty(db.Database.GetMigrations());
    }

    // What the server runs with is generated from the model; eng/compile-model does it anew.
    [Theory]
    [MemberData(nameof(Databases))]
    public void The_compiled_model_is_the_model(string database)
    {
        using UsherDb compiled = Open(database), made = Open(database, compiled: false);
        Assert.NotSame(compiled.Model.GetType(), made.Model.GetType());
        Assert.Equal(Described(made.Model), Described(compiled.Model));
    }

    // What the writer is told about a table is what the model says of it.
    [Theory]
    [MemberData(nameof(Databases))]
    public void Every_table_is_declared_with_its_key_its_columns_and_its_token(string database)
    {
        using var db = Open(database);
        // Data Protection writes its own table.
        var model = db.Model.GetEntityTypes().Where(e => e.ClrType != typeof(DataProtectionKey));
        foreach (var entity in model)
        {
            var table = Core.Data.Tables.All.Single(t => t.RowType == entity.ClrType);
            Assert.Equal(entity.GetTableName(), table.Name);
            Assert.Equal(
                entity.FindPrimaryKey()!.Properties.Select(p => p.GetColumnName()),
                table.KeyColumns.Select(c => c.Name));
            Assert.Equal(
                entity.GetProperties().Select(p => p.GetColumnName()).Order(StringComparer.Ordinal),
                table.Columns.Select(c => c.Name).Order(StringComparer.Ordinal));
            Assert.Equal(
                entity.GetProperties().SingleOrDefault(p => p.IsConcurrencyToken)?.GetColumnName(), table.Token);
            Assert.All(
                entity.GetForeignKeys().Where(k => k.PrincipalEntityType != entity),
                k => Assert.True(
                    Core.Data.Tables.All.Single(t => t.RowType == k.PrincipalEntityType.ClrType).Order < table.Order));
        }
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public void Every_table_of_an_organization_begins_its_keys_indexes_and_references_with_the_organization(
        string database)
    {
        foreach (var table in Tables(database).Where(t => !Global.Contains(t.Name)))
        {
            Assert.Equal("organization_id", table.PrimaryKey!.Columns[0].Name);
            Assert.All(table.UniqueConstraints, c => Assert.Equal("organization_id", c.Columns[0].Name));
            Assert.All(table.Indexes.Where(i => i.IsUnique), i => Assert.Equal("organization_id", i.Columns[0].Name));
            Assert.All(table.ForeignKeyConstraints, f => Assert.Equal("organization_id", f.Columns[0].Name));
            Assert.All(
                table.ForeignKeyConstraints.Where(f => f.PrincipalTable.Name is not "organizations"),
                f => Assert.Equal("organization_id", f.PrincipalColumns[0].Name));
        }
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public void No_reference_leads_from_a_global_table_into_an_organizations(string database)
    {
        foreach (var table in Tables(database).Where(t => Global.Contains(t.Name)))
            Assert.All(table.ForeignKeyConstraints, f => Assert.Contains(f.PrincipalTable.Name, Global));
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public void Nothing_that_every_invite_writes_refers_to_the_organizations_row(string database)
    {
        var tables = Tables(database);
        foreach (var name in WrittenByEveryInvite)
            Assert.DoesNotContain(
                tables.Single(t => t.Name == name).ForeignKeyConstraints,
                f => f.PrincipalTable.Name is "organizations");
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public void Every_grant_says_who_gave_it_and_when(string database)
    {
        var tables = Tables(database);
        var levels = tables.Single(t => t.Name == "resource_access");
        Assert.False(levels.FindColumn("granted_by")!.IsNullable);
        Assert.False(levels.FindColumn("granted_at")!.IsNullable);
        foreach (var name in new[] { "members", "groups", "roles" })
        {
            var table = tables.Single(t => t.Name == name);
            Assert.False(table.FindColumn("grants")!.IsNullable);
            Assert.False(table.FindColumn("grant_log")!.IsNullable);
        }

        // Grants that are a column of a row say it beside it.
        foreach (var (name, grant) in new[]
            {
                ("members", "role"), ("members", "all_resources"), ("groups", "is_admin"), ("groups", "all_resources"),
            })
        {
            var table = tables.Single(t => t.Name == name);
            Assert.NotNull(table.FindColumn(grant));
            Assert.NotNull(table.FindColumn(grant + "_granted_by"));
            Assert.NotNull(table.FindColumn(grant + "_granted_at"));
        }
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public void What_people_edit_carries_a_version(string database)
    {
        using var db = Open(database);
        string[] some = ["organizations", "members", "invitations", "groups", "roles", "resources", "api_keys"];
        foreach (var name in some)
        {
            var entity = ModelOf(db).GetEntityTypes().Single(e => e.GetTableName() == name);
            Assert.True(entity.FindProperty(nameof(IVersioned.Version))!.IsConcurrencyToken, name);
        }
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public void All_names_are_snake_case(string database)
    {
        foreach (var table in Tables(database))
        {
            IEnumerable<string> names =
            [
                table.Name, .. table.Columns.Select(c => c.Name), table.PrimaryKey!.Name,
                .. table.UniqueConstraints.Select(c => c.Name), .. table.Indexes.Select(i => i.Name),
                .. table.ForeignKeyConstraints.Select(f => f.Name), .. table.CheckConstraints.Select(c => c.Name!),
            ];
            Assert.All(names, name => Assert.Matches(SnakeCase(), name));
            Assert.All(names, name => Assert.True(name.Length <= 63, name)); // PostgreSQL cuts longer ones
        }
    }

    // An answer is known before the commit, so no value may come from the database.
    [Theory]
    [MemberData(nameof(Databases))]
    public void The_database_makes_up_no_value_of_ours(string database)
    {
        using var db = Open(database);
        foreach (var entity in ModelOf(db).GetEntityTypes()
                .Where(e => e.ClrType.Namespace!.StartsWith("Usher.", StringComparison.Ordinal)))
        {
            foreach (var property in entity.GetProperties())
            {
                Assert.True(property.ValueGenerated is ValueGenerated.Never, $"{entity.DisplayName()}.{property.Name}");
                Assert.Null(property.GetDefaultValueSql());
                Assert.Null(property.GetComputedColumnSql());
            }
        }
    }

    [Fact]
    public void On_sqlite_uuids_are_16_byte_blobs_and_instants_integers()
    {
        foreach (var (column, type) in Columns("sqlite"))
        {
            if (type == typeof(Guid)) Assert.Equal("BLOB", column.StoreType);
            if (type == typeof(DateTimeOffset)) Assert.Equal("INTEGER", column.StoreType);
        }

        using var db = Open("sqlite");
        var id = ModelOf(db)
            .FindEntityType(typeof(Usher.Core.Members.Member))!.FindProperty("Id")!.GetTypeMapping().Converter!;
        Assert.Equal(
            Convert.FromHexString("0123456789ABCDEF0123456789ABCDEF"),
            id.ConvertToProvider(Guid.Parse("01234567-89ab-cdef-0123-456789abcdef")));
        var instant = ModelOf(db)
            .FindEntityType(typeof(Usher.Core.Members.Member))!.FindProperty("CreatedAt")!.GetTypeMapping().Converter!;
        Assert.Equal(
            1_234_567_890_123L, instant.ConvertToProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_234_567_890_123)));
    }

    [Fact]
    public void On_postgresql_uuids_are_uuids_and_instants_timestamps_with_a_zone()
    {
        foreach (var (column, type) in Columns("postgresql"))
        {
            if (type == typeof(Guid)) Assert.Equal("uuid", column.StoreType);
            if (type == typeof(DateTimeOffset)) Assert.Equal("timestamp with time zone", column.StoreType);
        }
    }

    [Fact]
    public void On_postgresql_identifiers_and_name_keys_are_in_byte_order()
    {
        var tables = Tables("postgresql");
        foreach (var (table, column) in new[]
        {
            ("organizations", "slug"), ("members", "identifier"), ("users", "email"), ("groups", "name_key"),
            ("roles", "name_key"), ("resources", "name_key"),
        })
        {
            var property = tables.Single(t => t.Name == table).FindColumn(column)!.PropertyMappings[0].Property;
            Assert.Equal("C", property.GetCollation());
        }
    }

    [Theory]
    [MemberData(nameof(Databases))]
    public void One_live_member_per_identifier_and_one_pending_invitation_per_member_are_the_databases_own_rules(
        string database)
    {
        var tables = Tables(database);
        AssertUnique("members", "status <> 'removed'", "organization_id", "identifier");
        AssertUnique("members", "status <> 'removed' AND user_id IS NOT NULL", "organization_id", "user_id");
        AssertUnique("invitations", "status IN ('pending', 'expired')", "organization_id", "member_id");
        AssertUnique("address_changes", "status = 'pending'", "organization_id", "member_id");
        AssertUnique("users", null, "email"); // proven or not

        void AssertUnique(string table, string? filter, params string[] columns) => Assert.Contains(
            tables.Single(t => t.Name == table).Indexes, i =>
                i.IsUnique && i.Filter == filter && i.Columns.Select(c => c.Name).SequenceEqual(columns));
    }

    private static UsherDb Open(string database, bool compiled = true)
    {
        var options = new DbContextOptionsBuilder<UsherDb>();
        _ = database is "sqlite"
            ? options.UseUsherSqlite("Data Source=:memory:")
            : options.UseUsherPostgres("Host=nowhere.invalid");
        if (!compiled)
            ((IDbContextOptionsBuilderInfrastructure)options)
                .AddOrUpdateExtension(options.Options.GetExtension<CoreOptionsExtension>().WithModel(null));
        return new(options.Options);
    }

    // All that EF says about it, and what it does not say: how values are stored and compared.
    private static string[] Described(IModel model) =>
    [
        .. model.ToDebugString(MetadataDebugStringOptions.LongDefault).Split('\n'),
        .. model.GetRelationalModel().ToDebugString(MetadataDebugStringOptions.LongDefault).Split('\n'),
        .. from type in model.GetEntityTypes()
           from property in type.GetProperties()
           let mapping = property.GetRelationalTypeMapping()
           select $"{type.Name}.{property.Name}: {mapping.GetType()} {mapping.StoreType} {mapping.Size} "
               + $"{mapping.IsUnicode} {mapping.Converter?.GetType()} {property.GetValueComparer().GetType()} "
               + $"{property.GetKeyValueComparer().GetType()} {property.GetProviderValueComparer().GetType()} "
                   + $"{property.Sentinel} {property.GetFieldName()} {property.GetPropertyAccessMode()} "
               + $"{property.GetBeforeSaveBehavior()} {property.GetAfterSaveBehavior()} {property.ValueGenerated} "
                   + $"{property.IsConcurrencyToken} {property.IsNullable}",
    ];

    private static IModel ModelOf(UsherDb db) => db.GetService<IDesignTimeModel>().Model;

    private static List<ITable> Tables(string database)
    {
        using var db = Open(database);
        return [.. ModelOf(db).GetRelationalModel().Tables];
    }

    private static IEnumerable<(IColumn Column, Type Type)> Columns(string database) =>
        from table in Tables(database)
        from column in table.Columns
        from mapping in column.PropertyMappings
        select ((IColumn)column, Nullable.GetUnderlyingType(mapping.Property.ClrType) ?? mapping.Property.ClrType);

    [GeneratedRegex("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SnakeCase();
}
