// CPU time and memory out of /proc.
import { execFileSync } from "node:child_process";
import fs from "node:fs";

const ticks = Number(execFileSync("getconf", ["CLK_TCK"]));

// After the program's name, which may hold anything: state, parent, …; utime, stime, cutime, cstime are the 12th to
// 15th.
const stat = (pid) => {
  const text = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
};

const unlessGone = (read) => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

function tree(root) {
  const children = new Map();
  for (const name of fs.readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = unlessGone(() => Number(stat(name)[1]));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (let i = 0; i < found.length; i++) found.push(...(children.get(found[i]) ?? []));
  return found;
}

const sumOf = (pid, read) => tree(pid).reduce((sum, one) => sum + (unlessGone(() => read(one)) ?? 0), 0);
const ticksOf = (pid) => stat(pid).slice(11, 15).reduce((a, b) => a + Number(b), 0);
const kibOf = (pid) => Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]);

/** CPU seconds that a process and all its descendants have used, those that have ended included. */
export const cpuSeconds = (pid) => sumOf(pid, ticksOf) / ticks;

/** Memory of the tree in MiB, as PSS: a page that several processes or mappings share is divided among them. */
export const memoryMiB = (pid) => sumOf(pid, kibOf) / 1024;

/** CPU seconds of the whole machine: user, nice, system, irq, softirq. */
export function machineSeconds() {
  const [user, nice, system, , , irq, softirq] =
    fs.readFileSync("/proc/stat", "utf8").split("\n", 1)[0].split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) / ticks;
}
