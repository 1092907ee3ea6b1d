// What the machine, the framework and the database allow at best, without any product.
import fs from "node:fs";
import path from "node:path";
import { compare, data, work } from "../lib/places.mjs";
import { cpuSeconds } from "../lib/proc.mjs";
import { freePort, run, runAside, start, untilAnswered } from "../lib/processes.mjs";
import { PostgresStore, SqliteStore } from "../lib/stores.mjs";

const program = path.join(work, "ceiling", "ceiling.dll");
const inserts = path.join(compare, "systems/ceiling");

/** The bare minimal API: a key check and one read. */
export class BareRead {
  title = "bare read";

  constructor(bench, database) {
    Object.assign(this, { bench, database });
  }

  async serve(members) {
    const file = path.join(data, "ceiling.db");
    if (this.database === "sqlite") SqliteStore.remove(file);
    else this.bench.postgres.create("ceiling");
    const isSqlite = this.database === "sqlite";
    const store = isSqlite ? new SqliteStore(file) : new PostgresStore(this.bench.postgres, "ceiling");
    if (isSqlite) store.run("pragma journal_mode = wal");
    store.run(`create table member (id bigint primary key, email text not null, role text not null);
      insert into member select i, 'member' || i || '@bench.example.com', 'member' from ${store.series(1, members)};`);
    store.settle();
    store.close();
    const url = `http://127.0.0.1:${await freePort()}`;
    const child = start("dotnet", [program, "--urls", url], {
      log: "ceiling", cwd: path.dirname(program),
      env: {
        ...(isSqlite ? { Sqlite: file } : { Postgres: this.bench.postgres.npgsql("ceiling") }),
        ...(this.bench.options.quick ? { DOTNET_TieredPGO: "0" } : {}),
      },
    });
    this.request = { path: `/members/${members >> 1}`, headers: { "X-Api-Key": "ceiling-key" }, fixed: true };
    await untilAnswered(child, { url, ...this.request });
    return { process: child, pid: child.pid, url };
  }
}

/**
 * Transactions that insert what an invite minimally stores, three rows: on SQLite one after another, on PostgreSQL by
 * eight clients.
 * @returns {Promise<{rps, cpu, databaseCpu}>} transactions a second; µs of CPU that the database takes for each
 */
export async function threeInserts(bench, database, seconds) {
  if (database === "postgresql") {
    if (!bench.postgres.hasInserts) {
      bench.postgres.create("three_inserts");
      bench.postgres.run("three_inserts", fs.readFileSync(path.join(inserts, "schema.sql"), "utf8"));
      bench.postgres.hasInserts = true;
    }
    const before = cpuSeconds(bench.postgres.pid);
    const script = path.join(inserts, "invite.pgbench");
    const { rps, transactions } = await bench.postgres.pgbench("three_inserts", script, 8, seconds);
    return { rps, cpu: 0, databaseCpu: (cpuSeconds(bench.postgres.pid) - before) / transactions * 1e6 };
  }
  // In a process of its own: its CPU time is then not the driver's.
  const program = [path.join(inserts, "three-inserts.mjs"), path.join(data, "three-inserts.db"), String(seconds)];
  const { code, output } = await runAside(process.execPath, program);
  if (code !== 0) throw new Error(output);
  return JSON.parse(output);
}

/** CPU milliseconds of one password hash as Usher makes it. */
export const passwordHash = () => Number(run("dotnet", [program, "hash", "20"]));
