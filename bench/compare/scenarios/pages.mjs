// How much of the database a request reads: SQLite's pages and steps by its own counters, or PostgreSQL's buffers as
// EXPLAIN (ANALYZE, BUFFERS) shows them. Both count the statements that the server runs, with the plans that it runs
// them by. They do not depend on how busy the machine is, so one count is enough.
import { say } from "../install.mjs";
import { call } from "../lib/http.mjs";
import { sleep } from "../lib/numbers.mjs";

export const pendingScenarios = ["get", "page-first", "page-middle", "page-last"];
export const growthScenarios = ["get", "page-middle", "invite"];

const statistics = {
  stale: (usher, name) => usher.withStore(name, (store) => store.restoreStatistics()),
  no: (usher, name) => usher.withStore(name, (store) => store.dropStatistics()),
  fresh: (usher, name) => usher.withStore(name, (store) => store.settle()),
};

export async function pages(bench, database, usher) {
  if (!bench.wants("pending") && !bench.wants("growth")) return;
  const { members, pending, grown, organizations } = bench.options;
  const base = { label: `${members.toLocaleString("en-US")} members`, members };
  await bench.attempt(bench.wants("pending") ? "pending" : "growth", () =>
    countSize(bench, database, usher, base, [...new Set([...pendingScenarios, ...growthScenarios])]));
  await bench.attempt("pending", () => countPending(bench, database, usher, { members, pending }));
  await bench.attempt("growth", async () => {
    const around = `${base.label}, and ${organizations.toLocaleString("en-US")} organizations of ten`;
    const sizes = [
      { label: `${grown.toLocaleString("en-US")} members`, members: grown },
      { label: around, members, organizations },
    ];
    for (const size of sizes) await countSize(bench, database, usher, size, growthScenarios);
  });
}

async function countSize(bench, database, usher, { label, ...contents }, scenarios) {
  say(`${database}: counting pages with ${label}`);
  const state = await usher.seed("counted", contents);
  await count(bench, database, usher, state, scenarios, { size: label, statistics: "fresh", pending: 0 });
  usher.remove("counted");
}

// The statistics are those of the nearly empty database, then none, then those of what there is.
async function countPending(bench, database, usher, contents) {
  const state = await usher.seed("counted", { ...contents, keepStatistics: true });
  for (const [kind, make] of Object.entries(statistics)) {
    say(`${database}: counting pages with ${contents.pending} invitations pending and ${kind} statistics`);
    make(usher, state.name);
    await count(bench, database, usher, state, pendingScenarios, { statistics: kind, pending: contents.pending });
  }
  usher.remove("counted");
}

async function count(bench, database, usher, state, scenarios, labels) {
  const server = await usher.serve(state.name, { counted: true });
  const requests = await usher.requests(server, state, { last: scenarios.includes("page-last") });
  for (const scenario of scenarios) {
    // Statements are prepared, and definitions are read, by the first of them.
    await send(server, requests[scenario], 20, "a");
    if (scenario === "invite") await usher.analyze(state);
    await send(server, requests[scenario], 20, "b");
    const before = await usher.readCounters(server);
    await send(server, requests[scenario], bench.options.counted, "c");
    await sleep(100);
    const after = await usher.readCounters(server);
    const each = (name) => after[name] === undefined ? undefined : (after[name] - before[name]) / bench.options.counted;
    const read = { pages: each("pages"), steps: each("steps") };
    bench.record([{ database, system: usher.title, scenario: `pages-${scenario}`, ...read, ...labels }]);
  }
  await bench.end(server, "SIGKILL");
}

async function send(server, { method, path, headers, body }, count, tag) {
  for (let n = 0; n < count; n++) {
    const text = body && JSON.parse(JSON.stringify(body).replaceAll("@N@", `${tag}${n}`));
    const { status, text: answer } = await call(server.url + path, { method, headers, body: text });
    if (status >= 400) throw new Error(`${path}: ${status} ${answer.slice(0, 300)}`);
  }
}
