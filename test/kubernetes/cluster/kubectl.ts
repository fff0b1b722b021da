import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest } from '../support/render.ts';

export const NAMESPACE = 'holdfast';

/** Standard output of kubectl; rejects with what it said on standard error. */
export function kubectl(args: readonly string[], input = ''): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn('kubectl', [...args], { stdio: 'pipe' });
  let said = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaint += text;
  });
  child.once('error', reject).once('close', (code) => {
    if (code === 0) resolve(said);
    else reject(new Error(`kubectl ${args.slice(0, 4).join(' ')}: ${complaint.trim()}`));
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return promise;
}

/** In the namespace. */
export const inside = (args: readonly string[], input?: string) => kubectl(['-n', NAMESPACE, ...args], input);

export const list = async (kind: string): Promise<Manifest[]> =>
  JSON.parse(await inside(['get', kind, '-o', 'json'])).items;

export const apply = (manifests: readonly Manifest[], ...flags: readonly string[]) =>
  kubectl(
    ['apply', '--server-side', '--field-manager=test', ...flags, '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }),
  );

/** Asks again until it is so; fails with the last answer when ten minutes are over. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 600_000;
  let last: unknown = 'it is not so';
  while (Date.now() < end) {
    try {
      if (await isSo()) return;
    } catch (error) {
      last = error;
    }
    await sleep(1_000);
  }
  throw new Error(`not within ten minutes: ${what}`, { cause: last });
}
