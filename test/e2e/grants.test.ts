// The fleet runs with the rights of k8s/base/sql/grants.sql alone, each component as its own user.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import { startComponent } from '../fleet/support/component-process.ts';
import { withAdmin } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase, waitFor } from '../support/database.ts';
import { sql } from '../support/sql.ts';

const COMPONENTS = [
  'provisioner',
  'initializer',
  'recoverer',
  'installer',
  'agent-api',
  'janitor',
  'console',
] as const;
type Component = (typeof COMPONENTS)[number];

// Roles belong to the server, so this run's have names of their own.
const suffix = randomBytes(4).toString('hex');
const roleOf = (component: Component) => `k8s_${component.replace('-', '_')}_${suffix}`;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  const grants = (await readFile('k8s/base/sql/grants.sql', 'utf8')).replaceAll(
    /\bTO ([^;]+);/g,
    (_, names: string) => {
      const users = names.split(',').map((name) => name.trim().replaceAll('"', '') as Component);
      return `TO ${users.map(roleOf).join(', ')};`;
    },
  );
  await withAdmin(database.url, async (admin) => {
    for (const component of COMPONENTS) await admin.query(`CREATE ROLE ${roleOf(component)} LOGIN`);
    for (const component of COMPONENTS) await admin.query(`GRANT ${roleOf(component)} TO CURRENT_USER`);
    await admin.query(grants);
  });
});
afterAll(async () => {
  await database?.drop();
  if (database)
    await withAdmin(new URL('/postgres', database.url).href, async (admin) => {
      for (const component of COMPONENTS) await admin.query(`DROP ROLE IF EXISTS ${roleOf(component)}`);
    });
});

/** The URL of a component's own user. */
function urlOf(component: Component): string {
  const url = new URL(database.url);
  if (database.engine === 'cockroachdb') url.username = roleOf(component);
  else url.searchParams.set('options', `-c role=${roleOf(component)}`);
  return url.href;
}

test('with these rights machines are provided, run, are installed and measured, and are retired', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-grants-'));
  const inventory = join(directory, 'inventory.yaml');
  await writeFile(inventory, 'machines: [{ name: n1, os: debian-13 }, { name: n2 }]\n');
  const often = ['--poll-interval-ms', '100'];
  const provider = [...often, '--machines-directory', directory];
  await using api = startComponent('agent-api', ['--listen', '127.0.0.1:0'], urlOf('agent-api'));
  const { url } = await api.said('listening');
  const withAgents = [...provider, '--agent-api', String(url), '--agent-heartbeat-ms', '200'];
  const reconciling = ['--inventory', inventory, '--reconcile-interval-ms', '300'];
  await using _provisioner = startComponent(
    'provisioner',
    [...provider, ...reconciling],
    urlOf('provisioner'),
  );
  await using _initializer = startComponent('initializer', withAgents, urlOf('initializer'));
  await using _installer = startComponent('installer', often, urlOf('installer'));
  await using janitor = startComponent('janitor', ['--sweep-interval-ms', '200'], urlOf('janitor'));
  await using db = await connect({ url: database.url });
  const count = async (text: string) => Number((await db.execute(sql(text))).rows[0]![0]);

  await waitFor(async () => (await count('SELECT count(*) FROM fleet.machine_os_installation_report')) === 1);
  await waitFor(async () => (await count('SELECT count(*) FROM fleet.machine_hardware_report')) === 2);
  expect(await janitor.said('machines by state')).toBeDefined();

  // Every page of the console, by the user that only reads.
  await using pages = startComponent('console', ['--pages', '127.0.0.1:0'], urlOf('console'));
  const { url: at } = await pages.said('listening');
  const read = async (path: string) => {
    const answer = await fetch(`${at}/api/${path}`);
    return [path, answer.status, answer.ok ? '' : await answer.text()];
  };
  const { lists } = (await (await fetch(`${at}/api/console`)).json()) as { lists: { id: string }[] };
  expect(lists.map(({ id }) => id)).toContain('machines');
  const [[machine]] = (await db.execute(sql('SELECT machine_id FROM fleet.machine'))).rows as [[string]];
  // A list that wants a filter first is as good as one that is read.
  for (const path of ['overview', `target?name=${machine}`, `timeline?name=${machine}`, 'lists/machines'])
    expect(await read(path)).toEqual([path, 200, '']);
  for (const { id } of lists) expect([200, 400]).toContain((await read(`lists/${id}`))[1]);

  // An agent that never spoke again: the recoverer starts another one.
  await db.execute(sql("UPDATE fleet.machine_agent_started SET agent_public_key = '\\x00'"));
  const recovering = ['--silent-ms', '500', '--first-heartbeat-ms', '500'];
  await using _recoverer = startComponent('recoverer', [...withAgents, ...recovering], urlOf('recoverer'));
  await waitFor(
    async () => (await count('SELECT count(*) FROM fleet.machine_agent_started WHERE epoch > 1')) === 2,
  );

  await writeFile(inventory, 'machines: [{ name: n1, os: debian-13 }]\n');
  await waitFor(async () => (await count('SELECT count(*) FROM fleet.machine')) === 1);
  await writeFile(inventory, 'machines: []\n');
  await waitFor(async () => (await count('SELECT count(*) FROM fleet.machine')) === 0);
  expect(
    await count(
      `SELECT count(*) FROM holdfast.work_history WHERE event = 'failed' AND cause LIKE '%permission%'`,
    ),
  ).toBe(0);
  await rm(directory, { recursive: true, force: true });
});

test.each<[Component, string]>([
  ['installer', 'DELETE FROM fleet.machine'],
  ['installer', 'UPDATE fleet.machine_agent_started SET epoch = 9'],
  ['initializer', 'INSERT INTO fleet.reconciliation VALUES ($$x$$, now())'],
  ['initializer', "UPDATE fleet.machine SET os_image = 'x'"],
  ['recoverer', 'DELETE FROM holdfast.ended_work'],
  ['agent-api', 'SELECT 1 FROM holdfast.work'],
  ['agent-api', 'UPDATE fleet.machine_agent_started SET epoch = 9'],
  ['janitor', "INSERT INTO holdfast.kind (kind) VALUES ('x')"],
  ['janitor', 'DELETE FROM fleet.machine'],
  ['console', "INSERT INTO holdfast.kind (kind) VALUES ('x')"],
  ['console', 'UPDATE holdfast.work SET failures = 0'],
  ['console', 'DELETE FROM fleet.machine'],
  ['provisioner', 'UPDATE holdfast.kind SET paused_at = now()'],
  ['provisioner', 'CREATE TABLE fleet.mine (a INT8)'],
])('%s may not: %s', async (component, statement) => {
  await using db: Database = await connect({ url: urlOf(component), pool: { max: 1 } });
  await expect(db.transact((tx) => tx.execute(sql(statement)), { allowDdl: true })).rejects.toMatchObject({
    code: '42501',
  });
});
