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
    const as = process.getuid() === 0 ? ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"] : ["env"];
    if (process.getuid() === 0) run("chown", ["postgres", it.folder]);
    const cluster = path.join(it.folder, "cluster");
    run(as[0], [...as.slice(1), path.join(it.bin, "initdb"), "-D", cluster, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"], { cwd: it.folder });
    const settings = ["listen_addresses=127.0.0.1", `unix_socket_directories=${it.folder}`, "max_connections=300"].flatMap((s) => ["-c", s]);
    it.process = start(as[0], [...as.slice(1), path.join(it.bin, "postgres"), "-D", cluster, "-p", String(it.port), ...settings], { cwd: it.folder, log: "postgres" });
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

  /** @returns what the statements answer: columns apart by |, one row a line. */
  run(database, statements) {
    return run(path.join(this.bin, "psql"), ["-qAtX", "-v", "ON_ERROR_STOP=1", this.url(database)], { input: statements });
  }

  create(database, template) {
    this.run("postgres", `drop database if exists "${database}" with (force);\ncreate database "${database}"${template ? ` template "${template}"` : ""};`);
  }

  drop(database) { this.run("postgres", `drop database if exists "${database}" with (force);`); }

  /** @returns {Promise<number>} transactions a second. */
  async pgbench(database, script, clients, seconds) {
    const { code, said } = await runAside(path.join(this.bin, "pgbench"),
      ["-n", "-f", script, "-c", String(clients), "-j", "2", "-T", String(seconds), "-M", "prepared", this.url(database)]);
    if (code !== 0) throw new Error(`pgbench: ${said.slice(-800)}`);
    return Number(/tps = ([\d.]+)/.exec(said)[1]);
  }

  stop() { return stop(this.process, "SIGINT"); }
}
