// Where things are. All that is installed or made lies below bench/.work, which Git ignores. Only PostgreSQL's cluster
// is in the system's temp folder, because the user it runs as must be able to reach it.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const compare = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
export const repository = path.resolve(compare, "../..");
export const work = path.join(repository, "bench/.work");
export const data = path.join(work, "data");
export const logs = path.join(work, "logs");

for (const folder of [data, logs]) fs.mkdirSync(folder, { recursive: true });

/** Loads a CommonJS package that one of the installed packages brought along. */
export const requireFrom = (installed, name) => createRequire(path.join(work, installed, "x.cjs"))(name);
