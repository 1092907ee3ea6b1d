// Does a request cost more where there is more? Servers for all sizes run side by side and take turns: the sizes are compared with each other, not with a minute ago.
import { say } from "../install.mjs";
import { measure } from "./measure.mjs";

export const growthScenarios = ["get", "page-middle", "invite"];

export async function growth(bench, database, usher) {
  await bench.attempt("growth", async () => {
    const { options } = bench;
    const sizes = options.growth.map((members) => ({ label: members.toLocaleString("en-US"), name: `grown-${members}`, members }));
    if (options.organizations > 0) sizes.push({ label: `100, and ${options.organizations.toLocaleString("en-US")} organizations of ten`, name: "grown-around", members: 100, organizations: options.organizations });
    const runners = [];
    for (const size of sizes) {
      say(`making ${size.label} members`);
      const state = await usher.seed(size.name, size);
      const server = await usher.serve(size.name);
      runners.push({ size, server, requests: await usher.requests(server, state, { last: false }) });
    }
    for (const [i, scenario] of growthScenarios.entries()) {
      const warm = i === 0 ? options.restartSeconds : options.warmSeconds;
      const measured = await measure(bench, database, scenario, runners.map(({ size, server, requests }) => ({ title: size.label, server, next: () => requests[scenario] })), { warm });
      bench.record(measured.map((result, n) => ({ ...result, system: usher.title, scenario: `growth-${scenario}`, size: sizes[n].label })));
    }
    for (const { server, size } of runners) {
      await bench.end(server, "SIGKILL");
      usher.remove(size.name);
    }
  });
}
