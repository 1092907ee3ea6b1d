// Starts processes and ends those it started, whatever becomes of this one.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { logs } from "./places.mjs";
import { sleep } from "./numbers.mjs";

const running = new Set();

/** Those that run now. */
export const started = () => new Set(running);

process.on("exit", () => { for (const child of running) child.kill("SIGKILL"); });
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
  process.on(signal, () => process.exit(code));
}

/** @returns the child process; its output is appended to logs/{log}.log. */
export function start(command, args, { env = {}, cwd, log }) {
  const file = fs.openSync(path.join(logs, `${log}.log`), "a");
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", file, file] });
  fs.closeSync(file);
  child.log = path.join(logs, `${log}.log`);
  running.add(child);
  child.on("error", () => running.delete(child));
  child.on("exit", () => running.delete(child));
  return child;
}

/** Asks it to end, and insists after ten seconds. */
export async function stop(child, signal = "SIGTERM") {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once("exit", done));
  child.kill(signal);
  const insist = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(insist);
}

/** Runs to the end; throws with its output unless it succeeds. */
export function run(command, args, { env = {}, cwd, input, quiet = true } = {}) {
  const stdio = ["pipe", "pipe", quiet ? "pipe" : "inherit"];
  const environment = { ...process.env, ...env };
  const ended = spawnSync(command, args, { cwd, env: environment, input, encoding: "utf8", maxBuffer: 1 << 29, stdio });
  if (ended.error) throw ended.error;
  if (ended.status !== 0) {
    const output = `${ended.stderr ?? ""}${ended.stdout}`.slice(-2000);
    throw new Error(`${path.basename(command)} ended with ${ended.status ?? ended.signal}: ${output}`);
  }
  return ended.stdout.trim();
}

/** Like run, for programs that load the machine: this process goes on with its own work meanwhile. */
export async function runAside(command, args, { env = {} } = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let output = "";
  child.stdout.on("data", (text) => { output += text; });
  child.stderr.on("data", (text) => { output += text; });
  const code = await new Promise((done, failed) => child.once("close", done).once("error", failed));
  running.delete(child);
  return { code, output };
}

/** Milliseconds until the request is answered with 200, each try on a connection of its own. */
export async function untilAnswered(child, { url, path: where, headers = {}, method = "GET" }, limitSeconds = 60) {
  const began = performance.now();
  let last;
  while (performance.now() - began < limitSeconds * 1000) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${endOf(child.log)}`);
    if ((last = await status(url + where, method, headers)) === 200) return performance.now() - began;
    await sleep(4);
  }
  throw new Error(`${where} is answered with ${last || "nothing"} after ${limitSeconds} s: ${endOf(child.log)}`);
}

const endOf = (log) => fs.readFileSync(log, "utf8").slice(-1500);

const status = (url, method, headers) => new Promise((done) => {
  const request = http.request(url, { method, headers, agent: false, timeout: 20_000 }, (answer) => {
    answer.resume();
    answer.on("end", () => done(answer.statusCode)).on("error", () => done(0));
  });
  request.on("timeout", () => request.destroy()).on("error", () => done(0)).end();
});

const given = new Set();
export async function freePort() {
  for (;;) {
    const server = net.createServer();
    const port = await new Promise((done, failed) => {
      server.once("error", failed).listen(0, "127.0.0.1", () => done(server.address().port));
    });
    await new Promise((done) => server.close(done));
    if (!given.has(port)) return given.add(port), port;
  }
}
