// better-auth with its organization plugin: what a product on Node would take today.
import fs from "node:fs";
import path from "node:path";
import { compare, data, work } from "../lib/places.mjs";
import { freePort, run, start } from "../lib/processes.mjs";
import { PostgresStore, SqliteStore } from "../lib/stores.mjs";

const installed = path.join(work, "better-auth");
const file = path.join(data, "better-auth.db");
const catalog = "better_auth";
const list = "/api/auth/organization/list-members";
const json = { "Content-Type": "application/json" };

export class BetterAuth {
  title = "better-auth";

  constructor(bench, database) {
    Object.assign(this, { bench, database });
  }

  #environment(origin) {
    return {
      NODE_ENV: "production", BETTER_AUTH_TELEMETRY: "0", BENCH_ORIGIN: origin,
      BENCH_SMTP: String(this.bench.sink.smtp),
      ...(this.database === "sqlite" ? { BENCH_SQLITE: file } : { BENCH_POSTGRES: this.bench.postgres.url(catalog) }),
    };
  }

  analyze() {
    const store = this.database === "sqlite" ? new SqliteStore(file) : new PostgresStore(this.bench.postgres, catalog);
    store.analyze();
    store.close();
  }

  /** Its one database, whatever `name`. Cookies are signed for an address, so it keeps its port. */
  async seed(name, { members, persons = 0 }) {
    fs.cpSync(path.join(compare, "systems/better-auth"), installed, { recursive: true });
    this.origin ??= `http://127.0.0.1:${await freePort()}`;
    if (this.database === "sqlite") SqliteStore.remove(file);
    else this.bench.postgres.create(catalog);
    const made = path.join(data, "better-auth.json"), seed = ["seed.mjs", String(members), String(persons), made];
    run(process.execPath, seed, { cwd: installed, env: this.#environment(this.origin) });
    return { name, members, ...JSON.parse(fs.readFileSync(made)) };
  }

  async launch() {
    const env = this.#environment(this.origin);
    const child = start(process.execPath, ["server.mjs"], { cwd: installed, env, log: `better-auth-${this.database}` });
    return { process: child, pid: child.pid, url: this.origin };
  }

  /** It has no call for one member: the list is asked for the one. */
  first(state) {
    const one = `organizationId=${state.organization}&limit=1&filterField=userId&filterValue=${state.user}`;
    return { path: `${list}?${one}`, headers: { Cookie: state.cookie, Origin: this.origin } };
  }

  async requests(server, { organization: organizationId, members, cookie, password, ...state }) {
    const headers = { Cookie: cookie, Origin: this.origin }, posted = { ...json, ...headers };
    const page = (limit, offset) =>
      ({ path: `${list}?organizationId=${organizationId}&limit=${limit}&offset=${offset}`, headers, fixed: true });
    const post = (path, body, headers, more) => ({ method: "POST", path: `/api/auth/${path}`, headers, body, ...more });
    const asked = { organizationId, permissions: { member: ["update"] } };
    const invited = { email: "i@N@@bench.example.com", role: "member", organizationId };
    const owner = { email: "owner@bench.example.com", password };
    return {
      get: { ...this.first({ organization: organizationId, cookie, ...state }), fixed: true },
      "page-first": page(50, 0), "page-middle": page(50, members >> 1), "page-last": page(50, members - 50),
      all: page(members + 1, 0),
      check: post("organization/has-permission", asked, posted, { fixed: true }),
      invite: post("organization/invite-member", invited, posted),
      "sign-in": post("sign-in/email", owner, { ...json, Origin: this.origin }, { fixed: true }),
    };
  }

  async acceptances(server, state, count) {
    const people = state.acceptable.splice(0, count);
    if (people.length < count) throw new Error("the seed has too few invited persons");
    return {
      method: "POST", path: "/api/auth/organization/accept-invitation", headers: { ...json, Origin: this.origin },
      rowHeader: "Cookie",
      rows: people.map(({ invitation, cookie }) => ({ body: { invitationId: invitation }, header: cookie })),
    };
  }
}
