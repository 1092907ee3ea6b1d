// A database that is open to the driver: to read its catalogue, to multiply rows, to analyze it. Both kinds speak
// enough of the same SQL that the rest need not know which one it is. What differs is here.
import fs from "node:fs";
import { requireFrom } from "./places.mjs";

export class SqliteStore {
  constructor(file) {
    this.file = file;
    this.db = new (requireFrom("better-auth", "better-sqlite3"))(file);
    this.db.pragma("foreign_keys = on");
  }

  run(statements) { this.db.exec(statements); }

  /** @returns rows as arrays of text */
  rows(query) {
    const text = (v) => v === null ? "" : Buffer.isBuffer(v) ? v.toString("hex") : String(v);
    return this.db.prepare(query).raw().all().map((row) => row.map(text));
  }

  columns(table) { return this.db.pragma(`table_info("${table}")`).map((c) => c.name); }

  series(from, to) {
    return `(with recursive s(i) as (select ${from} union all select i + 1 from s where i < ${to}) select i from s)`;
  }

  hex(expression, width) { return `printf('%0${width}x', ${expression})`; }

  uuid(hexadecimal) { return `unhex(${hexadecimal})`; }

  binary(hexadecimal) { return `unhex(${hexadecimal})`; }

  bytes(buffer) { return `X'${buffer.toString("hex")}'`; }

  get now() { return "cast(unixepoch('subsec') * 1000 as integer)"; }

  analyze() { this.run("analyze"); }

  /** Makes what was written part of the main file, as after a long quiet night. */
  checkpoint() { this.db.pragma("wal_checkpoint(truncate)"); }

  settle() {
    this.analyze();
    this.checkpoint();
  }

  // The next three make statistics what a test of plans needs: as they were at some moment, or none at all.
  keepStatistics() { this.run("analyze; create table bench_statistics as select * from sqlite_stat1;"); }

  restoreStatistics() { this.#statistics("insert into sqlite_stat1 select * from bench_statistics;"); }

  dropStatistics() { this.#statistics(""); }

  #statistics(fill) {
    const others = this.rows("select name from sqlite_schema where name like 'sqlite_stat_'").map(([name]) => name);
    this.run(`${others.map((name) => `delete from ${name};`).join("")}${fill}`);
    this.checkpoint();
  }

  /** Milliseconds the engine takes for the statements, as one durable transaction. */
  timed(statements) {
    this.db.pragma("synchronous = full");
    const began = performance.now();
    this.db.exec(`begin immediate; ${statements}; commit;`);
    return performance.now() - began;
  }

  close() { this.db.close(); }

  static remove(file) {
    for (const ending of ["", "-wal", "-shm", "-journal"]) fs.rmSync(file + ending, { force: true });
  }
}

const ours = "relnamespace = 'public'::regnamespace and relkind in ('r', 'i')";

export class PostgresStore {
  constructor(postgres, database) {
    this.postgres = postgres;
    this.database = database;
  }

  run(statements) { this.postgres.run(this.database, statements); }

  rows(query) {
    const answer = this.postgres.run(this.database, query);
    const text = (v) => v.startsWith("\\x") ? v.slice(2) : v;
    return answer === "" ? [] : answer.split("\n").map((line) => line.split("|").map(text));
  }

  columns(table) {
    const query = `select column_name from information_schema.columns
      where table_schema = current_schema() and table_name = '${table}' order by ordinal_position`;
    return this.rows(query).map(([name]) => name);
  }

  series(from, to) { return `generate_series(${from}::bigint, ${to}::bigint) as s(i)`; }

  hex(expression, width) { return `lpad(to_hex((${expression})::bigint), ${width}, '0')`; }

  uuid(hexadecimal) { return `(${hexadecimal})::uuid`; }

  binary(hexadecimal) { return `decode(${hexadecimal}, 'hex')`; }

  bytes(buffer) { return `'\\x${buffer.toString("hex")}'::bytea`; }

  get now() { return "now()"; }

  analyze() { this.run("vacuum analyze;"); }

  settle() { this.run("vacuum analyze; checkpoint;"); }

  /** Analyzes, keeps the sizes that the planner then knows, and keeps autovacuum away from now on. */
  keepStatistics() {
    const tables = this.rows(`select relname from pg_class where ${ours} and relkind = 'r'`).map(([name]) => name);
    this.run(tables.map((name) => `alter table "${name}" set (autovacuum_enabled = off);`).join("\n"));
    this.run(`vacuum analyze;
      create table bench_statistics as
        select oid as id, relpages, reltuples, relallvisible from pg_class where ${ours};`);
  }

  // VACUUM makes rows visible without a look at each. It also counts them, which the update takes back.
  restoreStatistics() {
    this.run(`vacuum;
      update pg_class c set relpages = k.relpages, reltuples = k.reltuples, relallvisible = k.relallvisible
        from bench_statistics k where k.id = c.oid;`);
  }

  /** As after a restore of a dump. */
  dropStatistics() {
    this.run(`delete from pg_statistic where starelid in (select oid from pg_class where ${ours});
      update pg_class set relpages = 0, reltuples = -1, relallvisible = 0 where ${ours};`);
  }

  timed(statements) {
    // psql's own clock: starting psql is not the engine's time. COMMIT counts, because it waits for the disk.
    const answer = this.postgres.run(this.database, `\\timing on\nbegin;\n${statements};\ncommit;`);
    return [...answer.matchAll(/^Time: ([\d.]+) ms/gm)].reduce((sum, [, ms]) => sum + Number(ms), 0);
  }

  close() {}
}

/**
 * Copies the one row of a table that `where` finds, once for each row of `source` (a store's series, or rows()), with
 * the columns in `changed` replaced by expressions of the source's columns. The other columns come from the catalogue:
 * one that is added to the schema later is copied, too.
 */
export function multiply(store, table, where, source, changed) {
  const columns = store.columns(table);
  const unknown = Object.keys(changed).filter((name) => !columns.includes(name));
  if (unknown.length > 0) throw new Error(`${table} has no ${unknown.join(", ")}; its columns: ${columns.join(", ")}`);
  const quoted = columns.map((name) => `"${name}"`).join(", ");
  const values = columns.map((name) => changed[name] ?? `t."${name}"`).join(", ");
  store.run(`insert into "${table}" (${quoted})
    select ${values} from ${source}, (select * from "${table}" where ${where} limit 1) as t;`);
}

/** A source for multiply: its columns are called column1, column2, … by both databases. */
export const listed = (rows) => `(values ${rows.map((row) => `(${row.join(", ")})`).join(", ")}) as v`;
