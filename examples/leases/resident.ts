/**
 * The process in a resource's folder: `node resident.ts FOLDER PORT OWNER`, PORT 0 for none. It writes down itself that it is
 * there; one that finds another, or no folder, ends. It ends as soon as its file is gone, and when the process OWNER is.
 */
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';

const [, , folder, port, owner] = process.argv as [string, string, string, string, string];
const file = join(folder, 'process.json');
const text = JSON.stringify({ pid: process.pid, port: Number(port) });

const isOwned = () => {
  try {
    return process.kill(Number(owner), 0);
  } catch {
    return false;
  }
};

if (port !== '0') {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(`${basename(folder)}\n`);
  });
  server.once('error', () => process.exit(3));
  await new Promise<void>((resolve) => server.listen(Number(port), '127.0.0.1', resolve));
}
// Whole or not at all, and only the first of several.
const draft = join(folder, `.process.${process.pid}`);
try {
  await writeFile(draft, text);
  await link(draft, file);
} catch {
  process.exit(0);
} finally {
  await unlink(draft).catch(() => {});
}
setInterval(async () => {
  const found = await readFile(file, 'utf8').catch(() => '');
  if (found !== text || !isOwned()) process.exit(0);
}, 200);
