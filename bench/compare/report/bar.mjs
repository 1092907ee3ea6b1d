// The bar that Usher is held to, and what was measured against it. Every row: what it is, two figures, their ratio or the figure itself, the limit, the verdict.
import { show } from "../lib/numbers.mjs";
import { growthScenarios } from "../scenarios/growth.mjs";

const atLeast = (limit) => ({ text: `≥ ${limit} ×`, holds: (value) => value >= limit, unit: "×" });
const atMost = (limit, unit = "×") => ({ text: `≤ ${limit} ${unit}`, holds: (value) => value <= limit, unit });

/** @returns {{title, database, usher, other, value, bar, verdict}[]} texts, ready to show */
export function barRows(bench) {
  return bench.options.databases.flatMap((database) => rowsOf(bench, database)).concat(sizeRow(bench));
}

function rowsOf(bench, database) {
  const sqlite = database === "sqlite";
  const of = (system, scenario) => {
    const found = bench.find(database, system, scenario);
    return found?.bad > 0 ? undefined : found;
  };
  const usher = (scenario) => of("Usher", scenario), peer = (scenario) => of("better-auth", scenario);
  const cpu = (result) => result && result.cpu + (result.databaseCpu ?? 0);
  const perSecond = (value) => show(value, "/s"), microseconds = (value) => show(value, "µs CPU"), milliseconds = (value) => show(value, "ms"), mib = (value) => show(value, "MiB");

  const row = (title, bar, value, mine, theirs = "") => ({
    title, database, usher: mine, other: theirs, value: show(value, bar.unit), bar: bar.text,
    verdict: value === undefined || Number.isNaN(value) ? "not measured" : bar.holds(value) ? "met" : "missed",
  });
  const faster = (title, scenario, limit, other = peer(scenario), name = "better-auth") =>
    row(title, atLeast(limit), usher(scenario)?.rps / other?.rps, perSecond(usher(scenario)?.rps), `${name} ${perSecond(other?.rps)}`);
  const smaller = (title, limit, mine, theirs, name, unit) => row(title, atMost(limit), mine / theirs, unit(mine), `${name} ${unit(theirs)}`);

  const pages = ["first", "middle", "last"].map((which) => usher(`page-${which}`)).map(cpu);
  const spread = pages.includes(undefined) ? undefined : Math.max(...pages) / Math.min(...pages);
  const rest = cpu(usher("accept-new-rest"));

  return [
    faster("invite", "invite", sqlite ? 14 : 10),
    faster("invite", "invite", sqlite ? 0.4 : 0.2, of("three inserts", "invite"), "three inserts"),
    row("invite", atMost(sqlite ? 300 : 650, "µs"), cpu(usher("invite")), microseconds(cpu(usher("invite")))),
    faster("get one", "get", 15),
    faster("get one", "get", 0.8, of("bare read", "get"), "bare read"),
    ...["first", "middle", "last"].map((which) => faster(`page of 50, ${which}`, `page-${which}`, 16)),
    row("pages, dearest to cheapest", atMost(1.2), spread, pages.map((page) => show(page)).join(", ") + " µs CPU"),
    smaller(`bulk of ${bench.options.bulkRows.toLocaleString("en-US")}`, 4, usher("bulk")?.ms, of("engine alone", "bulk")?.ms, "engine alone", milliseconds),
    faster("accept, existing person", "accept", 8),
    row("accept, new person, beside the hash", atMost(1000, "µs"), rest, microseconds(rest), `hash ${microseconds(of("password hash", "accept-new")?.cpu)}`),
    smaller("p99 of get while 64 join", 2, usher("crowd-with")?.p99, usher("crowd-without")?.p99, "without", milliseconds),
    smaller("cold start", 1.2, usher("cold")?.ms, peer("cold")?.ms, "better-auth", milliseconds),
    smaller("cold start", 0.2, usher("cold")?.ms, of("Directus", "cold")?.ms, "Directus", milliseconds),
    smaller("memory, idle", 0.8, usher("memory-idle")?.memory, peer("memory-idle")?.memory, "better-auth", mib),
    smaller("memory, after the invites", 0.5, usher("memory-after")?.memory, peer("memory-after")?.memory, "better-auth", mib),
    ...growthScenarios.map((scenario) => {
      const sizes = bench.results.filter((r) => r.database === database && r.scenario === `growth-${scenario}`);
      const costs = sizes.map(cpu);
      const ratio = sizes.length > 1 && sizes.every((r) => r.bad === 0) ? Math.max(...costs) / costs[0] : undefined;
      return row(`growth: ${scenario === "page-middle" ? "page" : scenario}`, atMost(1.15), ratio, costs.map((c) => show(c)).join(", ") + " µs CPU", sizes.length ? `${sizes.map((s) => s.size).join("; ")} members` : "");
    }),
  ];
}

const sizeRow = (bench) => {
  const bar = atMost(45, "MiB");
  return { title: "published size", database: "", usher: show(bench.size, "MiB"), other: "", value: show(bench.size, "MiB"), bar: bar.text, verdict: bar.holds(bench.size) ? "met" : "missed" };
};
