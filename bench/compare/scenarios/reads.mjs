// What changes nothing: every system serves the same database all the while.
import { measure, measureSlow } from "./measure.mjs";

const names = ["get", "page-first", "page-middle", "page-last", "all", "check"];

// A whole list is a thousand times a request's work: sixteen at once would only wait for each other.
const wholeList = { at: 2, seconds: 4, warm: 2 };

export async function reads(bench, database, { ceiling, contestants }) {
  for (const name of names) {
    await bench.attempt(name, async () => {
      const able = contestants.filter(({ requests }) => requests[name]);
      const runners = able.map(({ system, server, requests }) => ({ title: system.title, server, next: () => requests[name] }));
      runners.unshift({ title: ceiling.title, server: ceiling.server, next: () => ceiling.request, seconds: bench.options.ceilingSeconds });
      // Those pages are the first one's code.
      const warm = bench.options.quick && ["page-middle", "page-last"].includes(name) ? 0 : bench.options.warmSeconds;
      bench.record(await measure(bench, database, name, runners, { warm, ...(name === "all" ? wholeList : {}) }));
    });
  }
}

export async function signIns(bench, database, contestants) {
  await bench.attempt("sign-in", async () => {
    const able = contestants.filter(({ requests }) => requests["sign-in"]);
    const runners = able.map(({ system, server, requests }) => ({ title: system.title, server, next: () => repeated(requests["sign-in"], bench.options.newcomers) }));
    bench.record(await measureSlow(bench, database, "sign-in", runners));
  });
}

const repeated = (request, count) => ({ ...request, rows: Array.from({ length: count }, (_, i) => request.rows?.[i % request.rows.length] ?? {}) });
