// Serves the page, and passes its queries on to Prometheus. Answers are kept: both themes ask the same.

import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** Starts it on a free port. */
export async function serve(folder, prometheus) {
  const answers = new Map();

  function ask(method, url, body) {
    const key = `${method} ${url} ${body}`;
    if (!answers.has(key)) {
      const headers = body ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
      const answer = fetch(prometheus + url, { method, headers, body: body || undefined });
      answers.set(key, answer.then((response) => response.text()));
    }
    return answers.get(key);
  }

  async function handle(request, response) {
    const prefix = '/prometheus';
    if (request.url.startsWith(prefix)) {
      const answer = await ask(request.method, request.url.slice(prefix.length), await text(request));
      response.setHeader('content-type', 'application/json').end(answer);
      return;
    }
    const name = request.url === '/' ? 'index.html' : path.basename(request.url);
    const file = await readFile(path.join(folder, name)).catch(() => null);
    if (file) response.setHeader('content-type', TYPES[path.extname(name)] ?? 'application/octet-stream').end(file);
    else response.writeHead(404).end();
  }

  const server = http.createServer((request, response) => {
    handle(request, response).catch((error) => response.writeHead(502).end(JSON.stringify({ status: 'error', error: String(error) })));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
