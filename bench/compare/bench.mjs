// What a run has in common: the options, the mail sink, PostgreSQL, the results.
import { median } from "./lib/numbers.mjs";
import { Postgres } from "./lib/postgres.mjs";
import { started, stop } from "./lib/processes.mjs";
import { startSink } from "./lib/sink.mjs";
import { say } from "./install.mjs";

export class Bench {
  results = [];
  failures = [];

  constructor(options) {
    this.options = options;
    this.began = performance.now();
  }

  /** Each database has its share of the time, so that a slow first one leaves the second its turn. */
  begin(stage) {
    const { databases, limitSeconds } = this.options;
    this.stage = stage;
    this.until = this.began + limitSeconds * 1000 * (databases.indexOf(stage) + 1) / databases.length;
  }

  async prepare() {
    this.sink = await startSink();
    this.postgres = this.options.databases.includes("postgresql") ? await Postgres.start() : null;
    this.postgresVersion = this.postgres?.run("postgres", "select split_part(version(), ' (', 1)") ?? "no PostgreSQL";
    return this;
  }

  get secondsLeft() { return (this.until - performance.now()) / 1000; }

  wants(name) { return this.options.only ? this.options.only.has(name) : !this.options.left.includes(name); }

  wantsOf(names) { return names.some((name) => this.wants(name)); }

  /** A scenario that fails or comes too late leaves the others their turn: its rows say that it was not measured. */
  async attempt(name, work) {
    if (!this.wants(name)) return;
    if (this.secondsLeft < 0) {
      this.failures.push(`${this.stage}: ${name}: no time left`);
      return;
    }
    // A scenario that began in time may end a little late, not very late.
    let timer;
    const late = new Promise((_, failed) => {
      timer = setTimeout(() => failed(new Error("took too long")), (this.secondsLeft + 15) * 1000);
    });
    await this.try(name, () => Promise.race([work(), late]));
    clearTimeout(timer);
  }

  async try(name, work) {
    say(`${this.stage}: ${name}`);
    const before = started();
    try {
      await work();
    } catch (e) {
      await this.fail(name, e, before);
    }
  }

  /** Notes a failure. Servers started since `before` are ended: they would take part in what follows. */
  async fail(name, error, before) {
    this.failures.push(`${this.stage}: ${name}: ${error.message}`);
    say(`${name} failed: ${error.stack}`);
    for (const child of started()) if (!before.has(child)) await stop(child, "SIGKILL");
  }

  /** Runs the work for each of these; those that fail are left out, with a note. @returns the others' results */
  async each(name, systems, work) {
    const results = [];
    for (const one of systems) {
      const before = started();
      try {
        results.push(await work(one));
      } catch (e) {
        await this.fail(`${name}, ${one.title ?? one.system.title}`, e, before);
      }
    }
    return results;
  }

  record(results) { this.results.push(...results); }

  /** The result of runs, each figure the median of theirs. */
  medians(result, runs) {
    for (const name of ["rps", "p50", "p99", "cpu", "databaseCpu", "others"]) {
      result[name] = median(runs.map((run) => run[name]));
    }
    const bad = runs.reduce((sum, run) => sum + (run.bad ?? 0), 0);
    return { ...result, repeats: runs.length, all: runs.map((run) => Math.round(run.rps)), bad };
  }

  /** @returns the results with these values */
  all(wanted) { return this.results.filter((r) => Object.entries(wanted).every(([name, value]) => r[name] === value)); }

  end(server, signal) { return stop(server.process, signal); }

  async finish() {
    await this.postgres?.stop();
  }
}
