// Mails that leave: the queue of Usher's own worker, drained to a mail server that takes every mail at once.
import { sleep } from "../lib/numbers.mjs";
import { measure, readCpu, spent, standsStill } from "./measure.mjs";

export async function mails(bench, database, usher, state) {
  if (!bench.wants("mail") && !bench.wants("mail-beside")) return;
  const server = await usher.serve(state.name, { mail: "sent" });
  await bench.attempt("mail", () => drains(bench, database, usher, server, state));
  await bench.attempt("mail-beside", () => invitesBeside(bench, database, usher, server, state));
  await bench.end(server, "SIGKILL");
}

// The queue is filled by imports. What is measured begins when the import has ended and ends with the queue, or after
// some seconds: nothing but mail is done meanwhile. A backlog of one drain is part of the next.
async function drains(bench, database, usher, server, state) {
  const { options } = bench;
  const queue = new Queue(bench, usher, server);
  const costs = [];
  while (costs.length < options.warmSlices && !standsStill(costs, options)) {
    await queue.fill(Math.ceil(options.mails / 4));
    const { cpu, databaseCpu = 0 } = await drain(bench, database, server, queue, 1);
    costs.push(cpu + databaseCpu);
  }
  await queue.fill(options.mails);
  await usher.analyze(state);
  const runs = [];
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    await queue.fill(options.mails);
    runs.push(await drain(bench, database, server, queue, options.drainSeconds));
  }
  bench.record([bench.medians({ database, system: usher.title, scenario: "mail" }, runs)]);
}

async function drain(bench, database, server, queue, seconds) {
  const { mails: from } = await bench.sink.taken();
  const before = readCpu(bench, database, server), began = Date.now();
  for (;;) {
    await sleep(50);
    const { mails, last } = await bench.sink.taken();
    const isEmpty = mails >= queue.filled, sent = mails - from;
    // The first mail may take longer than a short drain.
    const limit = sent > 0 ? seconds : 30;
    if (!isEmpty && Date.now() - began < limit * 1000) continue;
    if (sent <= 0) throw new Error(`no mail left in ${limit} s`);
    return { rps: sent / (((isEmpty ? last : Date.now()) - began) / 1000), bad: 0, requests: sent,
      ...spent(before, readCpu(bench, database, server), sent) };
  }
}

class Queue {
  #calls = 0;

  constructor(bench, usher, server) {
    Object.assign(this, { bench, usher, server, filled: 0 });
  }

  /** Invites until so many mails wait. */
  async fill(count) {
    if (this.#calls === 0) this.filled = (await this.bench.sink.taken()).mails;
    const missing = count - (this.filled - (await this.bench.sink.taken()).mails);
    if (missing <= 0) return;
    await this.usher.bulk(this.server, missing, `queued${this.#calls++}`);
    this.filled += missing;
  }
}

// Invitations one by one, while their mails leave.
async function invitesBeside(bench, database, usher, server, state) {
  const { invite } = await usher.requests(server, state, { last: false });
  const runner = { title: usher.title, server, next: () => invite };
  bench.record(await measure(bench, database, "mail-beside", [runner], { repeats: 1 }));
}
