import { median, sleep } from "../lib/numbers.mjs";
import { memoryMiB } from "../lib/proc.mjs";
import { untilAnswered } from "../lib/processes.mjs";

/** From nothing to the first answer that needs the database, on one that exists; and the memory two seconds later. */
export async function starts(bench, database, seeded) {
  await bench.attempt("cold", async () => {
    let able = seeded.map((one) => ({ ...one, ms: [], memory: [] }));
    for (let repeat = 0; repeat < bench.options.starts; repeat++) {
      able = await bench.each("cold", able, async (one) => {
        const { system, state, ms, memory } = one;
        if (repeat >= (system.repeats ?? bench.options.starts)) return one;
        const server = await system.launch(state.name);
        ms.push(await untilAnswered(server.process, { url: server.url, ...system.first(state) }));
        await sleep(2000);
        memory.push(memoryMiB(server.pid));
        await bench.end(server);
        return one;
      });
    }
    bench.record(able.flatMap(({ system: { title: system }, ms, memory }) => [
      { database, system, scenario: "cold", ms: median(ms), all: ms.map(Math.round) },
      { database, system, scenario: "memory-idle", memory: median(memory) },
    ]));
  });
}
