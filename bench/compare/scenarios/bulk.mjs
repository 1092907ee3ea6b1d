import { median } from "../lib/numbers.mjs";

/** Ten thousand people in one call, until each has his result; beside it what the engine needs for the same rows. */
export async function bulk(bench, database, usher, state) {
  await bench.attempt("bulk", async () => {
    const taken = [], engine = [];
    let rows;
    for (let repeat = 0; repeat < bench.options.repeats; repeat++) {
      usher.copy(state.name, "bulk");
      const server = await usher.serve("bulk");
      // As before every other scenario: a server's hot code is compiled a second time after some seconds of load.
      const warmUntil = Date.now() + bench.options.restartSeconds * 1000;
      for (let call = 0; call === 0 || Date.now() < warmUntil; call++) await usher.bulk(server, bench.options.bulkWarmRows, `warm${call}`);
      const since = Date.now();
      taken.push(await usher.bulk(server, bench.options.bulkRows, "bulk"));
      await bench.end(server, "SIGKILL");
      const alone = usher.engineTime("bulk", since);
      engine.push(alone.took);
      rows = alone.rows;
      usher.remove("bulk");
    }
    bench.record([
      { database, system: usher.title, scenario: "bulk", ms: median(taken), all: taken.map(Math.round) },
      { database, system: "engine alone", scenario: "bulk", ms: median(engine), all: engine.map(Math.round), rows },
    ]);
  });
}
