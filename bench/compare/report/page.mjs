// Writes performance.md and performance.svg. What people have to say stands in ../performance.*.md.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { compare, work } from "../lib/places.mjs";
import { median, show } from "../lib/numbers.mjs";
import { run } from "../lib/processes.mjs";
import { connections } from "../options.mjs";
import { chartSpec } from "./chart.mjs";

const titles = {
  get: "get one", "page-first": "page of 50, first", "page-middle": "page of 50, middle", "page-last": "page of 50, last", all: "list all, streamed", check: "access check",
  invite: "invite", "invite-mail": "invite, mails leaving", accept: "accept, existing person", "accept-new": "accept, new person", "accept-new-rest": "accept, new person, hash of one round", "sign-in": "sign in",
  "crowd-without": "get, before 64 join", "crowd-with": "get, while 64 join", "growth-get": "growth: get", "growth-page-middle": "growth: page", "growth-invite": "growth: invite",
};
const ceilings = ["bare read", "three inserts", "password hash", "engine alone"];
const names = { sqlite: "SQLite", postgresql: "PostgreSQL" };

export function writePage(bench, rows, folder) {
  fs.mkdirSync(folder, { recursive: true });
  const text = (file) => fs.readFileSync(path.join(compare, file), "utf8").trim();
  const page = [
    text("performance.head.md"),
    "![Requests a second, Usher beside better-auth and Directus](performance.svg)",
    "## The bar", barTable(rows),
    ...(bench.failures.length ? [["Not measured:", "", ...bench.failures.map((f) => `- ${f.split("\n")[0]}`)].join("\n")] : []),
    "## Every figure", explanation(bench),
    ...bench.options.databases.flatMap((database) => [`### ${names[database]}`, figures(bench, database), other(bench, database)]),
    "## Machine and method", machine(bench), text("performance.method.md"),
    text("performance.notes.md"),
  ].join("\n\n");
  fs.writeFileSync(path.join(folder, "performance.md"), `${page}\n`);
  const svg = run(process.execPath, ["chart.mjs"], { cwd: path.join(work, "tools"), input: JSON.stringify(chartSpec(bench)) });
  fs.writeFileSync(path.join(folder, "performance.svg"), `${svg}\n`);
}

const table = (head, rows, align = []) => [`| ${head.join(" | ")} |`, `|${head.map((_, i) => align[i] ?? "---").join("|")}|`, ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
const right = (from, count) => Array.from({ length: count }, (_, i) => i < from ? "---" : "---:");

const barTable = (rows) => table(["", "", "Usher", "beside", "is", "bar", ""], rows.map((r) => [r.title, names[r.database] ?? "", r.usher, r.other, r.value, r.bar, r.verdict === "missed" ? "**missed**" : r.verdict]));

function explanation(bench) {
  return `${connections} connections, ${bench.options.members.toLocaleString("en-US")} members, medians of ${bench.options.repeats}. CPU is µs per request, of the server's processes and of PostgreSQL's; `
    + "÷ ceiling: requests a second, divided by the bare read's, or for what writes by the three inserts', of the same minute; others: the share of the machine that programs outside the measurement used.";
}

function figures(bench, database) {
  const results = bench.results.filter((r) => r.database === database && titles[r.scenario] && r.rps !== undefined);
  const head = ["scenario", "", "req/s", "p50 ms", "p99 ms", "CPU server", "CPU database", "÷ ceiling", "÷ better-auth", "others"];
  return table(head, results.map((r) => {
    const ceiling = results.find((c) => c.scenario === r.scenario && ceilings.includes(c.system)), peer = results.find((c) => c.scenario === r.scenario && c.system === "better-auth");
    return [
      titles[r.scenario] + (r.size ? `, ${r.size}` : ""), ceilings.includes(r.system) ? `*${r.system}*` : r.system, show(r.rps) + (r.bad > 0 ? " (void: refusals)" : ""), show(r.p50), show(r.p99), show(r.cpu), show(r.databaseCpu),
      ceiling && ceiling !== r ? show(r.rps / ceiling.rps) : "", peer && peer !== r && ceiling !== r ? show(r.rps / peer.rps) : "", r.others === undefined ? "" : `${Math.round(r.others * 100)} %`,
    ];
  }), right(2, head.length));
}

function other(bench, database) {
  const all = bench.results.filter((r) => r.database === database);
  const lines = [
    ...all.filter((r) => r.scenario === "cold").map((r) => [`cold start to the first answer, ${r.system}`, `${show(r.ms, "ms")} (${r.all.join(", ")})`]),
    ...all.filter((r) => r.scenario === "memory-idle").map((r) => [`resident memory, idle, ${r.system}`, show(r.memory, "MiB")]),
    ...all.filter((r) => r.scenario === "memory-after").map((r) => [`resident memory after the invites, ${r.system}`, show(r.memory, "MiB")]),
    ...all.filter((r) => r.scenario === "bulk").map((r) => [`${bench.options.bulkRows.toLocaleString("en-US")} in one call, ${r.system}`, `${show(r.ms, "ms")} (${r.all.join(", ")})`]),
    ...all.filter((r) => r.scenario === "bulk" && r.rows).map((r) => ["rows that the call wrote", Object.entries(r.rows).map(([t, n]) => `${n.toLocaleString("en-US")} ${t}`).join(", ")]),
    ...all.filter((r) => r.system === "password hash").map((r) => ["one password hash", show(r.cpu, "µs CPU")]),
    ...all.filter((r) => r.scenario === "invite-mail").map((r) => ["mails delivered during those runs", `${r.delivered.toLocaleString("en-US")} of ${r.invited.toLocaleString("en-US")}; the rest later`]),
  ];
  return table(["", ""], lines);
}

function machine(bench) {
  const others = median(bench.results.map((r) => r.others)) ?? 0;
  const version = (command, args) => run(command, args).split("\n")[0];
  return [
    `- ${os.cpus().length} × ${os.cpus()[0].model.trim()}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Linux ${os.release()}; other programs used ${Math.round(others * 100)} % of it meanwhile (median).`,
    `- .NET ${version("dotnet", ["--version"])} (SDK), Node ${process.version.slice(1)}, ${bench.postgresVersion}.`,
    `- ${packages().join(", ")}.`,
    `- Measured on ${new Date().toISOString().slice(0, 10)} by \`bench/run\`.`,
  ].join("\n");
}

const packages = () => ["better-auth", "directus"].map((name) => `${name} ${JSON.parse(fs.readFileSync(path.join(compare, "packages", name, "package.json"))).dependencies[name]}`);
