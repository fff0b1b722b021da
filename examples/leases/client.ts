/** One who leases a port or a folder, uses it and lets it go, each in a way of its own. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../src/index.ts';
import { request } from './allocator.ts';
import type { Board } from './board.ts';
import { getResource } from './generated/resources.ts';
import { greeting, type Host } from './host.ts';
import { leases, reading } from './queues.ts';

const MANNERS = [
  'releases once',
  'releases five times at once',
  'lets it expire',
  'releases before it has it',
  'extends',
] as const;
const ASKS = 5;

/** Resolves when the lease is destroyed. Throws when it could not be used as it should. */
export async function runClient(db: Database, host: Host, board: Board, n: number): Promise<void> {
  const manner = MANNERS[n % MANNERS.length]!;
  const author = `client ${n}`;
  const blueprint = n % 3 === 0 ? 'folder' : 'port';
  // Some need several slots, all of them or none.
  const slots = n % 7 === 0 ? 2 : 1;
  const ttlMs = manner === 'lets it expire' ? 300 : 600_000;
  for (let ask = 1; ask <= ASKS; ask++) {
    const name = `${host.name}-lease${String(n).padStart(3, '0')}${ask === 1 ? '' : `-${ask}`}`;
    const phase = () => board.leases.get(name)?.phase;
    const release = () => leases.send(db, name, 'release', {}, { author });
    await request(db, { name, host: host.name, blueprint, slots, ttlMs });
    if (manner === 'releases before it has it') await release();
    if (manner === 'extends') await leases.send(db, name, 'extend', { ms: 500_000 }, { author });
    await board.until(() => !['pending', 'acquired', undefined].includes(phase()));
    if (phase() === 'active' && manner !== 'lets it expire' && manner !== 'releases before it has it') {
      await use(db, host, name, board.leases.get(name)!.resource!, blueprint);
      if (manner === 'releases five times at once') await Promise.all(Array.from({ length: 5 }, release));
      else await release();
    }
    const isBroken = phase() === 'broken';
    await board.until(() => phase() === 'destroyed');
    if (!isBroken) return;
  }
  throw new Error(`client ${n} asked ${ASKS} times, and each lease was broken`);
}

async function use(db: Database, host: Host, lease: string, resource: string, blueprint: string) {
  const file = join(host.leaseFolder(resource, lease), 'work.txt');
  await writeFile(file, lease);
  if ((await readFile(file, 'utf8')) !== lease) throw new Error(`the folder of ${lease} is another's`);
  if (blueprint !== 'port') return;
  const { port } = (await getResource(reading(db), { name: resource }))!;
  const said = await greeting(Number(port));
  if (said !== resource)
    throw new Error(`port ${port} of ${lease}: expected ${resource}, and it said ${said}`);
}
