// The better-auth under test: e-mail and password, and its organization plugin, set up as its documentation says. Runs
// in a folder of its own with better-auth installed; see ../better-auth.mjs.
import { betterAuth } from "better-auth";
import { organization } from "better-auth/plugins";
import nodemailer from "nodemailer";

const env = process.env;
export const origin = env.BENCH_ORIGIN;
export const secret = "bench-secret-bench-secret-bench-secret-00";
export const postgres = env.BENCH_POSTGRES;

export async function openDatabase() {
  if (postgres) {
    const { default: pg } = await import("pg");
    return new pg.Pool({ connectionString: postgres, max: 10 });
  }
  const { default: Database } = await import("better-sqlite3");
  const db = new Database(env.BENCH_SQLITE);
  // In better-auth's favour: faster than its quick start's rollback journal, and with NORMAL less durable than Usher.
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = NORMAL");
  return db;
}

export function makeAuth(database) {
  const server = { host: "127.0.0.1", port: Number(env.BENCH_SMTP) };
  const mail = nodemailer.createTransport({ ...server, pool: true, secure: false, ignoreTLS: true });
  return betterAuth({
    baseURL: origin,
    secret,
    database,
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: "error" },
    plugins: [organization({
      membershipLimit: 10_000_000,
      invitationLimit: 10_000_000,
      organizationLimit: 1_000,
      // Awaited, as its documentation shows it: it has no queue, and a mail that is not awaited is lost with the
      // process.
      sendInvitationEmail: async ({ email, id, organization: { name } }) => {
        await mail.sendMail({
          from: "no-reply@bench.example.com", to: email, subject: `Join ${name}`,
          text: `You are invited to ${name}: ${origin}/accept/${id}`,
          html: `<p>You are invited to <b>${name}</b>: <a href="${origin}/accept/${id}">accept</a></p>`,
        });
      },
    })],
  });
}
