// A database that is open to us while no server has it: to read its catalogue, to multiply rows, to copy it. Both kinds speak enough of the same SQL that
// the rest need not know which it is; what differs is here.
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
  rows(query) { return this.db.prepare(query).raw().all().map((row) => row.map((v) => v === null ? "" : Buffer.isBuffer(v) ? v.toString("hex") : String(v))); }

  columns(table) { return this.db.pragma(`table_info("${table}")`).map((c) => c.name); }

  series(from, to) { return `(with recursive s(i) as (select ${from} union all select i + 1 from s where i < ${to}) select i from s)`; }

  hex(expression, width) { return `printf('%0${width}x', ${expression})`; }

  uuid(hexadecimal) { return `unhex(${hexadecimal})`; }

  bytes(buffer) { return `X'${buffer.toString("hex")}'`; }

  get now() { return "cast(unixepoch('subsec') * 1000 as integer)"; }

  /** Makes what was written part of the main file, as after a long quiet night. */
  settle() { this.db.pragma("wal_checkpoint(truncate)"); }

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

export class PostgresStore {
  constructor(postgres, database) {
    this.postgres = postgres;
    this.database = database;
  }

  run(statements) { this.postgres.run(this.database, statements); }

  rows(query) {
    const said = this.postgres.run(this.database, query);
    return said === "" ? [] : said.split("\n").map((line) => line.split("|").map((v) => v.startsWith("\\x") ? v.slice(2) : v));
  }

  columns(table) { return this.rows(`select column_name from information_schema.columns where table_schema = current_schema() and table_name = '${table}' order by ordinal_position`).map(([name]) => name); }

  series(from, to) { return `generate_series(${from}::bigint, ${to}::bigint) as s(i)`; }

  hex(expression, width) { return `lpad(to_hex((${expression})::bigint), ${width}, '0')`; }

  uuid(hexadecimal) { return `(${hexadecimal})::uuid`; }

  bytes(buffer) { return `'\\x${buffer.toString("hex")}'::bytea`; }

  get now() { return "now()"; }

  settle() { this.run("vacuum analyze; checkpoint;"); }

  timed(statements) {
    // psql's own clock: starting psql is not the engine's time. COMMIT counts, it is where the disk is waited for.
    const said = this.postgres.run(this.database, `\\timing on\nbegin;\n${statements};\ncommit;`);
    return [...said.matchAll(/^Time: ([\d.]+) ms/gm)].reduce((sum, [, ms]) => sum + Number(ms), 0);
  }

  close() {}
}

/**
 * Copies the one row of a table that `where` finds, once for each row of `source` (a store's series, or rows()), with the columns in `changed` replaced by
 * expressions of its columns. The columns come from the catalogue: one that is added to the schema later is copied like the others.
 */
export function multiply(store, table, where, source, changed) {
  const columns = store.columns(table);
  const unknown = Object.keys(changed).filter((name) => !columns.includes(name));
  if (unknown.length > 0) throw new Error(`${table} has no ${unknown.join(", ")} any more; its columns: ${columns.join(", ")}`);
  const quoted = columns.map((name) => `"${name}"`).join(", ");
  const values = columns.map((name) => changed[name] ?? `t."${name}"`).join(", ");
  store.run(`insert into "${table}" (${quoted}) select ${values} from ${source}, (select * from "${table}" where ${where} limit 1) as t;`);
}

/** A source for multiply: its columns are called column1, column2, … by both databases. */
export const listed = (rows) => `(values ${rows.map((row) => `(${row.join(", ")})`).join(", ")}) as v`;
