// What changes nothing: every system serves the same database all the while.
import { wrk } from "../lib/wrk.mjs";
import { measure, measureSlow } from "./measure.mjs";

// The bare read is compared where the work is the same.
const names = ["get", "page-first", "page-middle", "page-last", "check"];

export async function reads(bench, database, { ceiling, contestants }) {
  for (const name of names) {
    await bench.attempt(name, async () => {
      const runners = runnersOf(contestants, name);
      if (name === "get") {
        runners.unshift({ title: ceiling.title, server: ceiling.server, next: () => ceiling.request });
      }
      const repeats = name === "check" ? 1 : bench.options.repeats;
      // In a quick run the first page's warming is that of the others: they run the same code.
      const warm = !(bench.options.quick && ["page-middle", "page-last"].includes(name));
      bench.record(await measure(bench, database, name, runners, { repeats, warm }));
    });
  }
  await bench.attempt("all", () => wholeLists(bench, database, runnersOf(contestants, "all")));
}

// A whole list is a thousand times a request's work: sixteen at once would only wait for each other.
async function wholeLists(bench, database, runners) {
  for (const { server, next } of runners) await wrk(server.url, next(), { connections: 2, seconds: 3 });
  bench.record(await measure(bench, database, "all", runners, { at: 2, seconds: 4, repeats: 1, warm: false }));
}

const runnersOf = (contestants, name) => contestants
  .filter(({ requests }) => requests[name])
  .map(({ system, server, requests }) => ({
    title: system.title, server, next: () => requests[name], repeats: system.repeats,
  }));

export async function signIns(bench, database, contestants) {
  await bench.attempt("sign-in", async () => {
    const runners = runnersOf(contestants, "sign-in")
      .map((runner) => ({ ...runner, next: () => repeated(runner.next(), bench.options.newcomers) }));
    bench.record(await measureSlow(bench, database, "sign-in", runners));
  });
}

function repeated(request, count) {
  const rows = Array.from({ length: count }, (_, i) => request.rows?.[i % request.rows.length] ?? {});
  return { ...request, rows };
}
