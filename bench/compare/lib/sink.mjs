import { must } from "./http.mjs";
import { work } from "./places.mjs";
import { freePort, start, untilAnswered } from "./processes.mjs";

/**
 * Starts the mail servers of packages/tools/sink.mjs.
 * @returns {Promise<{smtp: number, silent: number, taken: () => Promise<{mails: number, last: number}>}>} ports; how
 *   many mails came, and the time of the last one in milliseconds
 */
export async function startSink() {
  const [smtp, silent, counter] = [await freePort(), await freePort(), await freePort()];
  const programs = ["sink.mjs", smtp, silent, counter].map(String);
  const child = start(process.execPath, programs, { cwd: `${work}/tools`, log: "sink" });
  await untilAnswered(child, { url: `http://127.0.0.1:${counter}`, path: "/" });
  return { smtp, silent, taken: () => must(`http://127.0.0.1:${counter}/`) };
}
