// What Kubernetes does to a Pod that it moves: SIGTERM under load, and SIGKILL when the grace period is over.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import { startComponent } from '../fleet/support/component-process.ts';
import { createTestDatabase, waitFor } from '../support/database.ts';
import { sql } from '../support/sql.ts';

const MACHINES = 24;

test.each([
  {
    ends: 'finished',
    how: 'within the grace what is under way is finished',
    graceMs: 60_000,
    createDelayMs: 1_000,
  },
  { ends: 'canceled', how: 'what the grace cuts short is given back', graceMs: 200, createDelayMs: 600_000 },
] as const)('a drain under load abandons nothing: $how', async ({ ends, graceMs, createDelayMs }) => {
  const database = await createTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-drain-'));
  const inventory = join(directory, 'inventory.yaml');
  const names = Array.from({ length: MACHINES }, (_, i) => `{ name: n${i} }`);
  await writeFile(inventory, `machines: [${names.join(', ')}]\n`);
  await using db = await connect({ url: database.url });
  const flags = ['--machines-directory', directory, '--inventory', inventory, '--parallelism', '8'];
  // An interval that nobody waits for: what is taken over was given back.
  flags.push('--session-interval-ms', '600000', '--poll-interval-ms', '50', '--grace-ms', String(graceMs));
  const held = async (component: string) => {
    const found = await db.execute(
      sql(`SELECT count(*) FROM holdfast.active_work AS w JOIN holdfast.session AS s ON s.session_id = w.session_id
        WHERE w.kind = 'FleetProvision' AND s.instance LIKE '%${component}'`),
    );
    return Number(found.rows[0]![0]);
  };

  await using first = startComponent(
    'provisioner',
    [...flags, '--create-delay-ms', String(createDelayMs)],
    database.url,
  );
  await waitFor(async () => (await held(String(first.pid))) === 8);
  expect(await first.end('SIGTERM')).toBe(0);
  expect(await first.said('stopped')).toBeDefined();
  const events = await db.execute(
    sql(
      `SELECT event, count(*) FROM holdfast.work_history WHERE kind LIKE 'Fleet%' AND event <> 'started' GROUP BY event`,
    ),
  );
  const counts = Object.fromEntries(events.rows.map(([event, count]) => [event, Number(count)]));
  // The comparison that found the machines is finished, too.
  expect(Object.keys(counts).sort()).toEqual([...new Set(['finished', ends])].sort());
  expect(counts[ends]).toBeGreaterThanOrEqual(8);

  // All of it goes on elsewhere, at once.
  await using _second = startComponent('provisioner', [...flags, '--create-delay-ms', '0'], database.url);
  await waitFor(async () => {
    const found = await db.execute(sql('SELECT count(*) FROM fleet.machine_provided'));
    return Number(found.rows[0]![0]) === MACHINES;
  });
  const open = await db.execute(sql("SELECT 1 FROM holdfast.work_history WHERE event = 'abandoned'"));
  expect(open.rows).toEqual([]);
  await rm(directory, { recursive: true, force: true });
});
