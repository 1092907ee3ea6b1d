// Installs, measures, reports. See bench/README.md.
import fs from "node:fs";
import path from "node:path";
import { Bench } from "./bench.mjs";
import { install, isInstalled, publish, publishedMiB, say } from "./install.mjs";
import { data, repository, work } from "./lib/places.mjs";
import { untilAnswered } from "./lib/processes.mjs";
import { wrk } from "./lib/wrk.mjs";
import { connections, readOptions } from "./options.mjs";
import { barRows } from "./report/bar.mjs";
import { writePage } from "./report/page.mjs";
import { barText } from "./report/text.mjs";
import { accepts, acceptsWithoutHash, personsNeeded } from "./scenarios/accepts.mjs";
import { bulk } from "./scenarios/bulk.mjs";
import { growth } from "./scenarios/growth.mjs";
import { invites, invitesWithMail } from "./scenarios/invites.mjs";
import { reads, signIns } from "./scenarios/reads.mjs";
import { starts } from "./scenarios/starts.mjs";
import { BetterAuth } from "./systems/better-auth.mjs";
import { BareRead } from "./systems/ceiling.mjs";
import { Directus } from "./systems/directus.mjs";
import { Usher } from "./systems/usher.mjs";

const began = performance.now();
const options = readOptions(process.argv.slice(2));

install("tools");
install("better-auth");
if (options.directus === "all") {
  install("node22");
  install("directus", "node22");
} else if (!isInstalled("directus")) {
  options.directus = "none";
}
const isFirst = !fs.existsSync(path.join(work, "usher"));
const published = performance.now();
if (options.publish) publish();
// A first build may take minutes and is an installation; a later one is part of the time that --quick promises.
if (!isFirst) options.limitSeconds -= (performance.now() - published) / 1000;

fs.rmSync(data, { recursive: true, force: true });
fs.mkdirSync(data, { recursive: true });
const bench = await new Bench(options).prepare();
bench.size = publishedMiB();

for (const database of options.databases) {
  bench.begin(database);
  await bench.try("all scenarios", () => measureAll(database));
}
await bench.finish();

const rows = barRows(bench);
console.log(barText(bench, rows));
const result = { at: new Date().toISOString(), options: { ...options, only: options.only && [...options.only] }, size: bench.size, results: bench.results, failures: bench.failures, rows };
fs.writeFileSync(path.join(work, options.quick ? "quick.json" : "full.json"), JSON.stringify(result, null, 1));
if (!options.quick) writePage(bench, rows, options.altered ? path.join(work, "page") : path.join(repository, "docs"));
say(`took ${Math.round((performance.now() - began) / 1000)} s`);
process.exit(0);

async function measureAll(database) {
  const usher = new Usher(bench, database), betterAuth = new BetterAuth(bench, database);
  const peers = [betterAuth, ...(options.directus === "all" ? [new Directus(bench, database)] : [])];
  const wanted = { members: options.members, persons: bench.wants("accept") || bench.wants("accept-new") ? personsNeeded(options) : 0 };
  const seeded = [];
  for (const system of [usher, ...peers]) {
    say(`${database}: making ${options.members} members for ${system.title}`);
    seeded.push({ system, state: await system.seed("main", wanted) });
  }
  // Usher's database in three: for what reads and joins, for what invites, and one that stays as it is until the end.
  for (const copy of ["invited", "clean"]) usher.copy("main", copy);
  const named = (name) => seeded.map(({ system, state }) => ({ system, state: system === usher ? { ...state, name } : state }));
  await starts(bench, database, seeded);

  // First, and by servers just started: what they have in memory afterwards is the invites'.
  if (bench.wants("invite")) {
    const inviting = await serveAll(named("invited"));
    await warmUp(inviting);
    await invites(bench, database, inviting);
    for (const { server } of inviting) await bench.end(server, "SIGKILL");
  }

  const ceiling = new BareRead(bench, database);
  const bare = { title: ceiling.title, server: await ceiling.serve(options.members), get request() { return ceiling.request; } };
  const contestants = await serveAll(seeded);
  await warmUp([bare, ...contestants]);
  await reads(bench, database, { ceiling: bare, contestants });
  await bench.end(bare.server);
  await accepts(bench, database, contestants);
  await signIns(bench, database, contestants);
  for (const { server } of contestants) await bench.end(server, "SIGKILL");
  await acceptsWithoutHash(bench, database, usher, seeded[0].state);

  await bulk(bench, database, usher, { ...seeded[0].state, name: "clean" });
  await growth(bench, database, usher);
  // The last, because it alone changes the clean copy.
  await invitesWithMail(bench, database, usher, { ...seeded[0].state, name: "clean" });
  if (options.directus === "cold" && bench.wants("cold") && bench.secondsLeft > 40) await startsOfDirectus(database);
}

// In a quick run there is no time for more of it, and for this much only where the rest went fast.
function startsOfDirectus(database) {
  return bench.try("cold, Directus", async () => {
    const system = new Directus(bench, database);
    await starts(bench, database, [{ system, state: await system.seed("main", { members: 100 }) }]);
  });
}

// A server that was just started is not yet what it will be: the compilers are still at work.
async function warmUp(contestants) {
  for (const { server, request, requests } of contestants) await wrk(server.url, request ?? requests.get, { connections, seconds: options.restartSeconds });
}

async function serveAll(seeded) {
  const contestants = [];
  for (const { system, state } of seeded) {
    const server = await system.launch(state.name);
    await untilAnswered(server.process, { url: server.url, ...system.first(state) });
    contestants.push({ system, state, server, requests: await system.requests(server, state) });
  }
  return contestants;
}
