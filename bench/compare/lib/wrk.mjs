// One run of wrk: a closed loop, each connection asks again as soon as it is answered.
import fs from "node:fs";
import path from "node:path";
import { compare, work } from "./places.mjs";
import { runAside } from "./processes.mjs";

let runs = 0;

/**
 * @param request {method, path, headers, body}; and fixed, or rows [{path, body, header}] with rowHeader, and again;
 *   see replay.lua
 * @returns {Promise<{requests, seconds, rps, p50, p99, bytes, bad, sample}>} p50 and p99 in milliseconds
 */
export async function wrk(url, request, { connections, seconds, look = false }) {
  const name = path.join(work, `plan-${process.pid}-${++runs}`);
  const json = (body) => body === undefined ? undefined : JSON.stringify(body);
  const plan = {
    method: request.method ?? "GET", path: request.path ?? "/", headers: request.headers ?? {},
    body: json(request.body), tag: `${Date.now().toString(36)}x${runs}x`, fixed: request.fixed, look,
    again: request.again, row_header: request.rowHeader,
  };
  if (request.rows) {
    plan.rows = `${name}.tsv`;
    const lines = request.rows.map((row) => [row.path ?? "", json(row.body) ?? "", row.header ?? ""].join("\t"));
    fs.writeFileSync(plan.rows, lines.join("\n") + "\n");
  }
  fs.writeFileSync(`${name}.lua`, `return ${lua(plan)}\n`);
  try {
    const load = ["-t", "1", "-c", String(connections), "-d", `${seconds}s`, "--timeout", "30s"];
    const { output } = await runAside("wrk", [...load, "-s", path.join(compare, "lib/replay.lua"), url],
      { env: { BENCH_PLAN: `${name}.lua`, BENCH_CONNECTIONS: String(connections) } });
    const line = /^BENCH (.*)$/m.exec(output) ?? fail(`wrk: ${output.slice(0, 800)}`);
    const result = JSON.parse(line[1]);
    return { ...result, rps: result.requests / result.seconds, bad: result.refused + result.broken };
  } finally {
    for (const ending of [".lua", ".tsv"]) fs.rmSync(name + ending, { force: true });
  }
}

function lua(value) {
  if (typeof value === "string") return `"${value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;
  if (value && typeof value === "object") {
    const fields = Object.entries(value).filter(([, v]) => v !== undefined).map(([k, v]) => `["${k}"]=${lua(v)}`);
    return `{${fields.join(",")}}`;
  }
  return String(value ?? "nil");
}

function fail(message) {
  throw new Error(message);
}
