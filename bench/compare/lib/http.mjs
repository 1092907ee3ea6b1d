// Calls outside the measured runs: setting things up, and watching a job.
import http from "node:http";

const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });

/** @returns {Promise<{status: number, json: any, text: string}>} */
export const call = (url, { method = "GET", headers = {}, body } = {}) => new Promise((done, failed) => {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const typed = { "Content-Type": "application/json", ...headers, "Content-Length": Buffer.byteLength(text ?? "") };
  const all = text === undefined ? headers : typed;
  const request = http.request(url, { method, agent, headers: all, timeout: 120_000 }, (answer) => {
    const parts = [];
    answer.on("data", (part) => parts.push(part)).on("error", failed).on("end", () => {
      const text = Buffer.concat(parts).toString();
      done({ status: answer.statusCode, text, get json() { return JSON.parse(text); } });
    });
  });
  request.on("timeout", () => request.destroy(new Error(`no answer from ${url}`))).on("error", failed).end(text);
});

/** The same, for what must succeed. @returns the JSON */
export async function must(url, request) {
  const answer = await call(url, request);
  const what = `${request?.method ?? "GET"} ${url}`;
  if (answer.status >= 300) throw new Error(`${what}: ${answer.status} ${answer.text.slice(0, 500)}`);
  return answer.text === "" ? undefined : answer.json;
}

/** Runs make(0) … make(count - 1), so many at a time; the results in order. */
export async function together(count, make, atOnce = 32) {
  const results = new Array(count);
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, async () => {
    while (next < count) {
      const i = next++;
      results[i] = await make(i);
    }
  }));
  return results;
}
