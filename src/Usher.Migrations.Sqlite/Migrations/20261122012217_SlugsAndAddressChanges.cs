using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Usher.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class SlugsAndAddressChanges : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "slug",
                table: "resources",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            // What is there already gets its id for a slug.
            migrationBuilder.Sql("UPDATE resources SET slug = lower(hex(id));");

            migrationBuilder.AddColumn<string>(
                name: "description",
                table: "members",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.CreateTable(
                name: "address_changes",
                columns: table => new
                {
                    organization_id = table.Column<byte[]>(type: "BLOB", nullable: false),
                    id = table.Column<byte[]>(type: "BLOB", nullable: false),
                    member_id = table.Column<byte[]>(type: "BLOB", nullable: false),
                    old_identifier = table.Column<string>(type: "TEXT", nullable: false),
                    new_identifier = table.Column<string>(type: "TEXT", nullable: false),
                    new_email = table.Column<string>(type: "TEXT", nullable: false),
                    hash = table.Column<byte[]>(type: "BLOB", nullable: false),
                    status = table.Column<string>(type: "TEXT", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    expires_at = table.Column<long>(type: "INTEGER", nullable: false),
                    ended_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_address_changes", x => new { x.organization_id, x.id });
                    table.ForeignKey(
                        name: "fk_address_changes_members_organization_id_member_id",
                        columns: x => new { x.organization_id, x.member_id },
                        principalTable: "members",
                        principalColumns: new[] { "organization_id", "id" },
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_resources_organization_id_slug",
                table: "resources",
                columns: new[] { "organization_id", "slug" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_members_unbound_identifier",
                table: "members",
                column: "identifier",
                filter: "user_id IS NULL AND kind = 'person' AND status <> 'removed'");

            migrationBuilder.CreateIndex(
                name: "ix_address_changes_one_pending",
                table: "address_changes",
                columns: new[] { "organization_id", "member_id" },
                unique: true,
                filter: "status = 'pending'");

            migrationBuilder.CreateIndex(
                name: "ix_address_changes_organization_id_member_id_created_at",
                table: "address_changes",
                columns: new[] { "organization_id", "member_id", "created_at" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "address_changes");

            migrationBuilder.DropIndex(
                name: "ix_resources_organization_id_slug",
                table: "resources");

            migrationBuilder.DropIndex(
                name: "ix_members_unbound_identifier",
                table: "members");

            migrationBuilder.DropColumn(
                name: "slug",
                table: "resources");

            migrationBuilder.DropColumn(
                name: "description",
                table: "members");
        }
    }
}
