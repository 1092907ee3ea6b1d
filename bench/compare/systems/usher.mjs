// Usher, started through its documented settings and driven through its own API. Only its rows are multiplied in the
// database: it has no command that makes ten thousand members, and to invite and accept each would take half an hour.
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { call, must, together } from "../lib/http.mjs";
import { sleep } from "../lib/numbers.mjs";
import { data, work } from "../lib/places.mjs";
import { freePort, start, stop, untilAnswered } from "../lib/processes.mjs";
import { listed, multiply, PostgresStore, SqliteStore } from "../lib/stores.mjs";

const key = "bench-owner-key-bench-owner-key-bench-owner";
const operatorKey = "bench-operator-key-bench-operator-key-bench";
const password = "a quiet engine of brass";
const api = "/usher/v1/organizations/acme";
const bearer = { Authorization: `Bearer ${key}` };
const json = { "Content-Type": "application/json" };

// As Usher makes them: a prefix, 32 random bytes, six characters of their hash. Usher keeps the hash of all that.
function sessionToken() {
  const body = `uss_${randomBytes(32).toString("base64url")}`;
  return body + createHash("sha256").update(body).digest("base64url").slice(0, 6);
}

const program = path.join(work, "usher", "Usher.Server.dll");
const counters = path.join(work, "counters", "counters.dll");

// All requests come from one address here.
const noLimits = Object.fromEntries(["Passwords", "Codes", "Mails"].flatMap((kind) =>
  ["PerClient", "PerSubject"].map((per) => [`Usher__GuestLimits__${kind}__${per}`, "100000000"])));

// What a call of 10,000 people writes, in the order that foreign keys want; and the column by which the new rows are
// told from those before: ids grow.
const written = [
  ["members", "id"], ["member_grants", "member_id"], ["invitations", "id"], ["invitation_secrets", "invitation_id"],
  ["outbox_messages", "id"], ["events", "id"], ["jobs", "id"], ["job_batches", "job_id"],
];

export class Usher {
  title = "Usher";

  constructor(bench, database) {
    Object.assign(this, { bench, database });
  }

  // --- a database of it: a directory of its own, and on PostgreSQL a database of the same name -----------------------

  folder(name) { return path.join(data, `usher-${this.database}-${name}`); }

  #catalog(name) { return `usher_${name.replaceAll("-", "_")}`; }

  #store(name) {
    return this.database === "sqlite"
      ? new SqliteStore(path.join(this.folder(name), "usher.db"))
      : new PostgresStore(this.bench.postgres, this.#catalog(name));
  }

  withStore(name, work) {
    const store = this.#store(name);
    try {
      return work(store);
    } finally {
      store.close();
    }
  }

  analyze({ name }) { this.withStore(name, (store) => store.analyze()); }

  /** Copies the database of a server that is stopped. */
  copy(from, to) {
    this.remove(to);
    fs.cpSync(this.folder(from), this.folder(to), { recursive: true });
    if (this.database === "postgresql") this.bench.postgres.create(this.#catalog(to), this.#catalog(from));
  }

  remove(name) {
    fs.rmSync(this.folder(name), { recursive: true, force: true });
    if (this.database === "postgresql") this.bench.postgres.drop(this.#catalog(name));
  }

  // --- the server ----------------------------------------------------------------------------------------------------

  /**
   * @param name of its database
   * @param mail "held": the mail server takes the connection and says nothing, so that mail is queued and stays there;
   *   "sent": the mail server takes every mail at once
   * @param rounds of its password hash, if not its own default
   * @param counted whether the pages it reads are counted
   * @returns {Promise<{process, pid, url}>} started, not yet waited for
   */
  async launch(name, { mail = "held", rounds, counted = false } = {}) {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { options, postgres, sink } = this.bench;
    const counterPort = counted ? await freePort() : undefined;
    const env = {
      ASPNETCORE_URLS: url,
      Usher__PublicUrl: url,
      Usher__DataDirectory: this.folder(name),
      Usher__Operator__ApiKey: operatorKey,
      Usher__Bootstrap__Organization__Name: "Acme",
      Usher__Bootstrap__Organization__Slug: "acme",
      Usher__Bootstrap__Organization__Resources__0: "Production",
      Usher__Bootstrap__Owner__Email: "owner@bench.example.com",
      Usher__Bootstrap__Owner__FirstName: "Olivia",
      Usher__Bootstrap__Owner__Password: password,
      Usher__Bootstrap__Owner__ApiKey: key,
      Usher__Mail__Transport: "smtp",
      Usher__Mail__Smtp__Host: "127.0.0.1",
      Usher__Mail__Smtp__Port: String(mail === "held" ? sink.silent : sink.smtp),
      Usher__Mail__Smtp__StartTls: "false",
      ...noLimits,
      ...(rounds ? { Usher__Passwords__HashIterations: String(rounds) } : {}),
      // As quiet as the peers are set.
      Logging__LogLevel__Default: "Warning",
      ...(options.quick ? { DOTNET_TieredPGO: "0" } : {}),
      ...(this.database === "postgresql" ? {
        Usher__Database__Provider: "postgresql",
        ConnectionStrings__Usher: postgres.npgsql(this.#catalog(name)),
        Usher__MasterKeyFile: this.#masterKey(),
      } : {}),
    };
    if (counted && this.database === "postgresql") postgres.explainAll(this.#catalog(name));
    else if (counted) Object.assign(env, { DOTNET_STARTUP_HOOKS: counters, BENCH_COUNTERS: String(counterPort) });
    const child = start("dotnet", [program], { env, cwd: path.dirname(program), log: `usher-${this.database}` });
    return { process: child, pid: child.pid, url, counterPort, logEnd: counted ? postgres?.logEnd : undefined };
  }

  async serve(name, options) {
    const server = await this.launch(name, options);
    await untilAnswered(server.process, { url: server.url, path: "/health/ready" });
    return server;
  }

  #masterKey() {
    const file = path.join(data, "master.key");
    if (!fs.existsSync(file)) fs.writeFileSync(file, randomBytes(32).toString("base64"), { mode: 0o600 });
    return file;
  }

  /**
   * @returns {Promise<{pages: number, steps?: number}>} what a counted server has read since it was started; steps of
   *   SQLite's virtual machine
   */
  async readCounters({ counterPort, logEnd }) {
    if (this.database === "postgresql") return { pages: this.bench.postgres.buffersSince(logEnd) };
    const parts = [];
    for await (const part of net.connect(counterPort, "127.0.0.1")) parts.push(part);
    return JSON.parse(Buffer.concat(parts));
  }

  // --- its contents --------------------------------------------------------------------------------------------------

  /**
   * Makes the database `name` anew: the organization acme with `members` active members, `pending` invited ones after
   * them, `persons` more with accounts and sessions in no organization, and `organizations` more of ten members each.
   * It is analyzed afterwards; or, with `keepStatistics`, before, and store.restoreStatistics() is then to be called.
   * @returns what requests need to know of it
   */
  async seed(name, { members, pending = 0, persons = 0, organizations = 0, keepStatistics = false }) {
    this.remove(name);
    fs.mkdirSync(this.folder(name), { recursive: true, mode: 0o700 });
    if (this.database === "postgresql") this.bench.postgres.create(this.#catalog(name));
    await this.#makeTemplates(name, pending > 0);
    const began = Date.now() - 10_000_000;
    return this.withStore(name, (store) => {
      if (keepStatistics) store.keepStatistics();
      const rows = new Rows(store, began);
      rows.addMembers({ members, persons });
      rows.addPending({ members, pending });
      // New members get the numbers after these.
      const first = Math.ceil((members + pending) / 1000) * 1000 + 3001;
      multiply(store, "number_blocks", "true", store.series(1, 1), { first: String(first) });
      const sessions = rows.addSessions({ members, persons });
      rows.addOrganizations(organizations);
      if (!keepStatistics) store.settle();
      return {
        name, members, sessions,
        member: `mem_${rows.id("001", Math.ceil(members / 2)).toString("base64url")}`,
        signIns: Array.from({ length: Math.min(500, members) }, (_, i) => `member${i + 1}@bench.example.com`),
      };
    });
  }

  // One of each, by the product itself.
  async #makeTemplates(name, withPending) {
    const server = await this.serve(name);
    const post = (what, body) => must(`${server.url}${api}/${what}`, { method: "POST", headers: bearer, body });
    const accept = ({ id, code }, firstName) =>
      post(`invitations/${id}/accept`, { code, firstName, lastName: "Template", password });
    await accept(await this.#invite(server.url, "template@bench.example.com"), "Tom");
    await post("roles", { name: "Checked", permissions: ["ingestion"] });
    const levels = [{ resource: "production", level: "read_only" }];
    await post("groups", { name: "Checked", roles: ["Checked"], levels });
    await accept(await this.#invite(server.url, "checked@bench.example.com", { groups: ["Checked"] }), "Cora");
    if (withPending) await this.#invite(server.url, "pending@bench.example.com");
    await stop(server.process);
  }

  async #invite(url, email, more = {}) {
    const body = { email, delivery: "link", ...more };
    const { link, invitation } = await must(`${url}${api}/invitations`, { method: "POST", headers: bearer, body });
    return { id: invitation.id, code: link.split("#")[1] };
  }

  #acceptPath(invitation) { return `${api}/invitations/${invitation.id}/accept`; }

  // --- what is asked of it -------------------------------------------------------------------------------------------

  /** The first answer that counts as being up: a read that needs key, organization and member. */
  first(state) { return { path: `${api}/members/${state.member}`, headers: bearer }; }

  /**
   * Reads what only a running server can tell, such as where the middle page begins.
   * @returns {Promise<object>} one request for each scenario; see lib/wrk.mjs
   */
  async requests(server, state, { last = true } = {}) {
    const fixed = (where, more = {}) => ({ path: where, headers: bearer, fixed: true, ...more });
    const posted = { ...json, ...bearer };
    const cursors = state.cursors ??= await this.#cursors(server.url, state.members, last);
    const page = (after) => fixed(`${api}/members?limit=50${after ? `&after=${encodeURIComponent(after)}` : ""}`);
    const asked = { member: "checked@bench.example.com", resource: "production", level: "read_only" };
    return {
      get: fixed(`${api}/members/${state.member}`),
      "page-first": page(), "page-middle": page(cursors.middle), "page-last": page(cursors.last),
      all: fixed("/v1/users"),
      check: fixed(`${api}/access/check`, { method: "POST", headers: posted, body: asked }),
      invite: {
        method: "POST", path: `${api}/invitations`, headers: posted, body: { email: "i@N@@bench.example.com" },
      },
      "sign-in": {
        method: "POST", path: "/usher/v1/sessions", headers: json, again: true,
        rows: state.signIns.map((email) => ({ body: { email, password } })),
      },
    };
  }

  // A page begins at the cursor of the page before it; there is no other way to it.
  async #cursors(url, members, toTheLast) {
    const cursors = {};
    const last = members - 50, middle = Math.floor(members / 2), end = toTheLast ? last : middle;
    for (let at = 0, after = ""; after !== null && at < end;) {
      const read = Math.min(1000, (at < middle ? middle : last) - at);
      const where = `${api}/members?limit=${read}${after && `&after=${encodeURIComponent(after)}`}`;
      after = (await must(url + where, { headers: bearer })).next;
      at += read;
      if (at === middle) cursors.middle = after;
      if (at === last) cursors.last = after;
    }
    return cursors;
  }

  /** Invitations of persons who have an account and are signed in. */
  async acceptances(server, state, count) {
    const people = state.sessions.splice(0, count);
    if (people.length < count) throw new Error("the seed has too few persons with accounts");
    const made = await together(people.length, (i) => this.#invite(server.url, people[i].email));
    return {
      method: "POST", headers: json, rowHeader: "Authorization",
      rows: made.map((invitation, i) => ({
        path: this.#acceptPath(invitation), body: { code: invitation.code }, header: `Bearer ${people[i].token}`,
      })),
    };
  }

  /** Invitations of persons without an account. */
  async newcomers(server, state, count) {
    const tag = randomBytes(4).toString("hex");
    const made = await together(count, (i) => this.#invite(server.url, `new${tag}x${i}@bench.example.com`));
    const person = { firstName: "New", lastName: "Person", password };
    return {
      method: "POST", headers: json,
      rows: made.map((invitation) =>
        ({ path: this.#acceptPath(invitation), body: { code: invitation.code, ...person } })),
    };
  }

  /** Invites many in one call and waits until every row has its result. @returns milliseconds */
  async bulk(server, rows, name) {
    const people = Array.from({ length: rows }, (_, i) => ({ email: `${name}-${i}@bench.example.com` }));
    const began = performance.now();
    const imports = `${server.url}${api}/imports`;
    let job = await must(imports, { method: "POST", headers: bearer, body: { rows: people } });
    while (!job.finishedAt) {
      const seconds = Math.round((performance.now() - began) / 1000);
      if (seconds > Math.min(this.bench.secondsLeft + 15, 300)) {
        throw new Error(`the import did not end in ${seconds} s: ${job.done} of ${rows} rows done`);
      }
      await sleep(25);
      job = await must(`${imports}/${job.id}`, { headers: bearer });
    }
    const took = performance.now() - began;
    if (job.done !== rows || job.failureReason || Object.values(job.counts)[0] !== rows) {
      const refused = await call(`${imports}/${job.id}/rows?limit=1&outcome=invalid`, { headers: bearer });
      throw new Error(`the import was not carried out: ${JSON.stringify(job)} ${refused.text}`);
    }
    return took;
  }

  /**
   * What the engine alone needs for the very rows that the last `bulk` wrote, indexes and all. They are set aside,
   * deleted and put back, and putting back is timed, so many times.
   */
  engineTime(name, since, times) {
    return this.withStore(name, (store) => {
      const tables = written.filter(([table]) => store.columns(table).length > 0);
      const from = store.uuid(`'${since.toString(16).padStart(12, "0")}70000000000000000000'`);
      // A name of their own rather than temporary tables, which end with each psql.
      for (const [table, column] of tables) {
        store.run(`create table "kept_${table}" as select * from "${table}" where "${column}" >= ${from};`);
      }
      const taken = Array.from({ length: times }, () => {
        for (const [table, column] of tables.toReversed()) {
          store.run(`delete from "${table}" where "${column}" >= ${from};`);
        }
        store.settle();
        return store.timed(tables.map(([t]) => `insert into "${t}" select * from "kept_${t}"`).join(";\n"));
      });
      const count = (table) => Number(store.rows(`select count(*) from "kept_${table}"`)[0][0]);
      return { taken, rows: Object.fromEntries(tables.map(([table]) => [table, count(table)])) };
    });
  }
}

const acme = "organization_id = (select id from organizations where slug = 'acme')";

// Multiplies the rows that the product made. Ids are UUIDs that grow with i, as the product's own do: its pages are
// ordered by them, and so are the pages of its indexes.
class Rows {
  constructor(store, began) {
    Object.assign(this, { store, began });
  }

  #idOf(kind) {
    const { store, began } = this;
    return store.uuid(`${store.hex(`${began} + i`, 12)} || '7${kind}8000' || ${store.hex("i", 12)}`);
  }

  id(kind, i) {
    const hex = (number) => number.toString(16).padStart(12, "0");
    return Buffer.from(`${hex(this.began + i)}7${kind}8000${hex(i)}`, "hex");
  }

  addMembers({ members, persons }) {
    const mail = "'member' || i || '@bench.example.com'";
    multiply(this.store, "users", "email = 'owner@bench.example.com'", this.store.series(1, members + persons),
      { id: this.#idOf("002"), email: mail });
    multiply(this.store, "members", `${acme} and identifier = 'template@bench.example.com'`,
      this.store.series(1, members),
      { id: this.#idOf("001"), number: "2000 + i", identifier: mail, email: mail, user_id: this.#idOf("002") });
  }

  addPending({ members, pending }) {
    if (pending === 0) return;
    const mail = "'pending' || i || '@bench.example.com'", after = this.store.series(members + 1, members + pending);
    const member = `${acme} and identifier = 'pending@bench.example.com'`;
    multiply(this.store, "members", member, after,
      { id: this.#idOf("001"), number: "2000 + i", identifier: mail, email: mail });
    multiply(this.store, "invitations", `${acme} and member_id = (select id from members where ${member})`, after, {
      id: this.#idOf("004"), member_id: this.#idOf("001"),
      first_secret_hash: this.store.binary(this.store.hex("i", 64)),
    });
  }

  /** @returns the persons with accounts who are in no organization, each with the token of a session */
  addSessions({ members, persons }) {
    const sessions = Array.from({ length: persons }, (_, n) => {
      const number = members + 1 + n;
      return { number, email: `member${number}@bench.example.com`, token: sessionToken() };
    });
    if (persons === 0) return sessions;
    const hash = ({ token }) => this.store.bytes(createHash("sha256").update(token).digest());
    const user = ({ number }) => this.store.uuid(`'${this.id("002", number).toString("hex")}'`);
    const id = ({ number }) => this.store.uuid(`'${this.id("005", number).toString("hex")}'`);
    multiply(this.store, "sessions", "true", listed(sessions.map((s) => [hash(s), user(s), id(s)])),
      { hash: "column1", user_id: "column2", id: "column3" });
    return sessions;
  }

  // Ten members each, so that the tables are large while the measured organization is not.
  addOrganizations(count) {
    if (count === 0) return;
    const { store } = this;
    const of = (expression) => store.uuid(`'01a00000000070008000' || ${store.hex(expression, 12)}`);
    const name = "'other' || i || '@bench.example.com'";
    multiply(store, "organizations", "slug = 'acme'", store.series(1, count), { id: of("i"), slug: "'other' || i" });
    multiply(store, "members", `${acme} and identifier = 'template@bench.example.com'`,
      store.series(10, count * 10 + 9), {
        organization_id: of("i / 10"), id: this.#idOf("003"), number: "1000000000 + i", identifier: name, email: name,
        user_id: "null",
      });
  }
}
