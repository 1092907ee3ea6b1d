// The chart as a Vega-Lite specification: requests a second, on a logarithmic scale. On a linear one only the largest
// bar would be visible.
const shown = {
  invite: "invite", "page-first": "page of 50", get: "get one", accept: "accept (known person)", check: "access check",
};
const systems = ["Usher", "better-auth", "Directus"];
const databases = { sqlite: "SQLite", postgresql: "PostgreSQL" };

export function chartSpec(bench) {
  const values = bench.results
    .filter((r) => shown[r.scenario] && systems.includes(r.system) && r.rps > 0 && !(r.bad > 0))
    .map(({ scenario, system, database, rps }) => ({
      scenario: shown[scenario], system, database: databases[database], rps,
      label: Math.round(rps).toLocaleString("en-US"),
    }));
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    data: { values },
    facet: {
      row: {
        field: "scenario", type: "nominal", sort: Object.values(shown), title: null,
        header: { labelOrient: "top", labelAngle: 0, labelAnchor: "start", labelPadding: 2, labelFontSize: 12 },
      },
      column: {
        field: "database", type: "nominal", sort: Object.values(databases), title: null, header: { labelFontSize: 14 },
      },
    },
    spec: { width: 260, height: { step: 18 }, layer: layers() },
    config: { font: "system-ui, sans-serif", view: { stroke: null } },
  };
}

function layers() {
  const y = {
    field: "system", type: "nominal", sort: systems, title: null, axis: { ticks: false, domain: false },
  };
  const x = {
    field: "rps", type: "quantitative", scale: { type: "log", domainMin: 1 }, title: "requests a second (logarithmic)",
    axis: { values: [1, 10, 100, 1000, 10_000], grid: false },
  };
  const range = ["#1f6feb", "#8c959f", "#c9d1d9"];
  const color = { field: "system", type: "nominal", scale: { domain: systems, range }, legend: null };
  return [
    { mark: { type: "bar", height: 13 }, encoding: { y, x, x2: { datum: 1 }, color } },
    { mark: { type: "text", align: "left", dx: 4, fontSize: 11 }, encoding: { y, x, text: { field: "label" } } },
  ];
}
