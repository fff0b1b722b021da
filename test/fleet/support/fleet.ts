import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Component, ComponentOptions } from '../../../examples/fleet/src/index.ts';
import { createLogger } from '../../../examples/fleet/src/index.ts';
import { listMachines } from '../../../examples/fleet/src/queries/machines.ts';
import { connect, type Database } from '../../../src/index.ts';

export const log = createLogger('test', process.env['HOLDFAST_TEST_LOG'] ?? 'silent');

/** A fast pace: what the tests show does not depend on it. */
export const pace = {
  log,
  parallelism: 8,
  sessionIntervalMs: 2_000,
  pollIntervalMs: 100,
} satisfies ComponentOptions;

/** An inventory file of its own folder. */
export async function writeInventory(names: readonly string[], os = 'debian-13') {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-inventory-'));
  const file = join(directory, 'inventory.yaml');
  const write = (machines: readonly string[]) =>
    writeFile(
      file,
      `defaults: { os: ${os} }\nmachines: [${machines.map((name) => `{ name: ${name} }`).join(', ')}]\n`,
    );
  await write(names);
  return { file, write, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

/** Component replicas, each with a database handle of its own, as in a process of its own. */
export class Replicas implements AsyncDisposable {
  readonly #running: { readonly component: Component; readonly db: Database }[] = [];
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async start<C extends Component>(run: (db: Database) => C | Promise<C>, connections = 2): Promise<C> {
    const db = await connect({ url: this.#url, pool: { max: connections } });
    const component = await run(db);
    this.#running.push({ component, db });
    return component;
  }

  /** Stops the last started first: agents' API after those who need it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { component, db } of this.#running.splice(0).reverse()) {
      await component.stop({ graceMs: 1_000 });
      await db.close();
    }
  }
}

/** How many machines are in each state. */
export async function states(db: Database, silentMs = 30_000): Promise<Record<string, number>> {
  const machines = await db.transact((tx) => listMachines(tx, { silentMs: BigInt(silentMs) }), {
    readOnly: true,
  });
  const counts: Record<string, number> = {};
  for (const { state } of machines) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
