// What to measure and for how long. A quick run shows where one stands: its rows of the bar are the same, but its
// figures are too short to quote.
const full = {
  quick: false,
  seconds: 3,             // of each measured run
  repeats: 3,             // of what the bar asks for; the median counts
  starts: 3,
  warmSlices: 12,         // seconds of warming at most, until CPU per request stands still
  steadySlices: 2,        // so many slices are compared with as many before them,
  steadyWithin: 0.05,     // and must not cost less than those by more than this
  members: 10_000,
  pending: 5_000,         // invitations, while pages are counted
  counted: 100,           // requests whose pages are counted
  acceptances: 2_500,     // by existing persons, in each repeat; peers need fewer in the same time
  peerAcceptances: 600,
  warmAcceptances: 400,   // in each slice of warming
  warmPeerAcceptances: 120,
  newcomers: 32,          // new persons with a real password hash
  bulkRows: 10_000,
  bulkWarmRows: 2_000,    // in each call before it
  mails: 6_000,           // queued before each measured drain
  drainSeconds: 6,        // of a measured drain, at most
  grown: 1_000_000,       // members, and
  organizations: 10_000,  // organizations of ten, compared with `members` alone
  directus: "all",
  left: [],               // out, unless --only names them
  limitSeconds: 2 * 3600,
};

const quick = {
  ...full,
  quick: true,
  seconds: 1,
  repeats: 1,
  starts: 1,
  warmSlices: 3,
  steadySlices: 1,
  steadyWithin: 0.1,
  counted: 30,
  acceptances: 400,
  peerAcceptances: 160,
  warmAcceptances: 200,
  warmPeerAcceptances: 80,
  mails: 2_000,
  drainSeconds: 3,
  grown: 50_000,
  organizations: 1_000,
  directus: "none",
  left: ["all", "check", "sign-in", "accept-new", "crowd", "mail-beside"], // the bar does not ask for them
  limitSeconds: 285, // what is not measured by then is reported as not measured; five minutes is the promise
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
    else if (name === "--database") options.databases = value().split(",").map(known);
    else if (name === "--no-publish") options.publish = false;
    else if (name === "--set") Object.assign(set, setting(value()));
    else stop(`unknown argument ${args[i]}; known: --quick, --only, --database, --no-publish, --set`);
  }
  const altered = options.only !== null || options.databases !== databases || Object.keys(set).length > 0;
  return { ...base, ...options, ...set, altered };
}

const known = (database) => databases.includes(database) ? database : stop(`--database is ${databases.join(" or ")}`);

// For work on the measurement itself: --set members=1000 --set seconds=1
function setting(text) {
  const [name, value] = text.split("=");
  if (!(name in full) || value === undefined) stop(`--set knows ${Object.keys(full).join(", ")}`);
  if (Array.isArray(full[name])) return { [name]: value.split(",") };
  return { [name]: typeof full[name] === "number" ? Number(value) : value };
}

function stop(message) {
  console.error(`bench/run: ${message}`);
  process.exit(2);
}
