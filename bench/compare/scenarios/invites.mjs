import { sleep } from "../lib/numbers.mjs";
import { residentMiB } from "../lib/proc.mjs";
import { threeInserts } from "../systems/ceiling.mjs";
import { wrk } from "../lib/wrk.mjs";
import { connections } from "../options.mjs";
import { measure, once } from "./measure.mjs";

/** One invitation a request. Servers must have been started for this: what they have in memory afterwards is taken down. */
export async function invites(bench, database, contestants) {
  await bench.attempt("invite", async () => {
    const runners = contestants.map(({ system, server, requests }) => ({ title: system.title, server, next: () => requests.invite }));
    runners.unshift({ title: "three inserts", rate: () => threeInserts(bench, database, bench.options.ceilingSeconds) });
    bench.record(await measure(bench, database, "invite", runners, { warm: bench.options.restartSeconds }));
    bench.record(contestants.map(({ system, server }) => ({ database, system: system.title, scenario: "memory-after", memory: residentMiB(server.pid) })));
  });
}

/** The same while the mails leave: Usher's own worker sends them to a server that takes them at once. */
export async function invitesWithMail(bench, database, usher, state) {
  await bench.attempt("mail", async () => {
    const { options } = bench;
    const server = await usher.serve(state.name, { mail: "sent" });
    const { invite } = await usher.requests(server, state);
    const first = await bench.sink.mails();
    await wrk(server.url, invite, { connections, seconds: options.restartSeconds });
    await drained(bench, first);
    const runs = [];
    for (let repeat = 0; repeat < options.repeats; repeat++) {
      const before = await bench.sink.mails();
      const run = await once(bench, database, { server }, invite, { at: connections, seconds: Math.max(3, options.seconds) });
      runs.push({ ...run, delivered: await bench.sink.mails() - before });
    }
    bench.record([{ ...bench.medians({ database, system: usher.title, scenario: "invite-mail" }, runs), delivered: runs.reduce((sum, r) => sum + r.delivered, 0), invited: runs.reduce((sum, r) => sum + r.requests, 0) }]);
    await bench.end(server, "SIGKILL");
  });
}

// Until the queue is empty, or for a few seconds: a backlog would be sent in the next run's time.
async function drained(bench, from) {
  for (let last = from, tries = 0; tries < (bench.options.quick ? 6 : 60); tries++) {
    await sleep(500);
    const now = await bench.sink.mails();
    if (now === last) return;
    last = now;
  }
}
