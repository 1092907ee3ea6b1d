// The bar's table for a terminal.
import { median } from "../lib/numbers.mjs";

const columns = [
  ["title", ""], ["database", ""], ["usher", "Usher"], ["other", "beside"], ["value", "is"], ["bar", "bar"],
  ["cpuRatio", "CPU"], ["verdict", ""],
];

export function barText(bench, rows) {
  const widths = columns.map(([name, head]) => Math.max(head.length, ...rows.map((row) => row[name].length)));
  const line = (cells) => cells.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd();
  const count = (verdict) => rows.filter((row) => row.verdict === verdict).length;
  const others = Math.round((median(bench.results.map((r) => r.others)) ?? 0) * 100);
  return [
    line(columns.map(([, head]) => head)),
    ...rows.map((row) => line(columns.map(([name]) => row[name]))),
    "",
    ...bench.failures.map((failure) => `not measured: ${failure}`),
    `Programs outside the measurement used ${others} % of the machine (median).`,
    ...(bench.options.quick ? ["A quick run: one short repeat each. Its figures are not to be quoted."] : []),
    `${count("met")} met, ${count("missed")} missed, ${count("not measured")} not measured`,
  ].join("\n");
}
