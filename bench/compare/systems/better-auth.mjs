// better-auth with its organization plugin: what a product on Node would take today.
import fs from "node:fs";
import path from "node:path";
import { compare, data, work } from "../lib/places.mjs";
import { freePort, run, start } from "../lib/processes.mjs";
import { SqliteStore } from "../lib/stores.mjs";

const installed = path.join(work, "better-auth");

export class BetterAuth {
  title = "better-auth";

  constructor(bench, database) {
    Object.assign(this, { bench, database });
  }

  #environment(origin) {
    return {
      NODE_ENV: "production", BETTER_AUTH_TELEMETRY: "0", BENCH_ORIGIN: origin, BENCH_SMTP: String(this.bench.sink.smtp),
      ...(this.database === "sqlite" ? { BENCH_SQLITE: path.join(data, "better-auth.db") } : { BENCH_POSTGRES: this.bench.postgres.url("better_auth") }),
    };
  }

  /** Its one database, whatever `name`. Cookies are signed for an address, so it keeps its port. */
  async seed(name, { members, persons = 0 }) {
    fs.cpSync(path.join(compare, "systems/better-auth"), installed, { recursive: true });
    this.origin ??= `http://127.0.0.1:${await freePort()}`;
    if (this.database === "sqlite") SqliteStore.remove(path.join(data, "better-auth.db"));
    else this.bench.postgres.create("better_auth");
    const made = path.join(data, "better-auth.json");
    run(process.execPath, ["seed.mjs", String(members), String(persons), made], { cwd: installed, env: this.#environment(this.origin) });
    return { name, members, ...JSON.parse(fs.readFileSync(made)) };
  }

  async launch() {
    const child = start(process.execPath, ["server.mjs"], { cwd: installed, env: this.#environment(this.origin), log: `better-auth-${this.database}` });
    return { process: child, pid: child.pid, url: this.origin };
  }

  /** It has no call for one member: the list is asked for the one. */
  first(state) {
    return { path: `/api/auth/organization/list-members?organizationId=${state.organization}&limit=1&filterField=userId&filterValue=${state.user}`, headers: { Cookie: state.cookie, Origin: this.origin } };
  }

  async requests(server, state) {
    const headers = { Cookie: state.cookie, Origin: this.origin }, posted = { "Content-Type": "application/json", ...headers };
    const list = (limit, offset) => ({ path: `/api/auth/organization/list-members?organizationId=${state.organization}&limit=${limit}&offset=${offset}`, headers, fixed: true });
    return {
      get: { ...this.first(state), fixed: true },
      "page-first": list(50, 0), "page-middle": list(50, state.members >> 1), "page-last": list(50, state.members - 50),
      all: list(state.members + 1, 0),
      check: { method: "POST", path: "/api/auth/organization/has-permission", headers: posted, body: { organizationId: state.organization, permissions: { member: ["update"] } }, fixed: true },
      invite: { method: "POST", path: "/api/auth/organization/invite-member", headers: posted, body: { email: "i@N@@bench.example.com", role: "member", organizationId: state.organization } },
      "sign-in": { method: "POST", path: "/api/auth/sign-in/email", headers: { "Content-Type": "application/json", Origin: this.origin }, body: { email: "owner@bench.example.com", password: state.password }, fixed: true },
    };
  }

  async acceptances(server, state, count) {
    return {
      method: "POST", path: "/api/auth/organization/accept-invitation", headers: { "Content-Type": "application/json", Origin: this.origin }, rowHeader: "Cookie",
      rows: state.acceptable.splice(0, count).map(({ invitation, cookie }) => ({ body: { invitationId: invitation }, header: cookie })),
    };
  }
}
