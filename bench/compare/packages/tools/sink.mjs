// Two mail servers on loopback. One takes every mail, counts it and keeps its connections open. The other takes the
// connection and never says a word. GET / answers the number of mails and the time of the last one, in milliseconds.
// The first speaks as little SMTP as clients need, because it runs on the processors that are measured.
import http from "node:http";
import net from "node:net";

const [smtp, silent, counter] = process.argv.slice(2).map(Number);
const greeting = "250-bench\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n";
const answers = { EHLO: greeting, HELO: "250 bench\r\n", QUIT: "221 bye\r\n", DATA: "354 go ahead\r\n" };
const endOfMail = Buffer.from("\r\n.\r\n");
let mails = 0, last = 0;

net.createServer({ noDelay: true }, (socket) => {
  let rest = Buffer.alloc(0), isMail = false;
  socket.on("error", () => {}).on("data", (part) => {
    rest = rest.length ? Buffer.concat([rest, part]) : part;
    for (let answer; (answer = isMail ? takeMail() : takeCommand()); ) socket.write(answer);
  });
  socket.write("220 bench ESMTP\r\n");

  function takeCommand() {
    const end = rest.indexOf("\n");
    if (end < 0) return null;
    const command = rest.toString("latin1", 0, 4).toUpperCase();
    rest = rest.subarray(end + 1);
    isMail = command === "DATA";
    return answers[command] ?? "250 ok\r\n";
  }

  function takeMail() {
    const end = rest.indexOf(endOfMail);
    if (end < 0) return null;
    rest = rest.subarray(end + endOfMail.length);
    isMail = false;
    mails++;
    last = Date.now();
    return "250 taken\r\n";
  }
}).listen(smtp, "127.0.0.1");
net.createServer((socket) => socket.on("error", () => {}).resume()).listen(silent, "127.0.0.1");
http.createServer((request, answer) => answer.end(JSON.stringify({ mails, last }))).listen(counter, "127.0.0.1");
