import { must } from "./http.mjs";
import { work } from "./places.mjs";
import { freePort, start, untilAnswered } from "./processes.mjs";

/** @returns {Promise<{smtp: number, silent: number, mails: () => Promise<number>}>} ports, and how many mails came; see packages/tools/sink.mjs */
export async function startSink() {
  const [smtp, silent, told] = [await freePort(), await freePort(), await freePort()];
  const child = start(process.execPath, ["sink.mjs", smtp, silent, told].map(String), { cwd: `${work}/tools`, log: "sink" });
  await untilAnswered(child, { url: `http://127.0.0.1:${told}`, path: "/" });
  return { smtp, silent, mails: async () => (await must(`http://127.0.0.1:${told}/`)).mails };
}
