using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Usher.Migrations.Postgres.Migrations
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
                type: "text",
                nullable: false,
                defaultValue: "",
                collation: "C");

            // What is there already gets its id for a slug.
            migrationBuilder.Sql("UPDATE resources SET slug = replace(id::text, '-', '');");

            migrationBuilder.AddColumn<string>(
                name: "description",
                table: "members",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.CreateTable(
                name: "address_changes",
                columns: table => new
                {
                    organization_id = table.Column<Guid>(type: "uuid", nullable: false),
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    member_id = table.Column<Guid>(type: "uuid", nullable: false),
                    old_identifier = table.Column<string>(type: "text", nullable: false),
                    new_identifier = table.Column<string>(type: "text", nullable: false),
                    new_email = table.Column<string>(type: "text", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    status = table.Column<string>(type: "text", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
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
