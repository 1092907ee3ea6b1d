// node seed.mjs MEMBERS PERSONS FILE: owner and organization by better-auth itself, the others as rows. What requests
// need goes to the file, as JSON.
import { createHmac, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { getMigrations } from "better-auth/db/migration";
import { makeAuth, openDatabase, origin, postgres, secret } from "./auth.mjs";

const [members, persons] = process.argv.slice(2).map(Number);
const db = await openDatabase();
const auth = makeAuth(db);
await (await getMigrations(auth.options)).runMigrations();

const password = "a quiet engine of brass";
const signUp = { email: "owner@bench.example.com", password, name: "Olivia" };
const signedUp = await auth.api.signUpEmail({ body: signUp, asResponse: true });
const cookie = signedUp.headers.getSetCookie().map((c) => c.split(";")[0]).join("; ");
const headers = new Headers({ cookie, origin });
const organization = await auth.api.createOrganization({ body: { name: "Acme", slug: "acme" }, headers });
const owner = (await auth.api.getSession({ headers: new Headers({ cookie }) })).user.id;

const asTime = (time) => postgres ? time : time.toISOString();
const now = asTime(new Date()), later = asTime(new Date(Date.now() + 30 * 864e5));
const id = () => randomBytes(16).toString("hex");
const yes = postgres ? true : 1;

async function insert(table, rows) {
  if (rows.length === 0) return;
  const columns = Object.keys(rows[0]), quoted = columns.map((c) => `"${c}"`).join(", ");
  if (postgres) {
    for (let i = 0; i < rows.length; i += 500) {
      const part = rows.slice(i, i + 500);
      const mark = (row, column) => `$${row * columns.length + column + 1}`;
      const marks = part.map((_, r) => `(${columns.map((_, c) => mark(r, c)).join(", ")})`).join(", ");
      await db.query(`insert into "${table}" (${quoted}) values ${marks}`, part.flatMap((row) => Object.values(row)));
    }
  } else {
    const marks = columns.map(() => "?").join(", ");
    const one = db.prepare(`insert into "${table}" (${quoted}) values (${marks})`);
    db.transaction(() => { for (const row of rows) one.run(Object.values(row)); })();
  }
}

const changed = { createdAt: now, updatedAt: now };
const person = (name, i) =>
  ({ id: id(), name: `${name} ${i}`, email: `${name}${i}@bench.example.com`, emailVerified: yes, ...changed });
const users = Array.from({ length: members }, (_, i) => person("member", i));
const invited = Array.from({ length: persons }, (_, i) => person("person", i));
const sessions = invited.map((user) => ({ id: id(), expiresAt: later, token: id(), ...changed, userId: user.id }));
const membership = { organizationId: organization.id, role: "member", createdAt: now };
const invitations = invited.map(({ email }) =>
  ({ id: id(), email, status: "pending", expiresAt: later, inviterId: owner, ...membership }));
await insert("user", [...users, ...invited]);
await insert("member", users.map((user) => ({ id: id(), userId: user.id, ...membership })));
await insert("session", sessions);
await insert("invitation", invitations);
if (postgres) await db.query("vacuum analyze");
else db.exec("analyze");

function signed(token) {
  const signature = createHmac("sha256", secret).update(token).digest("base64");
  return `better-auth.session_token=${encodeURIComponent(`${token}.${signature}`)}`;
}

writeFileSync(process.argv[4], JSON.stringify({
  cookie, password, organization: organization.id, user: users[users.length >> 1].id,
  acceptable: invitations.map((invitation, i) => ({ invitation: invitation.id, cookie: signed(sessions[i].token) })),
}));
process.exit(0);
