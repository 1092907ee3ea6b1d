// node three-inserts.mjs FILE SECONDS: the same three rows as invite.pgbench, a durable transaction each. Prints
// transactions a second and CPU time, µs each, as JSON.
import { createHash, randomBytes } from "node:crypto";
import { requireFrom } from "../../lib/places.mjs";
import { SqliteStore } from "../../lib/stores.mjs";

const [file, seconds] = [process.argv[2], Number(process.argv[3])];
SqliteStore.remove(file);
const db = new (requireFrom("better-auth", "better-sqlite3"))(file);
db.pragma("journal_mode = wal");
db.pragma("synchronous = full");
db.pragma("foreign_keys = on");
db.exec(`
  create table member (
    id integer primary key, organization_id integer not null, email text not null, role text not null,
    status text not null, created_at text not null, unique (organization_id, email));
  create table invitation (
    id integer primary key, organization_id integer not null, member_id integer not null references member (id),
    hash blob not null unique, sponsor_id integer not null, expires_at text not null, created_at text not null);
  create index invitation_created on invitation (organization_id, created_at);
  create table outbox (
    id integer primary key, invitation_id integer not null, recipient text not null, template text not null,
    payload text not null, due_at text not null);`);
const member = db.prepare(`insert into member (organization_id, email, role, status, created_at)
  values (1, ?, 'member', 'invited', ?)`);
const invitation = db.prepare(`
  insert into invitation (organization_id, member_id, hash, sponsor_id, expires_at, created_at)
  values (1, ?, ?, 1, ?, ?)`);
const outbox = db.prepare(`insert into outbox (invitation_id, recipient, template, payload, due_at)
  values (?, ?, 'invite', ?, ?)`);
const payload = '{"organization":"Acme","link":"https://acme.test/join/0123456789abcdef0123456789abcdef"}';
const invite = db.transaction((number) => {
  const now = new Date().toISOString(), email = `m${number}@bench.example.com`;
  const { lastInsertRowid: memberId } = member.run(email, now);
  const hash = createHash("sha256").update(randomBytes(32)).digest();
  const { lastInsertRowid: invitationId } = invitation.run(memberId, hash, now, now);
  outbox.run(invitationId, email, payload, now);
});
let count = 0;
const began = performance.now(), cpu = process.cpuUsage();
while (performance.now() - began < seconds * 1000) invite(count++);
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ rps: count / (performance.now() - began) * 1000, cpu: (user + system) / count }));
