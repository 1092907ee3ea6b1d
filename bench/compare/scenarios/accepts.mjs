// People who join. Each takes an invitation made before the run: a run ends when the invitations are used up.
import { passwordHash } from "../systems/ceiling.mjs";
import { sleep } from "../lib/numbers.mjs";
import { wrk } from "../lib/wrk.mjs";
import { connections, crowd } from "../options.mjs";
import { measure, measureSlow, once, quiet } from "./measure.mjs";

/** How many persons with accounts a system's seed must have for `accept`. */
export function personsNeeded(options, isUsher) {
  const [each, warm] = acceptancesOf(options, isUsher);
  return each * options.repeats + warm * options.warmSlices;
}

const acceptancesOf = (options, isUsher) => isUsher
  ? [options.acceptances, options.warmAcceptances]
  : [options.peerAcceptances, options.warmPeerAcceptances];

export async function accepts(bench, database, contestants) {
  const { options } = bench;
  await bench.attempt("accept", async () => {
    const able = contestants.filter(({ system }) => system.acceptances);
    bench.record(await measure(bench, database, "accept", able.map(({ system, server, state }) => {
      const [each, warm] = acceptancesOf(options, system.title === "Usher");
      const take = (count) => system.acceptances(server, state, count);
      const analyze = () => system.analyze(state);
      return { title: system.title, server, next: () => take(each), warm: () => take(warm), analyze };
    })));
  });

  await bench.attempt("accept-new", async () => {
    const able = contestants.filter(({ system }) => system.newcomers);
    const runners = able.map(({ system, server, state }) =>
      ({ title: system.title, server, next: () => system.newcomers(server, state, options.newcomers) }));
    bench.record([{ database, system: "password hash", scenario: "accept-new", cpu: passwordHash() * 1000 }]);
    bench.record(await measureSlow(bench, database, "accept-new", runners));
  });

  await bench.attempt("crowd", () => crowded(bench, database, contestants[0]));
}

/**
 * What a new person's acceptance costs beside the hash of the password. The hash is turned down to one round, by the
 * documented setting: the difference of two large figures would be lost in their noise.
 */
export async function acceptsWithoutHash(bench, database, usher, state) {
  await bench.attempt("accept-rest", async () => {
    const { acceptances, warmAcceptances } = bench.options;
    const server = await usher.serve(state.name, { rounds: 1 });
    const take = (count) => usher.newcomers(server, state, count);
    bench.record(await measure(bench, database, "accept-rest", [{
      title: usher.title, server, next: () => take(Math.ceil(acceptances / 2)), warm: () => take(warmAcceptances),
      analyze: () => usher.analyze(state),
    }]));
    await bench.end(server, "SIGKILL");
  });
}

// How long a get takes while a crowd of new persons has its passwords hashed.
async function crowded(bench, database, { system, server, state, requests }) {
  const seconds = Math.max(2, bench.options.seconds), runner = { title: system.title, server };
  const alone = await once(bench, database, runner, requests.get, { at: connections, seconds });
  // More of them than can be through before the run ends.
  const people = await system.newcomers(server, state, crowd + (seconds + 2) * 30);
  await quiet(server.pid);
  const joining = wrk(server.url, people, { connections: crowd, seconds: seconds + 2 });
  await sleep(800);
  const run = await wrk(server.url, requests.get, { connections, seconds });
  const joined = await joining;
  if (joined.bad + run.bad > 0) throw new Error(`${joined.bad + run.bad} requests were refused: ${joined.sample}`);
  const of = (run, scenario) => bench.medians({ database, system: system.title, scenario }, [run]);
  bench.record([of(alone, "crowd-without"), of(run, "crowd-with")]);
}
