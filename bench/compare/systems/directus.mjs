// Directus: users, roles and invitations among much else. It has no organizations; its users stand for the one.
import fs from "node:fs";
import path from "node:path";
import { directusNode } from "../install.mjs";
import { compare, data, work } from "../lib/places.mjs";
import { freePort, run, start } from "../lib/processes.mjs";
import { PostgresStore, SqliteStore } from "../lib/stores.mjs";

const installed = path.join(work, "directus");
const file = path.join(data, "directus.db");
const catalog = "directus";
const cli = path.join(installed, "node_modules/directus/cli.js");
const headers = { Authorization: "Bearer bench-static-token-bench-static-token" };
const fields = "fields=id,email,first_name,last_name,role,status";
const password = "a quiet engine of brass";

export class Directus {
  title = "Directus";
  repeats = 1; // the bar does not ask for it

  constructor(bench, database) {
    Object.assign(this, { bench, database });
  }

  #environment(port) {
    return {
      NODE_ENV: "production", HOST: "127.0.0.1", PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}`,
      SECRET: "bench-secret-bench-secret-bench-secret-00",
      LOG_LEVEL: "error", TELEMETRY: "false", RATE_LIMITER_ENABLED: "false", CACHE_ENABLED: "false",
      ADMIN_EMAIL: "owner@bench.example.com", ADMIN_PASSWORD: password,
      ADMIN_TOKEN: headers.Authorization.slice("Bearer ".length),
      ...(this.database === "sqlite"
        ? { DB_CLIENT: "sqlite3", DB_FILENAME: file }
        : { DB_CLIENT: "pg", DB_CONNECTION_STRING: this.bench.postgres.url(catalog) }),
      EMAIL_FROM: "no-reply@bench.example.com", EMAIL_TRANSPORT: "smtp", EMAIL_SMTP_HOST: "127.0.0.1",
      EMAIL_SMTP_PORT: String(this.bench.sink.smtp),
      EMAIL_SMTP_IGNORE_TLS: "true", EMAIL_SMTP_POOL: "true", EMAIL_VERIFY_SETUP: "false",
      EXTENSIONS_PATH: path.join(data, "directus-extensions"),
      STORAGE_LOCAL_ROOT: path.join(data, "directus-uploads"),
    };
  }

  analyze() {
    const store = this.database === "sqlite" ? new SqliteStore(file) : new PostgresStore(this.bench.postgres, catalog);
    store.analyze();
    store.close();
  }

  async seed(name, { members, persons = 0 }) {
    fs.cpSync(path.join(compare, "systems/directus"), installed, { recursive: true });
    this.port ??= await freePort();
    if (this.database === "sqlite") SqliteStore.remove(file);
    else this.bench.postgres.create(catalog);
    const how = { cwd: installed, env: this.#environment(this.port) };
    run(directusNode, [cli, "bootstrap"], how);
    const made = path.join(data, "directus.json");
    run(directusNode, ["seed.mjs", String(members), String(persons), made], how);
    return { name, members, ...JSON.parse(fs.readFileSync(made)) };
  }

  async launch() {
    const env = this.#environment(this.port);
    const child = start(directusNode, [cli, "start"], { cwd: installed, env, log: `directus-${this.database}` });
    return { process: child, pid: child.pid, url: `http://127.0.0.1:${this.port}` };
  }

  first(state) { return { path: `/users/${state.user}?${fields}`, headers }; }

  async requests(server, state) {
    const posted = { "Content-Type": "application/json", ...headers };
    const list = (limit, offset) =>
      ({ path: `/users?limit=${limit}&offset=${offset}&sort=id&${fields}`, headers, fixed: true });
    const owner = { email: "owner@bench.example.com", password };
    return {
      get: { ...this.first(state), fixed: true },
      "page-first": list(50, 0), "page-middle": list(50, state.members >> 1), "page-last": list(50, state.members - 50),
      all: list(-1, 0),
      invite: {
        method: "POST", path: "/users/invite", headers: posted,
        body: { email: "i@N@@bench.example.com", role: state.role },
      },
      "sign-in": {
        method: "POST", path: "/auth/login", headers: { "Content-Type": "application/json" }, body: owner, fixed: true,
      },
    };
  }

  /** All persons that it invites are new to it. */
  async newcomers(server, state, count) {
    return {
      method: "POST", path: "/users/invite/accept", headers: { "Content-Type": "application/json" },
      rows: state.tokens.splice(0, count).map((token) => ({ body: { token, password } })),
    };
  }
}
