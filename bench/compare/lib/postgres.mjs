// A PostgreSQL cluster of our own: thrown away at the end, durable as PostgreSQL is by default.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { sleep } from "./numbers.mjs";
import { freePort, run, runAside, start, stop } from "./processes.mjs";

// The newest on the machine; Debian keeps its programs out of PATH.
function programs() {
  const versions = "/usr/lib/postgresql";
  const newest = fs.existsSync(versions) ? fs.readdirSync(versions).sort((a, b) => b - a)[0] : undefined;
  return newest ? path.join(versions, newest, "bin") : path.dirname(run("which", ["initdb"]));
}

export class Postgres {
  static async start() {
    const it = new Postgres();
    it.bin = programs();
    it.port = await freePort();
    it.folder = fs.mkdtempSync(path.join(os.tmpdir(), "usher-bench-"));
    process.on("exit", () => fs.rmSync(it.folder, { recursive: true, force: true }));
    // It refuses to run as root.
    const isRoot = process.getuid() === 0;
    const [as, ...who] = isRoot ? ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"] : ["env"];
    if (isRoot) run("chown", ["postgres", it.folder]);
    const cluster = path.join(it.folder, "cluster");
    const made = ["-D", cluster, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"];
    run(as, [...who, path.join(it.bin, "initdb"), ...made], { cwd: it.folder });
    const settings = ["listen_addresses=127.0.0.1", `unix_socket_directories=${it.folder}`, "max_connections=300"];
    const options = ["-D", cluster, "-p", String(it.port), ...settings.flatMap((s) => ["-c", s])];
    it.process = start(as, [...who, path.join(it.bin, "postgres"), ...options], { cwd: it.folder, log: "postgres" });
    for (let tries = 0; ; tries++) {
      try {
        it.run("postgres", "select 1");
        return it;
      } catch (e) {
        if (tries > 200 || it.process.exitCode !== null) throw e;
        await sleep(50);
      }
    }
  }

  get pid() { return this.process.pid; }

  url(database) { return `postgresql://bench@127.0.0.1:${this.port}/${database}`; }

  npgsql(database) { return `Host=127.0.0.1;Port=${this.port};Username=bench;Database=${database}`; }

  /** @returns what the statements answer: one row a line, columns separated by |. */
  run(database, statements) {
    const options = ["-qAtX", "-v", "ON_ERROR_STOP=1", this.url(database)];
    return run(path.join(this.bin, "psql"), options, { input: statements });
  }

  create(database, template) {
    this.drop(database);
    this.run("postgres", `create database "${database}"${template ? ` template "${template}"` : ""};`);
  }

  drop(database) { this.run("postgres", `drop database if exists "${database}" with (force);`); }

  /** @returns {Promise<{rps: number, transactions: number}>} transactions a second, and all of them */
  async pgbench(database, script, clients, seconds) {
    const load = ["-n", "-f", script, "-c", String(clients), "-j", "2", "-T", String(seconds), "-M", "prepared"];
    const { code, output } = await runAside(path.join(this.bin, "pgbench"), [...load, this.url(database)]);
    if (code !== 0) throw new Error(`pgbench: ${output.slice(-800)}`);
    const find = (pattern) => Number(pattern.exec(output)[1]);
    return { rps: find(/tps = ([\d.]+)/), transactions: find(/actually processed: (\d+)/) };
  }

  /** Has every statement in the database explained in the log, with its buffers; for connections opened from now on. */
  explainAll(database) {
    const settings = {
      session_preload_libraries: "auto_explain", "auto_explain.log_min_duration": 0, "auto_explain.log_analyze": "on",
      "auto_explain.log_buffers": "on", "auto_explain.log_timing": "off", "auto_explain.log_format": "json",
      "auto_explain.log_nested_statements": "on",
    };
    for (const [name, value] of Object.entries(settings)) {
      this.run("postgres", `alter database "${database}" set ${name} = '${value}';`);
    }
  }

  /** Where the log ends now. */
  get logEnd() { return fs.statSync(this.process.log).size; }

  /** Buffers hit or read by the statements that were explained since then. */
  buffersSince(logEnd) {
    const log = fs.readFileSync(this.process.log).subarray(logEnd).toString();
    const plans = [...log.matchAll(/ ms  plan:\n((?:\t.*\n)+)/g)].map(([, text]) => JSON.parse(text).Plan);
    return plans.reduce((sum, plan) => sum + plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], 0);
  }

  stop() { return stop(this.process, "SIGINT"); }
}
