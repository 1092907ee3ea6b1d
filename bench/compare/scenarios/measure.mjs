// One scenario, everybody it is for, one after another and then again: what is compared was measured in the same minute.
import os from "node:os";
import { call, together } from "../lib/http.mjs";
import { cpuSeconds, machineSeconds } from "../lib/proc.mjs";
import { median, sleep } from "../lib/numbers.mjs";
import { wrk } from "../lib/wrk.mjs";
import { connections } from "../options.mjs";

/**
 * @param runners [{title, server, next}]: next() gives the request of each repeat; or [{title, rate}]: rate() gives a ceiling's operations a second
 * @param how at: connections; seconds of a run; warm: seconds before the first, 0 for none
 * @returns {Promise<object[]>} one result for each runner, medians of the repeats
 */
export async function measure(bench, database, scenario, runners, { at = connections, seconds = bench.options.seconds, warm = bench.options.warmSeconds } = {}) {
  const { repeats } = bench.options;
  const runs = runners.map(() => []);
  for (const runner of runners) {
    if (!runner.server || warm === 0) continue;
    // A refusal shows here: measured runs do not look at what they are answered.
    const request = await runner.next();
    const { bad, sample } = await wrk(runner.server.url, request, { connections: at, seconds: warm, look: true });
    if (bad > 0) throw new Error(`${runner.title}, ${scenario}: ${bad} of the warm-up's requests were refused: ${sample}`);
  }
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [i, runner] of runners.entries()) {
      runs[i].push(runner.rate ? { rps: await runner.rate() } : await once(bench, database, runner, await runner.next(), { at, seconds: runner.seconds ?? seconds }));
    }
  }
  return runners.map((runner, i) => {
    const result = { database, system: runner.title, scenario, connections: at, repeats };
    for (const name of ["rps", "p50", "p99", "cpu", "databaseCpu", "others"]) result[name] = median(runs[i].map((run) => run[name]));
    result.all = runs[i].map((run) => Math.round(run.rps));
    result.bad = runs[i].reduce((sum, run) => sum + (run.bad ?? 0), 0);
    result.bytes = runs[i][0].bytes / runs[i][0].requests;
    if (result.bad > 0) console.error(`${runner.title}, ${scenario}: ${result.bad} requests were refused or broke: the figure does not count`);
    return result;
  });
}

/** One measured run: microseconds of CPU per request of the server's processes and of PostgreSQL's, and how busy others kept the machine meanwhile. */
export async function once(bench, database, { server }, request, { at, seconds }) {
  const postgres = database === "postgresql" ? bench.postgres.pid : undefined;
  await quiet(server.pid);
  const read = () => ({ server: cpuSeconds(server.pid), postgres: postgres && cpuSeconds(postgres), ours: cpuSeconds(process.pid), machine: machineSeconds(), at: performance.now() });
  const before = read();
  const run = await wrk(server.url, request, { connections: at, seconds });
  const after = read();
  if (run.requests === 0) throw new Error(`nothing was answered in ${seconds} s`);
  const perRequest = (name) => (after[name] - before[name]) / run.requests * 1e6;
  const others = (after.machine - before.machine - (after.ours - before.ours)) / ((after.at - before.at) / 1000) / os.cpus().length;
  return { ...run, cpu: perRequest("server"), databaseCpu: postgres && perRequest("postgres"), others: Math.max(0, others) };
}

/**
 * The same for requests that cost a tenth of a second of CPU each: a fixed number of them, to the last answer. In a run that ends by the clock, those still on
 * their way would be a good part of all, paid for and not counted.
 * @param runners [{title, server, next}], whose requests have rows
 */
export async function measureSlow(bench, database, scenario, runners) {
  const runs = runners.map(() => []);
  for (let repeat = 0; repeat < bench.options.repeats; repeat++) {
    for (const [i, { server, next }] of runners.entries()) {
      const request = await next();
      await quiet(server.pid);
      const before = { server: cpuSeconds(server.pid), postgres: bench.postgres && cpuSeconds(bench.postgres.pid), at: performance.now() };
      const waited = [];
      let bad = 0;
      await together(request.rows.length, async (n) => {
        const { path, body, header } = request.rows[n], began = performance.now();
        const headers = { ...request.headers, ...(header ? { [request.rowHeader]: header } : {}) };
        const { status } = await call(server.url + (path ?? request.path), { method: request.method, headers, body: body ?? request.body });
        waited.push(performance.now() - began);
        if (status >= 400) bad++;
      }, connections);
      const seconds = (performance.now() - before.at) / 1000;
      await quiet(server.pid);
      waited.sort((a, b) => a - b);
      const per = 1e6 / waited.length;
      runs[i].push({
        rps: waited.length / seconds, p50: median(waited), p99: waited[Math.ceil(waited.length * 0.99) - 1], bad, cpu: (cpuSeconds(server.pid) - before.server) * per,
        databaseCpu: database === "postgresql" ? (cpuSeconds(bench.postgres.pid) - before.postgres) * per : undefined,
      });
    }
  }
  return runners.map(({ title }, i) => bench.medians({ database, system: title, scenario }, runs[i]));
}

/** Waits until a server has done what an earlier run left it to do; at most ten seconds. */
export async function quiet(pid) {
  for (const began = performance.now(); performance.now() - began < 10_000;) {
    const before = cpuSeconds(pid);
    await sleep(150);
    if (cpuSeconds(pid) - before <= 0.01) return;
  }
}
