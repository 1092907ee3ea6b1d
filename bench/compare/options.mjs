// What to measure and for how long. --quick is for seeing where one stands: the same scenarios, too short for figures to quote.
const full = {
  quick: false,
  seconds: 4,          // of each measured run
  warmSeconds: 5,      // before the first of a scenario: .NET compiles its hot paths a second time after some seconds of load
  restartSeconds: 6,   // the same, after servers were started
  ceilingSeconds: 3,
  repeats: 3,
  starts: 3,
  members: 10_000,
  acceptances: 2_000,  // existing persons, in each repeat
  newcomers: 48,       // new persons, in each repeat
  bulkRows: 10_000,
  bulkWarmRows: 10_000, // in each call before it
  growth: [100, 10_000, 1_000_000],
  organizations: 10_000,
  directus: "all",
  left: [],            // out, unless --only names them
  limitSeconds: 4 * 3600,
};

const quick = {
  ...full,
  quick: true,
  seconds: 1,
  warmSeconds: 1,
  restartSeconds: 2,
  ceilingSeconds: 1,
  repeats: 1,
  starts: 1,
  acceptances: 240,
  newcomers: 16,
  bulkWarmRows: 200,
  growth: [100, 10_000],
  organizations: 0,
  directus: "cold",
  left: ["all", "check", "sign-in", "mail"], // the bar does not ask for them
  limitSeconds: 275,   // what is not measured by then is said to be not measured; five minutes is the promise
};

export const connections = 16;
export const crowd = 64;
export const databases = ["sqlite", "postgresql"];

export function readOptions(args) {
  const options = { only: null, databases, publish: true, altered: false };
  const set = {};
  let base = full;
  for (let i = 0; i < args.length; i++) {
    const [name, inline] = args[i].split(/=(.*)/s);
    const value = () => inline ?? args[++i] ?? stop(`${name} needs a value`);
    if (name === "--quick") base = quick;
    else if (name === "--only") options.only = new Set(value().split(",").filter(Boolean));
    else if (name === "--database") options.databases = value().split(",").map((d) => databases.includes(d) ? d : stop(`--database is ${databases.join(" or ")}`));
    else if (name === "--no-publish") options.publish = false;
    else if (name === "--set") Object.assign(set, setting(value()));
    else stop(`unknown argument ${args[i]}; known: --quick, --only, --database, --no-publish, --set`);
  }
  const altered = options.only !== null || options.databases !== databases || Object.keys(set).length > 0;
  return { ...base, ...options, ...set, altered };
}

// For working on the measurement itself: --set members=1000 --set growth=100,1000
function setting(text) {
  const [name, value] = text.split("=");
  if (!(name in full) || value === undefined) stop(`--set knows ${Object.keys(full).join(", ")}`);
  return { [name]: Array.isArray(full[name]) ? value.split(",").map(Number) : typeof full[name] === "number" ? Number(value) : value };
}

function stop(message) {
  console.error(`bench/run: ${message}`);
  process.exit(2);
}
