import { memoryMiB } from "../lib/proc.mjs";
import { threeInserts } from "../systems/ceiling.mjs";
import { measure } from "./measure.mjs";

/** One invitation a request. The servers must have been started for this: their memory afterwards is taken down. */
export async function invites(bench, database, contestants) {
  await bench.attempt("invite", async () => {
    const runners = contestants.map(({ system, server, state, requests }) => ({
      title: system.title, server, next: () => requests.invite, analyze: () => system.analyze(state),
      repeats: system.repeats,
    }));
    runners.unshift({ title: "three inserts", rate: () => threeInserts(bench, database, bench.options.seconds) });
    bench.record(await measure(bench, database, "invite", runners));
    bench.record(contestants.map(({ system: { title: system }, server }) =>
      ({ database, system, scenario: "memory-after", memory: memoryMiB(server.pid) })));
  });
}
