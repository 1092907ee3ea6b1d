import http from "node:http";
import { toNodeHandler } from "better-auth/node";
import { makeAuth, openDatabase, origin } from "./auth.mjs";

http.createServer(toNodeHandler(makeAuth(await openDatabase()))).listen(Number(new URL(origin).port), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
