// Two mail servers on loopback: one takes every mail and counts it, one takes the connection and never says a word. GET / tells the count.
import http from "node:http";
import net from "node:net";
import { SMTPServer } from "smtp-server";

const [smtp, silent, told] = process.argv.slice(2).map(Number);
let mails = 0;
new SMTPServer({
  authOptional: true, disabledCommands: ["STARTTLS"], logger: false,
  onData(stream, session, done) {
    stream.on("end", () => { mails++; done(); }).resume();
  },
}).on("error", () => {}).listen(smtp, "127.0.0.1");
net.createServer((socket) => socket.on("error", () => {}).resume()).listen(silent, "127.0.0.1");
http.createServer((request, answer) => answer.end(JSON.stringify({ mails }))).listen(told, "127.0.0.1");
