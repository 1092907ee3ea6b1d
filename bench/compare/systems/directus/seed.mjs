// node seed.mjs MEMBERS PERSONS FILE, after "directus bootstrap": a role, users and invited users as rows. What
// requests need goes to the file, as JSON.
import { createHmac, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import knex from "knex";

const env = process.env;
const [members, persons] = process.argv.slice(2).map(Number);
const db = knex(env.DB_CLIENT === "pg"
  ? { client: "pg", connection: env.DB_CONNECTION_STRING }
  : { client: "sqlite3", connection: { filename: env.DB_FILENAME }, useNullAsDefault: true });

const role = randomUUID();
await db("directus_roles").insert({ id: role, name: "Member", icon: "badge" });
const user = (name, i, status) => ({
  id: randomUUID(), first_name: name, last_name: String(i), email: `${name}${i}@bench.example.com`, role, status,
  provider: "default",
});
const users = Array.from({ length: members }, (_, i) => user("member", i, "active"));
const invited = Array.from({ length: persons }, (_, i) => user("person", i, "invited"));

// The link of its mail holds this token, and the token is all that accepting asks for.
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const seconds = Math.floor(Date.now() / 1000);
const token = ({ email }) => {
  const claims = { email, scope: "invite", iat: seconds, exp: seconds + 6 * 86_400, iss: "directus" };
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", env.SECRET).update(text).digest("base64url")}`;
};

const rows = [...users, ...invited];
await db.transaction(async (transaction) => {
  for (let i = 0; i < rows.length; i += 90) await transaction("directus_users").insert(rows.slice(i, i + 90));
});
await db.raw(env.DB_CLIENT === "pg" ? "vacuum analyze" : "analyze");
const needed = { role, user: users[users.length >> 1].id, tokens: invited.map(token) };
writeFileSync(process.argv[4], JSON.stringify(needed));
await db.destroy();
