// A real SMTP server that keeps nothing: it prints one line of JSON for each event, and ends when its standard input does.
//
//   node smtp-sink.mjs [port] [--key=FILE --cert=FILE] [--user=NAME --password=TEXT] [--reject-rcpt=CODE]
//
// With a key and certificate it offers STARTTLS; with a user it demands AUTH; with a code, say 450 or 550, it refuses every recipient.
// Port 0, the default, is a free one: the first line says which.

import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';

const text = { type: 'string' };
const { values: options, positionals: [port = '0'] } = parseArgs({
  allowPositionals: true,
  options: { key: text, cert: text, user: text, password: text, 'reject-rcpt': text },
});
const tls = options.key !== undefined;
const login = options.user !== undefined;
const rejection = Number(options['reject-rcpt'] ?? 0);

const print = event => process.stdout.write(JSON.stringify(event) + '\n');
const refusal = (responseCode, message) => Object.assign(new Error(message), { responseCode });

const server = new SMTPServer({
  name: 'localhost',
  disableReverseLookup: true,
  disabledCommands: [...(tls ? [] : ['STARTTLS']), ...(login ? [] : ['AUTH'])],
  ...(tls ? { key: readFileSync(options.key), cert: readFileSync(options.cert) } : {}),
  authOptional: !login,
  allowInsecureAuth: !tls, // where there is TLS, a password before STARTTLS is refused

  onAuth({ username, password }, session, done) {
    const known = username === options.user && password === options.password;
    done(known ? null : refusal(535, 'Wrong user or password'), { user: username });
  },

  onRcptTo({ address }, session, done) {
    if (rejection === 0) return done();
    print({ event: 'rejected', to: address, code: rejection });
    done(refusal(rejection, 'Refused as told'));
  },

  async onData(stream, session, done) {
    try {
      const raw = await buffer(stream);
      const { mailFrom, rcptTo } = session.envelope;
      print({
        event: 'message',
        envelope: { from: mailFrom && mailFrom.address, to: rcptTo.map(({ address }) => address) },
        auth: session.user ?? null,
        secure: session.secure,
        parsed: await PostalMime.parse(raw, { attachmentEncoding: 'base64' }),
        raw: raw.toString('base64'),
      });
      done();
    } catch (error) {
      done(error);
    }
  },
});

// A client that gives up, or that does not like our certificate, is no reason to stop serving the others.
server.on('error', error => {
  if (!server.server.listening) throw error;
  print({ event: 'error', message: error.message });
});
server.listen(Number(port), '127.0.0.1', () => print({ event: 'listening', port: server.server.address().port }));

// Whoever started us holds the other end; when that closes, by whatever death, nobody is left to serve.
process.stdin.resume().on('close', () => process.exit());
process.stdout.on('error', () => process.exit());
