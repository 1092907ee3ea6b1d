import { median } from "../lib/numbers.mjs";
import { cpuOf, readCpu, spent, standsStill } from "./measure.mjs";

/** Ten thousand people in one call, until each has a result; beside it what the engine needs for the same rows. */
export async function bulk(bench, database, usher, state) {
  await bench.attempt("bulk", async () => {
    const { options } = bench;
    usher.copy(state.name, "bulk");
    const server = await usher.serve("bulk");
    const costs = [];
    while (costs.length < options.warmSlices && !standsStill(costs, options)) {
      costs.push(cpuOf(await timed(bench, database, usher, server, options.bulkWarmRows, `warm${costs.length}`)));
    }
    await usher.analyze({ name: "bulk" });
    const calls = [];
    let since;
    for (let repeat = 0; repeat < options.repeats; repeat++) {
      since = Date.now();
      calls.push(await timed(bench, database, usher, server, options.bulkRows, `bulk${repeat}`));
    }
    await bench.end(server, "SIGKILL");
    const { taken, rows } = usher.engineTime("bulk", since, options.repeats);
    usher.remove("bulk");
    const result = (system, times, more) =>
      ({ database, system, scenario: "bulk", ms: median(times), all: times.map(Math.round), ...more });
    bench.record([
      result(usher.title, calls.map(({ ms }) => ms), { totalCpu: median(calls.map(cpuOf)) * options.bulkRows / 1000 }),
      result("engine alone", taken, { rows }),
    ]);
  });
}

async function timed(bench, database, usher, server, rows, name) {
  const before = readCpu(bench, database, server);
  const ms = await usher.bulk(server, rows, name);
  return { ms, ...spent(before, readCpu(bench, database, server), rows) };
}
