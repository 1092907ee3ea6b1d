// Usher, started through its documented settings and driven through its own API. Only its rows are multiplied in the database: it has no command that makes
// ten thousand members, and to invite and accept each would take half an hour.
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { call, must, together } from "../lib/http.mjs";
import { data, work } from "../lib/places.mjs";
import { freePort, start, stop, untilAnswered } from "../lib/processes.mjs";
import { listed, multiply, PostgresStore, SqliteStore } from "../lib/stores.mjs";

const key = "bench-owner-key-bench-owner-key-bench-owner";
const operatorKey = "bench-operator-key-bench-operator-key-bench";
const password = "a quiet engine of brass";
const api = "/usher/v1/organizations/acme";
const bearer = { Authorization: `Bearer ${key}` };

// As Usher makes them: a prefix, 32 random bytes, six characters of their hash; what it keeps is the hash of all that.
function sessionToken() {
  const body = `uss_${randomBytes(32).toString("base64url")}`;
  return body + createHash("sha256").update(body).digest("base64url").slice(0, 6);
}

const program = path.join(work, "usher", "Usher.Server.dll");

export class Usher {
  title = "Usher";

  constructor(bench, database) {
    Object.assign(this, { bench, database });
  }

  // --- a database of it: a directory of its own, and on PostgreSQL a database of the same name ------------------------------------------

  folder(name) { return path.join(data, `usher-${this.database}-${name}`); }

  #catalog(name) { return `usher_${name.replaceAll("-", "_")}`; }

  #store(name) { return this.database === "sqlite" ? new SqliteStore(path.join(this.folder(name), "usher.db")) : new PostgresStore(this.bench.postgres, this.#catalog(name)); }

  /** Of a server that is stopped. */
  copy(from, to) {
    this.remove(to);
    fs.cpSync(this.folder(from), this.folder(to), { recursive: true });
    if (this.database === "postgresql") this.bench.postgres.create(this.#catalog(to), this.#catalog(from));
  }

  remove(name) {
    fs.rmSync(this.folder(name), { recursive: true, force: true });
    if (this.database === "postgresql") this.bench.postgres.drop(this.#catalog(name));
  }

  // --- the server ----------------------------------------------------------------------------------------------------------------------

  /**
   * @param name of its database
   * @param mail "held": handed to a mail server that takes the connection and says nothing, so that mail is queued and stays there;
   *   "sent": to one that takes every mail at once
   * @param rounds of its password hash, where not its own default
   * @returns {Promise<{process, pid, url}>} started, not yet waited for
   */
  async launch(name, { mail = "held", rounds } = {}) {
    const url = `http://127.0.0.1:${await freePort()}`;
    const settings = {
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
      Usher__Mail__Smtp__Port: String(mail === "held" ? this.bench.sink.silent : this.bench.sink.smtp),
      Usher__Mail__Smtp__StartTls: "false",
      // All requests come from one address here.
      ...Object.fromEntries(["Passwords", "Codes", "Mails"].flatMap((kind) => ["PerClient", "PerSubject"].map((per) => [`Usher__GuestLimits__${kind}__${per}`, "100000000"]))),
      ...(rounds ? { Usher__Passwords__HashIterations: String(rounds) } : {}),
      // As quiet as the peers are set.
      Logging__LogLevel__Default: "Warning",
      ...(this.bench.options.quick ? { DOTNET_TieredPGO: "0" } : {}),
      ...(this.database === "postgresql" ? {
        Usher__Database__Provider: "postgresql",
        ConnectionStrings__Usher: this.bench.postgres.npgsql(this.#catalog(name)),
        Usher__MasterKeyFile: this.#masterKey(),
      } : {}),
    };
    const child = start("dotnet", [program], { env: settings, cwd: path.dirname(program), log: `usher-${this.database}` });
    return { process: child, pid: child.pid, url };
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

  // --- its contents --------------------------------------------------------------------------------------------------------------------

  /**
   * Makes the database `name` anew: the organization acme with `members` active members, `persons` more with accounts and sessions in no organization, and
   * `organizations` more of ten members each.
   * @returns what requests need to know of it
   */
  async seed(name, { members, persons = 0, organizations = 0 }) {
    this.remove(name);
    fs.mkdirSync(this.folder(name), { recursive: true, mode: 0o700 });
    if (this.database === "postgresql") this.bench.postgres.create(this.#catalog(name));

    // One of each, by the product itself.
    const server = await this.serve(name);
    const template = await this.#invite(server.url, "template@bench.example.com");
    await must(server.url + this.#acceptPath(template), { method: "POST", body: { code: template.code, firstName: "Tom", lastName: "Template", password } });
    await must(`${server.url}${api}/roles`, { method: "POST", headers: bearer, body: { name: "Checked", permissions: ["ingestion"] } });
    await must(`${server.url}${api}/groups`, { method: "POST", headers: bearer, body: { name: "Checked", roles: ["Checked"], levels: [{ resource: "production", level: "read_only" }] } });
    const checked = await this.#invite(server.url, "checked@bench.example.com", { groups: ["Checked"] });
    await must(server.url + this.#acceptPath(checked), { method: "POST", body: { code: checked.code, firstName: "Cora", lastName: "Checked", password } });
    await stop(server.process);

    const store = this.#store(name);
    const began = Date.now() - 10_000_000;
    // UUIDs that grow with i, as the product's own do: its pages are ordered by them, and so are the pages of its indexes.
    const hexOf = (kind) => `${store.hex(`${began} + i`, 12)} || '7${kind}8000' || ${store.hex("i", 12)}`;
    const idOf = (kind) => store.uuid(hexOf(kind));
    const id = (kind, i) => Buffer.from(`${(began + i).toString(16).padStart(12, "0")}7${kind}8000${i.toString(16).padStart(12, "0")}`, "hex");
    const organization = "organization_id = (select id from organizations where slug = 'acme')";
    const mail = "'member' || i || '@bench.example.com'";

    multiply(store, "users", "email = 'owner@bench.example.com'", store.series(1, members + persons),
      { id: idOf("002"), email: mail });
    multiply(store, "members", `${organization} and identifier = 'template@bench.example.com'`, store.series(1, members),
      { id: idOf("001"), number: "2000 + i", identifier: mail, email: mail, user_id: idOf("002") });
    // New members get the numbers after these.
    multiply(store, "number_blocks", "true", store.series(1, 1), { first: String(Math.ceil(members / 1000) * 1000 + 3001) });

    const sessions = Array.from({ length: persons }, (_, n) => ({ number: members + 1 + n, email: `member${members + 1 + n}@bench.example.com`, token: sessionToken() }));
    if (persons > 0) {
      const hash = ({ token }) => store.bytes(createHash("sha256").update(token).digest());
      multiply(store, "sessions", "true", listed(sessions.map((s) => [hash(s), store.uuid(`'${id("002", s.number).toString("hex")}'`)])), { hash: "column1", user_id: "column2" });
    }
    if (organizations > 0) this.#others(store, organizations, { organization, idOf });
    store.settle();
    store.close();
    return {
      name, members, sessions,
      member: `mem_${id("001", Math.ceil(members / 2)).toString("base64url")}`,
      signIns: Array.from({ length: Math.min(500, members) }, (_, i) => `member${i + 1}@bench.example.com`),
    };
  }

  // Ten members each, so that the tables are large while the measured organization is not.
  #others(store, count, { organization, idOf }) {
    const of = (expression) => store.uuid(`'01a00000000070008000' || ${store.hex(expression, 12)}`);
    multiply(store, "organizations", "slug = 'acme'", store.series(1, count), { id: of("i"), slug: "'other' || i" });
    const name = "'other' || i || '@bench.example.com'";
    multiply(store, "members", `${organization} and identifier = 'template@bench.example.com'`, store.series(10, count * 10 + 9),
      { organization_id: of("i / 10"), id: idOf("003"), number: "1000000000 + i", identifier: name, email: name, user_id: "null" });
  }

  async #invite(url, email, more = {}) {
    const { link, invitation } = await must(`${url}${api}/invitations`, { method: "POST", headers: bearer, body: { email, delivery: "link", ...more } });
    return { id: invitation.id, code: link.split("#")[1] };
  }

  #acceptPath(invitation) { return `${api}/invitations/${invitation.id}/accept`; }

  // --- what is asked of it --------------------------------------------------------------------------------------------------------------

  /** The first answer that counts as being up: a read that needs key, organization and member. */
  first(state) { return { path: `${api}/members/${state.member}`, headers: bearer }; }

  /** @returns {Promise<object>} one request for each scenario; see lib/wrk.mjs. Reads what only a running server can tell, such as where the middle page begins. */
  async requests(server, state, { last = true } = {}) {
    const fixed = (where, more = {}) => ({ path: where, headers: bearer, fixed: true, ...more });
    const posted = { "Content-Type": "application/json", ...bearer };
    const cursors = state.cursors ??= await this.#cursors(server.url, state.members, last);
    const page = (after) => fixed(`${api}/members?limit=50${after ? `&after=${encodeURIComponent(after)}` : ""}`);
    return {
      get: fixed(`${api}/members/${state.member}`),
      "page-first": page(), "page-middle": page(cursors.middle), "page-last": page(cursors.last),
      all: fixed("/v1/users"),
      check: fixed(`${api}/access/check`, { method: "POST", headers: posted, body: { member: "checked@bench.example.com", resource: "production", level: "read_only" } }),
      invite: { method: "POST", path: `${api}/invitations`, headers: posted, body: { email: "i@N@@bench.example.com" } },
      "sign-in": { method: "POST", path: "/usher/v1/sessions", headers: { "Content-Type": "application/json" }, again: true, rows: state.signIns.map((email) => ({ body: { email, password } })) },
    };
  }

  // Pages are found by the cursor of the page before, and only so.
  async #cursors(url, members, toTheLast) {
    const cursors = {};
    const last = members - 50, middle = Math.floor(members / 2), end = toTheLast ? last : middle;
    for (let at = 0, after = ""; after !== null && at < end;) {
      const read = Math.min(1000, (at < middle ? middle : last) - at);
      after = (await must(`${url}${api}/members?limit=${read}${after && `&after=${encodeURIComponent(after)}`}`, { headers: bearer })).next;
      at += read;
      if (at === middle) cursors.middle = after;
      if (at === last) cursors.last = after;
    }
    return cursors;
  }

  /** Invitations of persons who have an account and are signed in. */
  async acceptances(server, state, count) {
    const people = state.sessions.splice(0, count);
    const made = await together(people.length, (i) => this.#invite(server.url, people[i].email));
    return {
      method: "POST", headers: { "Content-Type": "application/json" }, rowHeader: "Authorization",
      rows: made.map((invitation, i) => ({ path: this.#acceptPath(invitation), body: { code: invitation.code }, header: `Bearer ${people[i].token}` })),
    };
  }

  /** Invitations of persons nobody knows. */
  async newcomers(server, state, count) {
    const tag = randomBytes(4).toString("hex");
    const made = await together(count, (i) => this.#invite(server.url, `new${tag}x${i}@bench.example.com`));
    return {
      method: "POST", headers: { "Content-Type": "application/json" },
      rows: made.map((invitation) => ({ path: this.#acceptPath(invitation), body: { code: invitation.code, firstName: "New", lastName: "Person", password } })),
    };
  }

  /** Invites many in one call and waits until every row has its result. @returns milliseconds */
  async bulk(server, rows, name) {
    const people = Array.from({ length: rows }, (_, i) => ({ email: `${name}${i}@bench.example.com` }));
    const began = performance.now();
    let job = await must(`${server.url}${api}/imports`, { method: "POST", headers: bearer, body: { rows: people } });
    while (!job.finishedAt) {
      if (performance.now() > Math.min(this.bench.until, began + 300_000)) throw new Error(`the import did not end in ${Math.round((performance.now() - began) / 1000)} s: ${job.done} of ${rows} rows done`);
      await new Promise((done) => setTimeout(done, 25));
      job = await must(`${server.url}${api}/imports/${job.id}`, { headers: bearer });
    }
    const took = performance.now() - began;
    const refused = await call(`${server.url}${api}/imports/${job.id}/rows?limit=1&outcome=invalid`, { headers: bearer });
    if (job.done !== rows || job.failureReason || Object.values(job.counts)[0] !== rows) throw new Error(`the import was not carried out: ${JSON.stringify(job)} ${refused.text}`);
    return took;
  }

  /** What the engine alone needs for the very rows that the last `bulk` wrote, indexes and all: they are set aside, deleted and put back, and putting back is timed. */
  engineTime(name, since) {
    const store = this.#store(name);
    // In the order that foreign keys want; the column by which the new ones are told from those before: ids grow.
    const written = [["members", "id"], ["invitations", "id"], ["invitation_secrets", "invitation_id"], ["outbox_messages", "id"], ["events", "id"], ["event_details", "event_id"], ["jobs", "id"], ["job_batches", "job_id"]];
    const from = store.uuid(`'${since.toString(16).padStart(12, "0")}70000000000000000000'`);
    // A name of their own rather than temporary tables, which end with each psql.
    for (const [table, column] of written) store.run(`create table "kept_${table}" as select * from "${table}" where "${column}" >= ${from};`);
    for (const [table, column] of written.toReversed()) store.run(`delete from "${table}" where "${column}" >= ${from};`);
    store.settle();
    const took = store.timed(written.map(([table]) => `insert into "${table}" select * from "kept_${table}"`).join(";\n"));
    const rows = written.map(([table]) => [table, Number(store.rows(`select count(*) from "kept_${table}"`)[0][0])]);
    store.close();
    return { took, rows: Object.fromEntries(rows) };
  }
}
