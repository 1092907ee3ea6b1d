import { median, sleep } from "../lib/numbers.mjs";
import { residentMiB } from "../lib/proc.mjs";
import { untilAnswered } from "../lib/processes.mjs";

/** From nothing to the first answer that needs the database, on one that exists; and what it has in memory two seconds later. */
export async function starts(bench, database, seeded) {
  await bench.attempt("cold", async () => {
    const taken = seeded.map(() => ({ ms: [], memory: [] }));
    for (let repeat = 0; repeat < bench.options.starts; repeat++) {
      for (const [i, { system, state }] of seeded.entries()) {
        const server = await system.launch(state.name);
        taken[i].ms.push(await untilAnswered(server.process, { url: server.url, ...system.first(state) }));
        await sleep(2000);
        taken[i].memory.push(residentMiB(server.pid));
        await bench.end(server);
      }
    }
    bench.record(seeded.flatMap(({ system }, i) => [
      { database, system: system.title, scenario: "cold", ms: median(taken[i].ms), all: taken[i].ms.map(Math.round) },
      { database, system: system.title, scenario: "memory-idle", memory: median(taken[i].memory) },
    ]));
  });
}
