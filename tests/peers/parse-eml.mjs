// Reads a mail (.eml) on standard input and prints it, parsed, as one line of JSON.

import { buffer } from 'node:stream/consumers';
import PostalMime from 'postal-mime';

console.log(JSON.stringify(await PostalMime.parse(await buffer(process.stdin), { attachmentEncoding: 'base64' })));
