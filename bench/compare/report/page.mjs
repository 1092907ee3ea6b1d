// Writes performance.md and performance.svg. The prose is in ../performance.*.md.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { compare, work } from "../lib/places.mjs";
import { median, show } from "../lib/numbers.mjs";
import { run } from "../lib/processes.mjs";
import { connections } from "../options.mjs";
import { chartSpec } from "./chart.mjs";
import { pageTitles as titles } from "./titles.mjs";

const ceilings = ["bare read", "three inserts", "password hash", "engine alone"];
const names = { sqlite: "SQLite", postgresql: "PostgreSQL" };

export function writePage(bench, rows, folder) {
  fs.mkdirSync(folder, { recursive: true });
  const text = (file) => fs.readFileSync(path.join(compare, file), "utf8").trim();
  const { databases } = bench.options;
  const page = [
    text("performance.head.md"),
    "## What is good", verdicts(rows, "met", "No row of the bar is met."),
    "## What is missed", verdicts(rows, "missed", "No measured row of the bar is missed."),
    ...notMeasured(bench, rows),
    "## The bar", barTable(rows),
    "![Requests a second, Usher beside better-auth and Directus](performance.svg)",
    "## Every figure", explanation(bench),
    ...databases.flatMap((database) => [`### ${names[database]}`, figures(bench, database), other(bench, database)]),
    "## Machine and method", machine(bench), text("performance.method.md"),
  ].join("\n\n");
  fs.writeFileSync(path.join(folder, "performance.md"), `${page}\n`);
  const spec = JSON.stringify(chartSpec(bench));
  const svg = run(process.execPath, ["chart.mjs"], { cwd: path.join(work, "tools"), input: spec });
  fs.writeFileSync(path.join(folder, "performance.svg"), `${svg}\n`);
}

/** One line for each title: what it is on each database that has the verdict, and the bar. */
function verdicts(rows, verdict, none) {
  const found = Map.groupBy(rows.filter((row) => row.verdict === verdict), (row) => row.title);
  const count = [...found.values()].flat().length;
  if (count === 0) return none;
  const figure = (row) => `${names[row.database] ?? ""} ${row.value} (bar ${row.bar})`.trim();
  const lines = [...found].map(([title, same]) => `- ${title}: ${same.map(figure).join("; ")}`);
  return [`${count} of ${rows.length} rows of the bar are ${verdict}:`, "", ...lines].join("\n");
}

function notMeasured(bench, rows) {
  const missing = rows.filter((row) => row.verdict === "not measured");
  const lines = [
    ...missing.map((row) => `- ${row.title} (${names[row.database]})`),
    ...bench.failures.map((failure) => `- failed: ${failure.split("\n")[0]}`),
  ];
  return lines.length === 0 ? [] : ["## What is not measured", lines.join("\n")];
}

const table = (head, rows, align = []) => [
  `| ${head.join(" | ")} |`,
  `|${head.map((_, i) => align[i] ?? "---").join("|")}|`,
  ...rows.map((row) => `| ${row.join(" | ")} |`),
].join("\n");

const right = (from, count) => Array.from({ length: count }, (_, i) => i < from ? "---" : "---:");

const barTable = (rows) => table(["", "", "Usher", "beside", "is", "bar", "CPU ratio", ""], rows.map((r) => [
  r.title, names[r.database] ?? "", r.usher, r.other, r.value, r.bar, r.cpuRatio,
  r.verdict === "met" ? r.verdict : `**${r.verdict}**`,
]));

function explanation(bench) {
  const { members, repeats } = bench.options;
  return [
    `${connections} connections, ${members.toLocaleString("en-US")} members, medians of ${repeats}.`,
    "What the bar does not ask for, and Directus, is measured once.",
    "CPU is µs per request, of the server's processes and of PostgreSQL's.",
    "÷ ceiling: requests a second divided by those of the bare read or of three inserts, of the same minute.",
    "Others: the share of the machine that programs outside the measurement used.",
  ].join("\n");
}

function figures(bench, database) {
  const results = bench.all({ database }).filter((r) => titles[r.scenario] && r.rps !== undefined);
  const head = ["scenario", "", "req/s", "p50 ms", "p99 ms", "CPU server", "CPU database", "÷ ceiling",
    "÷ better-auth", "CPU ÷ better-auth", "others"];
  return table(head, results.map((r) => figuresOf(r, results)), right(2, head.length));
}

function figuresOf(r, results) {
  const same = results.filter((other) => other.scenario === r.scenario && other !== r);
  const isCeiling = ceilings.includes(r.system);
  const ceiling = same.find((other) => ceilings.includes(other.system));
  const peer = isCeiling ? undefined : same.find((other) => other.system === "better-auth");
  const cpu = ({ cpu, databaseCpu = 0 }) => cpu + databaseCpu;
  return [
    titles[r.scenario], isCeiling ? `*${r.system}*` : r.system, show(r.rps) + (r.bad > 0 ? " (void: refusals)" : ""),
    show(r.p50), show(r.p99), show(r.cpu), show(r.databaseCpu), ceiling && !isCeiling ? show(r.rps / ceiling.rps) : "",
    peer ? show(r.rps / peer.rps) : "", peer ? show(cpu(r) / cpu(peer)) : "",
    r.others === undefined ? "" : `${Math.round(r.others * 100)} %`,
  ];
}

function other(bench, database) {
  const of = (scenario, line) => bench.all({ database, scenario }).map(line);
  const number = (n) => n.toLocaleString("en-US");
  const times = (r) => `${show(r.ms, "ms")} (${r.all.join(", ")})`;
  const bulk = `${number(bench.options.bulkRows)} in one call`;
  return table(["", ""], [
    ...of("cold", (r) => [`start to the first answer, ${r.system}`, times(r)]),
    ...of("memory-idle", (r) => [`memory (PSS), idle, ${r.system}`, show(r.memory, "MiB")]),
    ...of("memory-after", (r) => [`memory (PSS) after the invites, ${r.system}`, show(r.memory, "MiB")]),
    ...of("bulk", (r) => [`${bulk}, ${r.system}`, times(r) + (r.totalCpu ? `, ${show(r.totalCpu, "ms CPU")}` : "")]),
    ...of("bulk", (r) => r.rows && ["rows that the call wrote", written(r.rows)]).filter(Boolean),
    ...bench.all({ database, system: "password hash" }).map((r) => ["one password hash", show(r.cpu, "µs CPU")]),
    ...bench.all({ database }).filter((r) => r.pages !== undefined).map((r) => [
      `read: ${titles[r.scenario.replace("pages-", "")]}, ${contentsOf(r)}`,
      show(r.pages, "pages") + (r.steps === undefined ? "" : `, ${show(r.steps, "steps")}`),
    ]),
  ]);
}

const contentsOf = (r) => r.size ?? `${r.pending.toLocaleString("en-US")} pending, ${r.statistics} statistics`;

const written = (rows) => Object.entries(rows).filter(([, count]) => count > 0)
  .map(([table, count]) => `${count.toLocaleString("en-US")} ${table}`).join(", ");

function machine(bench) {
  const others = Math.round((median(bench.results.map((r) => r.others)) ?? 0) * 100);
  const version = (command, args) => run(command, args).split("\n")[0];
  const [cpu, gib] = [os.cpus()[0].model.trim(), Math.round(os.totalmem() / 2 ** 30)];
  return [
    `- ${os.cpus().length} × ${cpu}, ${gib} GiB, Linux ${os.release()}.`,
    `- Other programs used ${others} % of the machine meanwhile (median).`,
    `- .NET ${version("dotnet", ["--version"])} (SDK), Node ${process.version.slice(1)}, ${bench.postgresVersion}.`,
    `- ${packages().join(", ")}.`,
    `- Measured on ${new Date().toISOString().slice(0, 10)} by \`bench/run\`.`,
  ].join("\n");
}

const packages = () => ["better-auth", "directus"].map((name) => {
  const file = path.join(compare, "packages", name, "package.json");
  return `${name} ${JSON.parse(fs.readFileSync(file)).dependencies[name]}`;
});
