// One scenario: all systems that have it, one after another and then again. What is compared was measured in the same
// minute.
import os from "node:os";
import { call, together } from "../lib/http.mjs";
import { cpuSeconds, machineSeconds } from "../lib/proc.mjs";
import { mean, median, sleep } from "../lib/numbers.mjs";
import { wrk } from "../lib/wrk.mjs";
import { connections } from "../options.mjs";

/** What a request costs: microseconds of the server's processes and of PostgreSQL's. */
export const cpuOf = (result) => result && result.cpu + (result.databaseCpu ?? 0);

/**
 * @param runners [{title, server, next}]: next() gives the request of each repeat. Optional: warm() gives the request
 *   of a slice of warming; analyze() is called after it; repeats. Or [{title, rate}]: rate() measures a ceiling
 * @param how at: connections; seconds of a run; repeats; warm: whether to warm before
 * @returns {Promise<object[]>} one result for each runner, medians of the repeats
 */
export async function measure(bench, database, scenario, runners, how = {}) {
  const { at = connections, seconds = bench.options.seconds, repeats = bench.options.repeats, warm = true } = how;
  let able = await bench.each(scenario, runners, async (runner) => {
    if (warm && runner.server) await warmUp(bench, database, scenario, runner, at);
    await runner.analyze?.();
    return { ...runner, runs: [] };
  });
  for (let repeat = 0; repeat < repeats; repeat++) {
    able = await bench.each(scenario, able, async (runner) => {
      if (repeat >= (runner.repeats ?? repeats)) return runner;
      const measured = async () => once(bench, database, runner, await runner.next(), { at, seconds });
      runner.runs.push(await (runner.rate ?? measured)());
      return runner;
    });
  }
  return able.map((runner) => {
    const { runs } = runner;
    const result = bench.medians({ database, system: runner.title, scenario, connections: at }, runs);
    result.bytes = runs[0].bytes / runs[0].requests;
    if (result.bad > 0) {
      console.error(`${runner.title}, ${scenario}: ${result.bad} requests were refused or broke: the figure is void`);
    }
    return result;
  });
}

/**
 * Loads a server in slices of a second until CPU per request stands still, or for as long as the options allow. A
 * server that was just started is not yet what it will be: its compilers are still at work.
 */
async function warmUp(bench, database, scenario, runner, at) {
  const { warmSlices } = bench.options;
  const costs = [];
  while (costs.length < warmSlices && !standsStill(costs, bench.options)) {
    const request = await (runner.warm ?? runner.next)();
    // A refusal shows in the first slice: the others do not look at answers. Rows are used up whatever time that takes.
    const how = { at, seconds: request.rows && !request.again ? 20 : 1, look: costs.length === 0, wait: false };
    const { bad, sample, ...run } = await once(bench, database, runner, request, how);
    if (run.requests + bad === 0) run.cpu = Infinity; // the first answer may take longer than a slice
    if (bad > 0) throw new Error(`${runner.title}, ${scenario}: ${bad} warm-up requests were refused: ${sample}`);
    costs.push(cpuOf(run));
  }
}

/** Whether the last slices did not cost noticeably less than those before them. */
export function standsStill(costs, { steadySlices, steadyWithin }) {
  if (costs.length < 2 * steadySlices) return false;
  const last = mean(costs.slice(-steadySlices)), before = mean(costs.slice(-2 * steadySlices, -steadySlices));
  return last > before * (1 - steadyWithin);
}

/** Reads the CPU time of a server, of PostgreSQL, of this process and of the machine. */
export function readCpu(bench, database, server) {
  const postgres = database === "postgresql" ? cpuSeconds(bench.postgres.pid) : undefined;
  return {
    server: cpuSeconds(server.pid), postgres, ours: cpuSeconds(process.pid), machine: machineSeconds(),
    at: performance.now(),
  };
}

/** What `count` requests cost between two readings, in microseconds each, and how busy others kept the machine. */
export function spent(before, after, count) {
  const each = (name) => after[name] === undefined ? undefined : (after[name] - before[name]) / count * 1e6;
  const seconds = (after.at - before.at) / 1000;
  const others = (after.machine - before.machine - (after.ours - before.ours)) / seconds / os.cpus().length;
  return { cpu: each("server"), databaseCpu: each("postgres"), others: Math.max(0, others) };
}

/** One measured run. */
export async function once(bench, database, { title, server }, request, { at, seconds, look, wait = true }) {
  if (wait) await quiet(server.pid);
  const before = readCpu(bench, database, server);
  const run = await wrk(server.url, request, { connections: at, seconds, look });
  const after = readCpu(bench, database, server);
  if (run.requests === 0 && wait) throw new Error(`${title} answered nothing in ${seconds} s`);
  return { ...run, ...spent(before, after, run.requests) };
}

/**
 * The same for requests that cost a tenth of a second of CPU each: a fixed number of them, to the last answer. In a run
 * that ends by the clock, those still on their way would be a good part of all, paid for and not counted.
 * @param runners [{title, server, next}], whose requests have rows
 */
export async function measureSlow(bench, database, scenario, runners) {
  return bench.each(scenario, runners, async ({ title, server, next }) => {
    const request = await next();
    await quiet(server.pid);
    const before = readCpu(bench, database, server);
    const { waited, bad } = await sendAll(server, request);
    const seconds = (performance.now() - before.at) / 1000;
    await quiet(server.pid);
    waited.sort((a, b) => a - b);
    return bench.medians({ database, system: title, scenario }, [{
      rps: waited.length / seconds, p50: median(waited), p99: waited[Math.ceil(waited.length * 0.99) - 1], bad,
      ...spent(before, readCpu(bench, database, server), waited.length), others: undefined,
    }]);
  });
}

async function sendAll(server, request) {
  const waited = [];
  let bad = 0;
  await together(request.rows.length, async (n) => {
    const { path, body, header } = request.rows[n], began = performance.now();
    const headers = { ...request.headers, ...(header ? { [request.rowHeader]: header } : {}) };
    const sent = { method: request.method, headers, body: body ?? request.body };
    const { status } = await call(server.url + (path ?? request.path), sent);
    waited.push(performance.now() - began);
    if (status >= 400) bad++;
  }, connections);
  return { waited, bad };
}

/** Waits until a server has done what an earlier run left it to do; at most ten seconds. */
export async function quiet(pid) {
  for (const began = performance.now(); performance.now() - began < 10_000;) {
    const before = cpuSeconds(pid);
    await sleep(150);
    if (cpuSeconds(pid) - before <= 0.01) return;
  }
}
