// People who join. Each takes an invitation of his own, made before the run: a run ends when they are used up.
import { passwordHash, threeInserts } from "../systems/ceiling.mjs";
import { sleep } from "../lib/numbers.mjs";
import { wrk } from "../lib/wrk.mjs";
import { connections, crowd } from "../options.mjs";
import { measure, measureSlow, once, quiet } from "./measure.mjs";

/** How many persons with accounts a seed must have for `accept`. */
export const personsNeeded = ({ acceptances, repeats }) => acceptances * (repeats + 1);

export async function accepts(bench, database, contestants) {
  const { options } = bench;
  await bench.attempt("accept", async () => {
    const able = contestants.filter(({ system }) => system.acceptances);
    const runners = able.map(({ system, server, state }) => ({ title: system.title, server, next: () => system.acceptances(server, state, options.acceptances) }));
    runners.unshift({ title: "three inserts", rate: () => threeInserts(bench, database, options.ceilingSeconds) });
    bench.record(await measure(bench, database, "accept", runners, { warm: options.restartSeconds }));
  });

  await bench.attempt("accept-new", async () => {
    const able = contestants.filter(({ system }) => system.newcomers);
    const runners = able.map(({ system, server, state }) => ({ title: system.title, server, next: () => system.newcomers(server, state, options.newcomers) }));
    bench.record([{ database, system: "password hash", scenario: "accept-new", cpu: passwordHash() * 1000 }]);
    bench.record(await measureSlow(bench, database, "accept-new", runners));
  });

  await bench.attempt("crowd", () => crowded(bench, database, contestants[0]));
}

/**
 * What a new person's acceptance costs beside the hash of his password: the hash is turned down to one round, by the documented setting. The difference of two
 * large figures would be lost in their noise.
 */
export async function acceptsWithoutHash(bench, database, usher, state) {
  await bench.attempt("accept-new", async () => {
    const server = await usher.serve(state.name, { rounds: 1 });
    await wrk(server.url, (await usher.requests(server, state)).get, { connections, seconds: bench.options.restartSeconds });
    const next = () => usher.newcomers(server, state, bench.options.acceptances);
    bench.record(await measure(bench, database, "accept-new-rest", [{ title: usher.title, server, next }], { warm: bench.options.restartSeconds }));
    await bench.end(server, "SIGKILL");
  });
}

// What others wait while a crowd of new persons has its passwords hashed.
async function crowded(bench, database, { system, server, state, requests }) {
  const { options } = bench;
  const title = system.title;
  const alone = [], beside = [];
  await wrk(server.url, requests.get, { connections, seconds: options.warmSeconds });
  const seconds = Math.max(2, options.seconds);
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    alone.push(await once(bench, database, { server }, requests.get, { at: connections, seconds }));
    // More of them than can be through before the run ends.
    const people = await system.newcomers(server, state, crowd + (seconds + 2) * 30);
    await quiet(server.pid);
    const joining = wrk(server.url, people, { connections: crowd, seconds: seconds + 2 });
    await sleep(800);
    const run = await wrk(server.url, requests.get, { connections, seconds });
    const joined = await joining;
    if (joined.bad + run.bad > 0) throw new Error(`${joined.bad + run.bad} requests were refused: ${joined.sample}`);
    beside.push({ ...run, joined: joined.requests });
    await quiet(server.pid);
  }
  const of = (runs, scenario) => bench.medians({ database, system: title, scenario }, runs);
  bench.record([of(alone, "crowd-without"), of(beside, "crowd-with")]);
}
