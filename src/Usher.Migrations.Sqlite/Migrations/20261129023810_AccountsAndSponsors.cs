using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Usher.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AccountsAndSponsors : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_users_email",
                table: "users");

            migrationBuilder.DropIndex(
                name: "ix_users_proven_email",
                table: "users");

            migrationBuilder.DropIndex(
                name: "ix_sessions_user_id",
                table: "sessions");

            migrationBuilder.AddColumn<long>(
                name: "authenticated_at",
                table: "sessions",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<byte[]>(
                name: "id",
                table: "sessions",
                type: "BLOB",
                nullable: false,
                defaultValue: new byte[0]);

            migrationBuilder.AddColumn<byte[]>(
                name: "sponsor_id",
                table: "members",
                type: "BLOB",
                nullable: false,
                defaultValue: new byte[0]);

            migrationBuilder.AddColumn<string>(
                name: "sponsor_kind",
                table: "members",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "sponsor_name",
                table: "members",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<long>(
                name: "blocked_at",
                table: "invitations",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "blocked_told_at",
                table: "invitations",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "requested_at",
                table: "invitations",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "secret_needs",
                table: "idempotency_records",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<byte[]>(
                name: "secret_of",
                table: "idempotency_records",
                type: "BLOB",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "password_resets",
                columns: table => new
                {
                    hash = table.Column<byte[]>(type: "BLOB", nullable: false),
                    id = table.Column<byte[]>(type: "BLOB", nullable: false),
                    user_id = table.Column<byte[]>(type: "BLOB", nullable: false),
                    address = table.Column<string>(type: "TEXT", nullable: true),
                    handed_over = table.Column<bool>(type: "INTEGER", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    expires_at = table.Column<long>(type: "INTEGER", nullable: false),
                    used_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_password_resets", x => x.hash);
                    table.ForeignKey(
                        name: "fk_password_resets_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "sign_in_codes",
                columns: table => new
                {
                    address = table.Column<string>(type: "TEXT", nullable: false),
                    hash = table.Column<byte[]>(type: "BLOB", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    expires_at = table.Column<long>(type: "INTEGER", nullable: false),
                    failures = table.Column<int>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_sign_in_codes", x => x.address);
                });

            migrationBuilder.CreateTable(
                name: "user_address_changes",
                columns: table => new
                {
                    id = table.Column<byte[]>(type: "BLOB", nullable: false),
                    user_id = table.Column<byte[]>(type: "BLOB", nullable: false),
                    new_address = table.Column<string>(type: "TEXT", nullable: false),
                    hash = table.Column<byte[]>(type: "BLOB", nullable: false),
                    status = table.Column<string>(type: "TEXT", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    expires_at = table.Column<long>(type: "INTEGER", nullable: false),
                    ended_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_user_address_changes", x => x.id);
                    table.ForeignKey(
                        name: "fk_user_address_changes_users_user_id",
                        column: x => x.user_id,
                        principalTable: "users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            // Of two accounts with one address the proven one keeps it, else the one that signed in last. The other keeps its memberships.
            migrationBuilder.Sql(
                """
                UPDATE users SET email = NULL, normalized_email = NULL, email_confirmed = 0 WHERE id IN (
                    SELECT id FROM (
                        SELECT id, row_number() OVER (PARTITION BY normalized_email
                            ORDER BY (email_proved_at IS NULL), coalesce(last_sign_in_at, created_at) DESC, id DESC) AS place
                        FROM users WHERE normalized_email IS NOT NULL) ranked
                    WHERE place > 1)
                """);
            migrationBuilder.Sql("UPDATE sessions SET id = randomblob(16), authenticated_at = created_at");
            // The sponsor of an offer is that of its invitation; where none was ever sent, the member who gave the built-in role.
            migrationBuilder.Sql("UPDATE members SET sponsor_kind = 'system'");
            migrationBuilder.Sql(
                """
                UPDATE members SET sponsor_id = i.sponsor_id, sponsor_kind = i.sponsor_kind, sponsor_name = i.sponsor_name
                FROM invitations i
                WHERE i.organization_id = members.organization_id AND i.member_id = members.id AND i.status IN ('pending', 'expired')
                """);
            migrationBuilder.Sql(
                """
                UPDATE members SET sponsor_id = role_granted_by, sponsor_kind = 'member'
                WHERE status = 'invited'
                    AND NOT EXISTS (SELECT 1 FROM invitations i WHERE i.organization_id = members.organization_id
                        AND i.member_id = members.id AND i.status IN ('pending', 'expired'))
                    AND EXISTS (SELECT 1 FROM members g WHERE g.organization_id = members.organization_id AND g.id = members.role_granted_by)
                """);

            migrationBuilder.CreateIndex(
                name: "ix_users_email",
                table: "users",
                column: "normalized_email",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_sessions_user_id_id",
                table: "sessions",
                columns: new[] { "user_id", "id" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_invitations_blocked",
                table: "invitations",
                columns: new[] { "organization_id", "id" },
                filter: "blocked_at IS NOT NULL AND status = 'pending'");

            migrationBuilder.CreateIndex(
                name: "ix_password_resets_expires_at",
                table: "password_resets",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "ix_password_resets_id",
                table: "password_resets",
                column: "id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_password_resets_user_id",
                table: "password_resets",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_sign_in_codes_expires_at",
                table: "sign_in_codes",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "ix_user_address_changes_expires_at",
                table: "user_address_changes",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "ix_user_address_changes_one_pending",
                table: "user_address_changes",
                column: "user_id",
                unique: true,
                filter: "status = 'pending'");

            migrationBuilder.CreateIndex(
                name: "ix_user_address_changes_user_id_created_at",
                table: "user_address_changes",
                columns: new[] { "user_id", "created_at" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "password_resets");

            migrationBuilder.DropTable(
                name: "sign_in_codes");

            migrationBuilder.DropTable(
                name: "user_address_changes");

            migrationBuilder.DropIndex(
                name: "ix_users_email",
                table: "users");

            migrationBuilder.DropIndex(
                name: "ix_sessions_user_id_id",
                table: "sessions");

            migrationBuilder.DropIndex(
                name: "ix_invitations_blocked",
                table: "invitations");

            migrationBuilder.DropColumn(
                name: "authenticated_at",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "id",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "sponsor_id",
                table: "members");

            migrationBuilder.DropColumn(
                name: "sponsor_kind",
                table: "members");

            migrationBuilder.DropColumn(
                name: "sponsor_name",
                table: "members");

            migrationBuilder.DropColumn(
                name: "blocked_at",
                table: "invitations");

            migrationBuilder.DropColumn(
                name: "blocked_told_at",
                table: "invitations");

            migrationBuilder.DropColumn(
                name: "requested_at",
                table: "invitations");

            migrationBuilder.DropColumn(
                name: "secret_needs",
                table: "idempotency_records");

            migrationBuilder.DropColumn(
                name: "secret_of",
                table: "idempotency_records");

            migrationBuilder.CreateIndex(
                name: "ix_users_email",
                table: "users",
                column: "normalized_email");

            migrationBuilder.CreateIndex(
                name: "ix_users_proven_email",
                table: "users",
                column: "normalized_email",
                unique: true,
                filter: "email_proved_at IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_sessions_user_id",
                table: "sessions",
                column: "user_id");
        }
    }
}
