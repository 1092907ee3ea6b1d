using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Usher.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class ResourceSlugs : Migration
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
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
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
