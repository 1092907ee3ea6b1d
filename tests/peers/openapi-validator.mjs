// Checks answers, and the requests they answer, against an OpenAPI 3.1 document. The first line of standard input is the document; each line after it is an exchange,
// and for each one line is printed: { id, faults }. Ends when its standard input does.
//
// An exchange: { id, method, path, query, status, mediaType, body, requestMediaType, requestBody, hasETag }, bodies as text or null.

import { createInterface } from 'node:readline';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const document = JSON.parse((await lines.next()).value);

// A client must take properties it does not know; a server must not have any that its own document does not.
for (const schema of Object.values(document.components.schemas))
  if (schema.type === 'object' && schema.properties) schema.additionalProperties ??= false;

const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
addFormats.default(ajv, ['date-time', 'uri-reference']);
ajv.addFormat('int32', true);
ajv.addFormat('int64', true);
ajv.addSchema(document, 'api:');

const escape = part => part.replaceAll('~', '~0').replaceAll('/', '~1');
const pointer = parts => 'api:#/' + parts.map(p => encodeURIComponent(escape(p))).join('/');

// Doubled and trailing slashes are taken as they are meant, as the server takes them.
function partsOf(path) {
  return path.split('/').filter(part => part !== '');
}

// Literal words before parameters, as routing does it.
const routes = Object.keys(document.paths)
  .map(path => ({ path, parts: partsOf(path) }))
  .sort((a, b) => (a.path.match(/\{/g)?.length ?? 0) - (b.path.match(/\{/g)?.length ?? 0));

function find(path) {
  const parts = partsOf(path);
  return routes.find(r => r.parts.length === parts.length && r.parts.every((part, i) => part.startsWith('{') || part.toLowerCase() === parts[i].toLowerCase()))?.path;
}

function fits(at, value, what) {
  const validate = ajv.getSchema(pointer(at));
  return validate(value) ? [] : validate.errors.map(e => `${what} ${e.instancePath || '/'} ${e.message}${e.params?.additionalProperty ? ` (${e.params.additionalProperty})` : ''}`);
}

function json(text, what) {
  try {
    return [JSON.parse(text)];
  } catch {
    return [undefined, `${what} is no JSON`];
  }
}

function judgeBody(at, content, mediaType, text, what) {
  // Media types know no letter case, and whatever calls itself a sort of JSON is taken for it.
  const asked = mediaType?.toLowerCase().replace(/^application\/(?!problem).*\+json$/, 'application/json');
  const found = Object.keys(content ?? {}).find(type => type === asked);
  if (!found) return text ? [`${what} is ${mediaType}; documented: ${Object.keys(content ?? {}).join(', ') || 'no body'}`] : content ? [`${what} is empty; documented: ${Object.keys(content).join(', ')}`] : [];
  const [value, fault] = found.endsWith('json') ? json(text, what) : [text];
  return fault ? [fault] : fits([...at, 'content', found, 'schema'], value, what);
}

function judge({ method, path, query, status, mediaType, body, requestMediaType, requestBody, hasETag }) {
  const route = find(path);
  const operation = route && document.paths[route][method.toLowerCase()];
  if (!operation) {
    // Of what does not exist nothing can be documented, but how that is said.
    if (![404, 405].includes(status)) return [`there is no such operation, and the answer is ${status}`];
    const [value, fault] = json(body, 'answer');
    return mediaType !== 'application/problem+json' ? [`answer is ${mediaType}`] : fault ? [fault] : fits(['components', 'schemas', 'Problem'], value, 'answer');
  }

  let at = ['paths', route, method.toLowerCase(), 'responses', String(status)];
  let response = operation.responses[status];
  if (!response) return [`status ${status} is not documented; documented: ${Object.keys(operation.responses).join(', ')}`];
  if (response.$ref) {
    at = response.$ref.slice(2).split('/');
    response = document.components.responses[at.at(-1)];
  }

  const faults = judgeBody(at, response.content, mediaType, body, 'answer');
  if (status >= 300) return faults;
  if (hasETag !== ('ETag' in (response.headers ?? {}))) faults.push(hasETag ? 'answer has an ETag, which is not documented' : 'answer has no ETag, which is documented');
  const known = operation.parameters?.filter(p => p.in === 'query').map(p => p.name) ?? [];
  for (const name of query) if (!known.includes(name)) faults.push(`parameter ${name} was taken and is not documented`);
  // What is only accepted, such as a file of people, is judged later, row by row.
  if (requestBody && operation.requestBody && status !== 202)
    faults.push(...judgeBody(['paths', route, method.toLowerCase(), 'requestBody'], operation.requestBody.content, requestMediaType, requestBody, 'request'));
  return faults;
}

for await (const line of lines) {
  const exchange = JSON.parse(line);
  let faults;
  try {
    faults = judge(exchange);
  } catch (error) {
    faults = [`the validator failed: ${error.stack}`];
  }
  process.stdout.write(JSON.stringify({ id: exchange.id, faults }) + '\n');
}
