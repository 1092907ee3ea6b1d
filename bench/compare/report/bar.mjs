// The bar that Usher is held to, and what was measured against it.
import { show } from "../lib/numbers.mjs";
import { cpuOf } from "../scenarios/measure.mjs";
import { growthScenarios, pendingScenarios } from "../scenarios/pages.mjs";

const text = (sign, limit, unit) => `${sign} ${limit.toLocaleString("en-US")} ${unit}`;
const atLeast = (limit, unit = "×") => ({ text: text("≥", limit, unit), holds: (value) => value >= limit, unit });
const atMost = (limit, unit = "×") => ({ text: text("≤", limit, unit), holds: (value) => value <= limit, unit });

const limits = {
  sqlite: {
    invite: 16, inviteToInserts: 0.45, inviteCpu: 550, get: 30, getCpu: 1.2, page: 16, bulk: 4, accept: 8,
    acceptRest: 1500, mails: 600, mailCpu: 2000, cold: 1.5, memoryIdle: 0.9, memoryAfter: 0.6, pages: 1.15,
  },
  postgresql: {
    invite: 11, inviteToInserts: 0.25, inviteCpu: 1500, get: 15, getCpu: 1.3, page: 8, bulk: 3, accept: 5,
    acceptRest: 3000, mails: 500, mailCpu: 2000, cold: 1.6, memoryIdle: 0.9, memoryAfter: 0.6, pages: 1.15,
  },
};

const names = { get: "get one", "page-first": "page of 50, first", "page-middle": "page of 50, middle",
  "page-last": "page of 50, last", invite: "invite" };

/**
 * @returns {{title, database, usher, other, value, cpuRatio, bar, verdict}[]} texts, ready to show; cpuRatio where the
 *   bar is a ratio of requests a second
 */
export function barRows(bench) {
  return bench.options.databases.flatMap((database) => new Bar(bench, database).rows()).concat(sizeRow(bench));
}

class Bar {
  constructor(bench, database) {
    Object.assign(this, { bench, database, limits: limits[database] });
  }

  rows() {
    const { limits } = this;
    return [
      this.#faster("invite, beside better-auth", "invite", limits.invite),
      this.#faster("invite, beside three inserts", "invite", limits.inviteToInserts, "three inserts"),
      this.#costs("invite, CPU", atMost(limits.inviteCpu, "µs"), "invite"),
      this.#faster("get one, beside better-auth", "get", limits.get),
      this.#cheaper("get one, CPU beside the bare read", "get", limits.getCpu, "bare read"),
      ...["first", "middle", "last"].map((which) =>
        this.#faster(`page of 50, ${which}, beside better-auth`, `page-${which}`, limits.page)),
      ...pendingScenarios.map((scenario) => this.#pending(scenario)),
      this.#bulk(),
      this.#faster("accept by a known person, beside better-auth", "accept", limits.accept),
      this.#costs("accept by a new person, CPU beside the hash", atMost(limits.acceptRest, "µs"), "accept-rest"),
      this.#mailsPerSecond(),
      this.#costs("mails drained, CPU for each", atMost(limits.mailCpu, "µs"), "mail"),
      this.#smaller("start to first answer", limits.cold, "cold", (r) => r?.ms, "ms"),
      this.#smaller("memory, idle", limits.memoryIdle, "memory-idle", (r) => r?.memory, "MiB"),
      this.#smaller("memory, after the invites", limits.memoryAfter, "memory-after", (r) => r?.memory, "MiB"),
      ...growthScenarios.map((scenario) => this.#growth(scenario)),
    ];
  }

  #of(system, scenario) {
    const [found] = this.bench.all({ database: this.database, system, scenario });
    return found?.bad > 0 ? undefined : found;
  }

  #usher(scenario) { return this.#of("Usher", scenario); }

  #row(title, bar, value, usher, other = "", cpuRatio = undefined) {
    const verdict = value === undefined || Number.isNaN(value) ? "not measured" : bar.holds(value) ? "met" : "missed";
    const ratio = cpuRatio === undefined || Number.isNaN(cpuRatio) ? "" : show(cpuRatio, "×");
    const shown = { value: show(value, bar.unit), bar: bar.text, verdict };
    return { title, database: this.database, usher, other, cpuRatio: ratio, ...shown };
  }

  #faster(title, scenario, limit, name = "better-auth") {
    const mine = this.#usher(scenario), other = this.#of(name, scenario);
    const rate = (r) => r ? `${show(r.rps, "/s")}, ${show(cpuOf(r), "µs CPU")}` : "–";
    return this.#row(title, atLeast(limit), mine?.rps / other?.rps, rate(mine), `${name} ${rate(other)}`,
      cpuOf(mine) / cpuOf(other));
  }

  #cheaper(title, scenario, limit, name) {
    const mine = cpuOf(this.#usher(scenario)), other = cpuOf(this.#of(name, scenario));
    return this.#row(title, atMost(limit), mine / other, show(mine, "µs CPU"), `${name} ${show(other, "µs CPU")}`);
  }

  #costs(title, bar, scenario) {
    const cost = cpuOf(this.#usher(scenario));
    return this.#row(title, bar, cost, show(cost, "µs CPU"));
  }

  #smaller(title, limit, scenario, read, unit, name = "better-auth") {
    const mine = read(this.#usher(scenario)), other = read(this.#of(name, scenario));
    return this.#row(title, atMost(limit), mine / other, show(mine, unit), `${name} ${show(other, unit)}`);
  }

  #bulk() {
    const title = `bulk of ${this.bench.options.bulkRows.toLocaleString("en-US")}, beside the engine`;
    const row = this.#smaller(title, this.limits.bulk, "bulk", (r) => r?.ms, "ms", "engine alone");
    const cpu = this.#usher("bulk")?.totalCpu;
    return cpu === undefined ? row : { ...row, usher: `${row.usher}, ${show(cpu, "ms CPU")}` };
  }

  #mailsPerSecond() {
    const found = this.#usher("mail");
    const usher = found ? `${show(found.rps, "/s")}, ${show(cpuOf(found), "µs CPU")}` : "–";
    return this.#row("mails drained", atLeast(this.limits.mails, "/s"), found?.rps, usher);
  }

  #pages(scenario, more) {
    const wanted = { database: this.database, scenario: `pages-${scenario}` };
    return this.bench.all(wanted).filter(more);
  }

  #base(scenario) { return this.#pages(scenario, (r) => r.pending === 0)[0]; }

  // On SQLite the steps of its virtual machine: a tree that grows from one page to two levels reads another page for
  // each search, which is no more work. PostgreSQL's statements have buffers only.
  #counted(title, base, counted, needed, describe) {
    const [unit, read] = this.database === "sqlite" ? ["steps", (r) => r.steps] : ["buffers", (r) => r.pages];
    const ratio = base && counted.length === needed ? Math.max(...counted.map(read)) / read(base) : undefined;
    const list = (results) => `${results.map((r) => show(read(r))).join(", ")} ${unit}`;
    const usher = counted.length === 0 ? "–" : `${list(counted)} (${counted.map(describe).join("; ")})`;
    const other = base ? `${list([base])}, ${base.size}, none pending` : "–";
    return this.#row(title, atMost(this.limits.pages), ratio, usher, other);
  }

  #pending(scenario) {
    const counted = this.#pages(scenario, (r) => r.pending > 0);
    const title = `${names[scenario]}, ${this.bench.options.pending.toLocaleString("en-US")} pending`;
    return this.#counted(title, this.#base(scenario), counted, 3, (r) => `${r.statistics} statistics`);
  }

  #growth(scenario) {
    const base = this.#base(scenario);
    const counted = this.#pages(scenario, (r) => r.pending === 0 && r !== base);
    const title = `growth: ${names[scenario].replace(", middle", "")}`;
    return this.#counted(title, base, counted, 2, (r) => r.size);
  }
}

const sizeRow = (bench) => {
  const bar = atMost(45, "MiB"), size = show(bench.size, "MiB");
  const shown = { usher: size, other: "", value: size, cpuRatio: "", bar: bar.text };
  return { title: "published size", database: "", ...shown, verdict: bar.holds(bench.size) ? "met" : "missed" };
};
