// Reads mails (.eml) on standard input, each as one line of base64. Prints each, parsed, as one line of JSON.

import { createInterface } from 'node:readline';
import PostalMime from 'postal-mime';

const parse = line => PostalMime.parse(Buffer.from(line, 'base64'), { attachmentEncoding: 'base64' });

for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await parse(line).catch(error => ({ error: error.message }))));
