import { median, sleep } from "../lib/numbers.mjs";
import { memoryMiB } from "../lib/proc.mjs";
import { untilAnswered } from "../lib/processes.mjs";

/** From nothing to the first answer that needs the database, on one that exists; and the memory two seconds later. */
export async function starts(bench, database, seeded) {
  await bench.attempt("cold", async () => {
    const taken = seeded.map(() => ({ ms: [], memory: [] }));
    for (let repeat = 0; repeat < bench.options.starts; repeat++) {
      for (const [i, { system, state }] of seeded.entries()) {
        if (repeat >= (system.repeats ?? bench.options.starts)) continue;
        const server = await system.launch(state.name);
        taken[i].ms.push(await untilAnswered(server.process, { url: server.url, ...system.first(state) }));
        await sleep(2000);
        taken[i].memory.push(memoryMiB(server.pid));
        await bench.end(server);
      }
    }
    bench.record(seeded.flatMap(({ system: { title: system } }, i) => [
      { database, system, scenario: "cold", ms: median(taken[i].ms), all: taken[i].ms.map(Math.round) },
      { database, system, scenario: "memory-idle", memory: median(taken[i].memory) },
    ]));
  });
}
