// Installs, measures, reports. See bench/README.md.
import fs from "node:fs";
import path from "node:path";
import { Bench } from "./bench.mjs";
import { install, publish, publishedMiB, say } from "./install.mjs";
import { data, repository, work } from "./lib/places.mjs";
import { untilAnswered } from "./lib/processes.mjs";
import { readOptions } from "./options.mjs";
import { barRows } from "./report/bar.mjs";
import { writePage } from "./report/page.mjs";
import { barText } from "./report/text.mjs";
import { accepts, acceptsWithoutHash, personsNeeded } from "./scenarios/accepts.mjs";
import { bulk } from "./scenarios/bulk.mjs";
import { invites } from "./scenarios/invites.mjs";
import { mails } from "./scenarios/mails.mjs";
import { pages } from "./scenarios/pages.mjs";
import { reads, signIns } from "./scenarios/reads.mjs";
import { starts } from "./scenarios/starts.mjs";
import { BetterAuth } from "./systems/better-auth.mjs";
import { BareRead } from "./systems/ceiling.mjs";
import { Directus } from "./systems/directus.mjs";
import { Usher } from "./systems/usher.mjs";

// The scenarios that need all systems, and those that need only a database of Usher's.
const comparing = [
  "cold", "invite", "get", "page-first", "page-middle", "page-last", "all", "check", "accept", "accept-new", "crowd",
  "sign-in", "accept-rest",
];
const copying = ["bulk", "mail", "mail-beside"];

const began = performance.now();
const options = readOptions(process.argv.slice(2));

install("tools");
install("better-auth");
let directusFailure;
if (options.directus === "all") {
  try {
    install("node22");
    install("directus", "node22");
  } catch (e) {
    directusFailure = `Directus: ${e.message}`;
    options.directus = "none";
  }
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
if (directusFailure) bench.failures.push(directusFailure);

for (const database of options.databases) {
  bench.begin(database);
  await bench.try("all scenarios", () => measureAll(database));
}
await bench.finish();

const rows = barRows(bench);
console.log(barText(bench, rows));
const { size, results, failures } = bench;
const used = { ...options, only: options.only && [...options.only] };
const result = { at: new Date().toISOString(), options: used, size, results, failures, rows };
fs.writeFileSync(path.join(work, options.quick ? "quick.json" : "full.json"), JSON.stringify(result, null, 1));
if (!options.quick) writePage(bench, rows, options.altered ? path.join(work, "page") : path.join(repository, "docs"));
say(`took ${Math.round((performance.now() - began) / 1000)} s`);
process.exit(0);

async function measureAll(database) {
  const usher = new Usher(bench, database), peers = [new BetterAuth(bench, database)];
  if (options.directus === "all") peers.push(new Directus(bench, database));
  const seeded = bench.wantsOf(comparing) ? await seedAll(database, [usher, ...peers]) : [];
  if (seeded.length > 0) await compare(database, usher, seeded);

  const [{ state } = {}] = seeded;
  if (bench.wantsOf(copying)) {
    const clean = state ? { ...state, name: "clean" } : await usher.seed("clean", { members: options.members });
    await bulk(bench, database, usher, clean);
    // It alone changes the clean copy.
    await mails(bench, database, usher, clean);
  }
  await pages(bench, database, usher);
}

async function seedAll(database, systems) {
  const seed = async (system) => {
    say(`${database}: making ${options.members} members for ${system.title}`);
    const persons = bench.wants("accept") ? personsNeeded(options, system.title === "Usher") : 0;
    return { system, state: await system.seed("main", { members: options.members, persons }) };
  };
  // Without Usher's there is nothing to compare.
  const [usher, ...peers] = systems;
  return [await seed(usher), ...await bench.each("seed", peers, seed)];
}

async function compare(database, usher, seeded) {
  // Usher's database in three: for what reads and joins, for what invites, and one that stays as it is.
  for (const copy of ["invited", "clean"]) usher.copy("main", copy);
  await starts(bench, database, seeded);

  // First, and by servers just started: their memory afterwards is the invites'.
  if (bench.wants("invite")) {
    const inviting = await serveAll(seeded.map(({ system, state }) =>
      ({ system, state: system === usher ? { ...state, name: "invited" } : state })));
    await invites(bench, database, inviting);
    for (const { server } of inviting) await bench.end(server, "SIGKILL");
    for (const { system, state } of seeded) if (system !== usher) system.analyze(state);
  }

  const ceiling = new BareRead(bench, database);
  const bare = { title: ceiling.title, server: await ceiling.serve(options.members), request: ceiling.request };
  const contestants = await serveAll(seeded);
  await reads(bench, database, { ceiling: bare, contestants });
  await bench.end(bare.server);
  await accepts(bench, database, contestants);
  await signIns(bench, database, contestants);
  for (const { server } of contestants) await bench.end(server, "SIGKILL");
  await acceptsWithoutHash(bench, database, usher, seeded[0].state);
}

async function serveAll(seeded) {
  return bench.each("start", seeded, async ({ system, state }) => {
    const server = await system.launch(state.name);
    await untilAnswered(server.process, { url: server.url, ...system.first(state) });
    return { system, state, server, requests: await system.requests(server, state) };
  });
}
