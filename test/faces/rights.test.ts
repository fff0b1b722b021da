import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { commandsFace, defineCommands } from '../../src/commands/index.ts';
import { Resources } from '../../src/console/resources.ts';
import { type Face, grantStatements, rightsOf, SQL_ROLES } from '../../src/faces/index.ts';
import {
  activeWork,
  connect,
  type Database,
  explain,
  history,
  quarantinedWork,
  runJanitor,
} from '../../src/index.ts';
import { grant } from '../../src/migrate/index.ts';
import { definePipeline, operationsFace } from '../../src/operations/index.ts';
import { serveRepositories } from '../../src/serving/index.ts';
import {
  createRepository,
  declare,
  defineContentType,
  deleteRepository,
  directoryStore,
  protectVersion,
  repositoriesFace,
  sync,
  unprotectVersion,
} from '../../src/sync/index.ts';
import { defineWorkflow, workflowsFace } from '../../src/workflows/index.ts';
import { withAdmin } from '../support/admin.ts';
import { FACES, fillConsole } from '../support/console-fixture.ts';
import { createEmptyTestDatabase, createTestDatabase, type TestDatabase } from '../support/database.ts';
import { runCliInside } from '../support/run-cli-inside.ts';
import { sql } from '../support/sql.ts';
import { startFileServer } from '../sync/file-server.ts';

// Roles belong to the server, so this run's have names of their own.
const ROLES = [...SQL_ROLES, 'console', 'nobody'] as const;
type Role = (typeof ROLES)[number];
const suffix = randomBytes(4).toString('hex');
const nameOf = (role: Role) => `holdfast-${role}-${suffix}`;
const quoted = (role: Role) => `"${nameOf(role)}"`;

let database: TestDatabase;
let owner: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  owner = await connect({ url: database.url });
  await withAdmin(database.url, async (admin) => {
    for (const role of ROLES) await admin.query(`CREATE ROLE ${quoted(role)} LOGIN`);
    for (const role of ROLES) await admin.query(`GRANT ${quoted(role)} TO CURRENT_USER`);
  });
  // The console's user is both.
  const console = nameOf('console');
  const users = SQL_ROLES.flatMap((role) => [
    `--${role}`,
    nameOf(role),
    ...(role === 'operator' || role === 'reader' ? [console] : []),
  ]);
  expect(await runCliInside(['migrate', 'grant', '--url', database.url, ...users])).toMatchObject({
    code: 0,
  });
});
afterAll(async () => {
  await owner?.close();
  await database?.drop();
  if (database)
    await withAdmin(new URL('/postgres', database.url).href, async (admin) => {
      for (const role of ROLES) await admin.query(`DROP ROLE IF EXISTS ${quoted(role)}`);
    });
});

/** A handle whose every connection has the rights of a role, and no others. */
function connectAs(role: Role): Promise<Database> {
  const url = new URL(database.url);
  // CockroachDB sets no role at the start, and asks nobody for a password while it is insecure.
  if (database.engine === 'cockroachdb') url.username = nameOf(role);
  else url.searchParams.set('options', `-c role=${nameOf(role)}`);
  return connect({ url: url.href });
}

const file = defineContentType({
  name: 'file',
  metadata: z.strictObject({ path: z.string() }),
  key: ({ path }) => [path],
});
const refused = expect.objectContaining({ code: '42501' });
const candidates = (...targets: string[]) => ({ kind: 'Paint', candidates: () => targets });

test('a worker has the rights to start sessions, claim, end and settle work, and no others', async () => {
  await using db = await connectAs('worker');
  await using session = await db.startSession({ component: 'painter' });
  const works = await session.claim(candidates('a', 'b', 'c', 'd'), { wanted: 4 });
  expect(works).toHaveLength(4);
  const [a, b, c, d] = works;
  await a!.transact((tx) => tx.execute(sql('SELECT 1')), { commitMarker: true });
  await a!.finish();
  await b!.fail('no paint');
  await c!.park({ ms: 60_000 });
  await d!.cancel();
  await db.execute(sql('SELECT target FROM holdfast.unavailable_work'));
  await expect(db.kinds.pause('Paint', 'not mine to say')).rejects.toEqual(refused);
  await expect(db.execute(sql('DELETE FROM holdfast.ended_work'))).rejects.toEqual(refused);
});

test('a worker takes over from a dead one', async () => {
  await using db = await connectAs('worker');
  const first = await db.startSession({ component: 'painter' });
  await first.claim(candidates('taken'));
  await withAdmin(database.url, (admin) =>
    admin.query(`UPDATE holdfast.session_deadline SET deadline = now() WHERE session_id = '${first.id}'`),
  );
  await using second = await db.startSession({ component: 'painter' });
  const [work] = await second.claim(candidates('taken'));
  expect(work?.takenFrom).toBe(first.id);
});

test('a janitor has the rights to sweep and to count', async () => {
  await withAdmin(database.url, async (admin) => {
    await admin.query(`INSERT INTO holdfast.session (session_id, component, instance, interval_ms)
      VALUES ('00000000-0000-4000-8000-000000000001', 'dead', '', 1000)`);
    await admin.query(`INSERT INTO holdfast.session_deadline VALUES
      ('00000000-0000-4000-8000-000000000001', now() - INTERVAL '1 hour', 1000)`);
    await admin.query(`INSERT INTO holdfast.work (target, kind, token, holder, started_at)
      VALUES ('left', 'Paint', 1, '00000000-0000-4000-8000-000000000001', now())`);
  });
  await using db = await connectAs('janitor');
  const errors: unknown[] = [];
  const freed = async () =>
    withAdmin(database.url, async (admin) => {
      const { rows } = await admin.query(
        `SELECT 1 FROM holdfast.ended_work WHERE target = 'left' AND event = 'abandoned'`,
      );
      return rows.length === 1;
    });
  const janitor = runJanitor(db, {
    intervalMs: 20,
    countIntervalMs: 1,
    historyIntervalMs: 1,
    onError: (error) => errors.push(error),
  });
  await expect.poll(freed, { timeout: 150_000 }).toBe(true);
  // The sweep under way when it is told to stop is done to its end: the markers, the history and the counts as well.
  await janitor.stop();
  expect(errors).toEqual([]);
});

test('an operator has the rights to set, pause, resume, release and wake, and cannot claim', async () => {
  await using worker = await connectAs('worker');
  await using session = await worker.startSession({ component: 'painter' });
  await using db = await connectAs('operator');
  await db.kinds.set('Mend', { quarantineAfter: 1 });
  const [work] = await session.claim({ kind: 'Mend', candidates: () => ['sick'] });
  await work!.fail('broken');
  expect(await quarantinedWork(db)).toMatchObject([{ target: 'sick' }]);
  expect(await db.kinds.release('Mend', 'sick', 'mended')).toBe(true);
  expect(await db.kinds.pause('Mend', 'night')).toBe(true);
  expect(await db.kinds.resume('Mend', 'day')).toBe(true);
  await db.kinds.wake('Mend', ['sick']);
  expect(await activeWork(db)).toBeInstanceOf(Array);
  await expect(db.startSession({ component: 'painter' })).rejects.toEqual(refused);
});

test('a worker has the rights to fill, change and delete repositories, and a janitor to tidy up behind them', async () => {
  const item = (path: string) =>
    declare(file, { metadata: { path }, artifacts: [{ path, urls: ['http://127.0.0.1:9/'] }] });
  const store = await directoryStore(await mkdtemp(join(tmpdir(), 'holdfast-rights-')));
  await using db = await connectAs('worker');
  await using session = await db.startSession({ component: 'mirror', intervalMs: 60_000 });
  const policy = 'on demand';
  await createRepository(db, 'r', { retain: 1 });
  await sync(session, 'r', [item('a'), item('b')], { policy });
  await sync(session, 'r', [item('b'), item('c')], { policy });
  async function* broken() {
    yield [item('d')];
    throw new Error('upstream broke');
  }
  await expect(sync(session, 'r', broken(), { policy })).rejects.toThrow('upstream broke');
  await using reader = await connectAs('reader');
  const { fetch } = serveRepositories({ db: reader, store });
  expect((await fetch(new Request('http://h/r/a'))).status).toBe(404);
  await using operator = await connectAs('operator');
  await protectVersion(operator, 'r', 2, 'release');
  await unprotectVersion(operator, 'r', 2);
  await deleteRepository(session, 'r');
  await withAdmin(database.url, async (admin) => {
    await admin.query(`INSERT INTO holdfast.artifact (sha256, size, state, used_at)
      VALUES ('${'0'.repeat(64)}', 1, 'stored', now() - INTERVAL '1 day')`);
    await admin.query("UPDATE holdfast.content SET used_at = now() - INTERVAL '1 day'");
    await admin.query(`INSERT INTO holdfast.repository (repository_id, name, settings)
      VALUES ('00000000-0000-4000-8000-000000000002', 'left', '{}')`);
    await admin.query(`INSERT INTO holdfast.repository_version (repository_id, number, token)
      VALUES ('00000000-0000-4000-8000-000000000002', 1, 1)`);
    await admin.query(`INSERT INTO holdfast.repository_run (repository_id, token)
      VALUES ('00000000-0000-4000-8000-000000000002', 1)`);
    await admin.query(`INSERT INTO holdfast.repository_run (repository_id, token, state, ended_at)
      VALUES ('00000000-0000-4000-8000-000000000002', 0, 'failed', now() - INTERVAL '1 year')`);
  });
  await using janitor = await connectAs('janitor');
  const errors: unknown[] = [];
  const service = runJanitor(janitor, {
    countIntervalMs: 1,
    historyIntervalMs: 1,
    faces: [repositoriesFace({ store, graceMs: 60_000 })],
    onError: (error) => errors.push(error),
  });
  await service.sweep();
  await service.sweep();
  await service.stop();
  expect(errors).toEqual([]);
  await withAdmin(database.url, async (admin) => {
    for (const table of [
      'content',
      'content_artifact',
      'remote_artifact',
      'artifact',
      'repository_version',
    ]) {
      const { rows } = await admin.query(`SELECT 1 FROM holdfast.${table}`);
      expect([table, rows.length]).toEqual([table, 0]);
    }
    const { rows } = await admin.query('SELECT token, state FROM holdfast.repository_run');
    expect(rows).toEqual([{ token: '1', state: 'failed' }]);
  });
});

const pipeline = definePipeline({ name: 'data', operations: ['upload', 'index'] });
const queue = defineCommands({
  name: 'lease',
  states: ['on'],
  state: async () => 'on' as const,
  commands: { extend: { apply: ['on'] } },
});
const unit = defineWorkflow({
  name: 'unit',
  version: 1,
  states: ['up', 'down'],
  transitions: {
    start: { from: null, to: 'up', automatic: true },
    stop: { from: 'up', to: 'down', signal: 'stop' },
    stay: { from: 'up', to: 'up', after: { ms: 3_600_000 } },
  },
});

test('a worker has the rights to carry operations, commands and workflows out, and an operator to see to them', async () => {
  await using db = await connectAs('worker');
  await using operator = await connectAs('operator');
  await using session = await db.startSession({ component: 'faces' });

  await pipeline.enable(db, 'set', ['upload']);
  const [upload] = await pipeline.take(session, 'upload');
  await upload!.finish({ enable: ['index'] });
  const [index] = await pipeline.take(session, 'index');
  await index!.error('no disk');
  expect(await pipeline.counts(operator)).toMatchObject(expect.any(Array));
  expect(await pipeline.rerun(operator, { message: 'no disk' })).toBe(1);
  await pipeline.delete(session, 'set');

  const by = { author: 'tester' };
  await queue.send(db, 'lease', 'extend', {}, by);
  await queue.send(operator, 'lease', 'extend', {}, by);
  const { sequence } = await queue.send(operator, 'lease', 'extend', {}, by);
  expect(await queue.cancel(operator, 'lease', sequence, 'not wanted')).toBe(true);
  const [work] = await session.claim(queue.source);
  expect(await queue.consume(work!, { extend: async () => {} })).toHaveLength(2);
  await db.transact((tx) => queue.destroyed(tx, 'lease'));

  await unit.publish(db);
  await unit.start(db, 'unit');
  const instance = await unit.hold(session, 'unit', {});
  await instance!.synchronize();
  await unit.signal(db, 'unit', 'stop');
  await instance!.synchronize();
  expect(instance!.state).toBe('down');
  expect(await unit.status(operator, 'unit')).toMatchObject({ state: 'down' });
  await unit.start(operator, 'other');
  await unit.cancel(operator, 'other', { reason: 'not wanted' });

  await using janitor = await connectAs('janitor');
  const errors: unknown[] = [];
  const service = runJanitor(janitor, {
    countIntervalMs: 1,
    historyIntervalMs: 1,
    faces: [operationsFace, commandsFace(), workflowsFace()],
    onError: (error) => errors.push(error),
  });
  await service.sweep();
  await service.stop();
  expect(errors).toEqual([]);
});

test('a reader reads every table and view, and changes none', async () => {
  await using db = await connectAs('reader');
  const { rows } = await db.execute(
    sql(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'holdfast'`),
  );
  expect(rows.length).toBeGreaterThan(10);
  expect(await explain(db, 'taken')).toMatchObject({ isKnown: true });
  expect((await history(db, 'taken').next()).value).toMatchObject({ event: 'started' });
  for (const [table] of rows) await db.execute(sql(`SELECT * FROM holdfast.${table} LIMIT 1`));
  await expect(db.execute(sql('DELETE FROM holdfast.session'))).rejects.toEqual(refused);
});

const ACTIONS: [string, Record<string, string>, RegExp][] = [
  ['release', { kind: 'Flash', target: 'n7' }, /is released/],
  ['retry-now', { kind: 'Flash', target: 'n8' }, /is released/],
  ['quarantine', { kind: 'Flash', target: 'n8' }, /is quarantined/],
  ['pause-kind', { kind: 'Flash' }, /is paused/],
  ['resume-kind', { kind: 'Flash' }, /goes on/],
  ['rerun', { operation: 'datasets:index', target: 'd3' }, /is READY/],
  ['rerun-group', { operation: 'datasets:index', message: 'no space left on device' }, /^2 of index/],
  ['send-command', { queue: 'door', target: 'door-2', command: 'open' }, /^sent/],
  ['cancel-command', { queue: 'door', target: 'door-2', number: '1' }, /is canceled/],
  ['retry-transition', { workflow: 'upgrade', target: 'n7' }, /goes on/],
  ['skip-transition', { workflow: 'upgrade', target: 'n7' }, /goes on/],
  ['force-state', { workflow: 'upgrade', target: 'n7', state: 'drained' }, /is in drained/],
  ['cancel-workflow', { workflow: 'upgrade', target: 'n7' }, /told to end/],
];

test('the console reads every page as a reader, who can change nothing; a reader who is an operator can do all of it', async () => {
  await fillConsole(owner);
  await using reader = await connectAs('reader');
  const reading = new Resources(reader, FACES);
  const paths = [...reading.lists.keys()].map((id) => `lists/${id}${id === 'ended' ? '?kind=Flash' : ''}`);
  for (const path of [
    'overview',
    'target?name=n7',
    'timeline?name=n7',
    'drawing?name=n7&face=workflows&drawing=upgrade',
    ...paths,
  ])
    await reading.read(path);
  const by = { author: 'ann', reason: 'a test' };
  for (const [id, args] of ACTIONS)
    await expect(reading.actions.get(id)!.run(reader, args, by), id).rejects.toMatchObject(refused);
  await using operator = await connectAs('console');
  const acting = new Resources(operator, FACES);
  expect(ACTIONS.map(([id]) => id).sort()).toEqual([...acting.actions.keys()].sort());
  for (const [id, args, said] of ACTIONS)
    expect(await acting.actions.get(id)!.run(operator, args, by), id).toMatch(said);
});

/** Every table and view of the schema. */
async function tables(): Promise<readonly { readonly name: string; readonly isView: boolean }[]> {
  return withAdmin(database.url, async (admin) => {
    const { rows } = await admin.query<{ name: string; type: string }>(
      `SELECT table_schema || '.' || table_name AS name, table_type AS type
        FROM information_schema.tables WHERE table_schema = 'holdfast' ORDER BY table_name`,
    );
    return rows.map(({ name, type }) => ({ name, isView: type === 'VIEW' }));
  });
}

test('the faces name every table and view, and nothing else', async () => {
  const there = (await tables()).map(({ name }) => name);
  expect(there.length).toBeGreaterThan(30);
  expect(rightsOf(FACES).get('reader')!.get('SELECT')).toEqual(there);
});

const KINDS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;

test.each([...SQL_ROLES, 'nobody' as const])(
  '%s may do to each table what the faces say, and is refused everything else',
  async (role) => {
    const may = (table: string, kind: string) =>
      role !== 'nobody' &&
      [...rightsOf(FACES).get(role)!].some(
        ([privileges, named]) => named.includes(table) && privileges.split(', ').includes(kind),
      );
    await using db = await connectAs(role);
    // Rolled back whatever the server says: what is allowed changes nothing either.
    const tried = async (text: string) =>
      db
        .transact(
          async (tx) => {
            await tx.execute(sql(text));
            throw new Error('allowed');
          },
          { allowDdl: true },
        )
        .catch((error: { code?: string }) => error.code !== '42501');
    const wrong: string[] = [];
    const expectThat = async (text: string, isAllowed: boolean) => {
      if ((await tried(text)) !== isAllowed) wrong.push(`${isAllowed ? 'refused' : 'allowed'}: ${text}`);
    };
    for (const { name, isView } of await tables()) {
      const { rows } = await owner.execute(
        sql(`SELECT column_name FROM information_schema.columns
        WHERE table_schema || '.' || table_name = '${name}' ORDER BY ordinal_position LIMIT 1`),
      );
      const column = rows[0]![0]!;
      const statements = {
        SELECT: `SELECT 1 FROM ${name}`,
        INSERT: `INSERT INTO ${name} (${column}) VALUES (NULL)`,
        UPDATE: `UPDATE ${name} SET ${column} = NULL WHERE false`,
        DELETE: `DELETE FROM ${name} WHERE false`,
      };
      for (const kind of isView ? (['SELECT'] as const) : KINDS)
        await expectThat(statements[kind], may(name, kind));
      if (!isView) {
        await expectThat(`TRUNCATE ${name}`, false);
        await expectThat(`ALTER TABLE ${name} ADD COLUMN mine INT8`, false);
      }
      await expectThat(`DROP ${isView ? 'VIEW' : 'TABLE'} ${name}`, false);
    }
    await expectThat('CREATE TABLE holdfast.mine (id INT8 PRIMARY KEY)', false);
    // PostgreSQL grants nothing, and warns; CockroachDB says the warning (01007) as an error; the user without any is tried last.
    for (const what of ['SELECT ON holdfast.work', 'USAGE ON SCHEMA holdfast'])
      await db
        .transact((tx) => tx.execute(sql(`GRANT ${what} TO ${quoted('nobody')}`)), { allowDdl: true })
        .catch(({ code }: { code?: string }) => expect(['42501', '01007']).toContain(code));
    await expectThat('DROP SCHEMA holdfast', false);
    expect(wrong).toEqual([]);
  },
);

test('a client sends commands, starts and signals workflows, and can neither enable, claim nor pause', async () => {
  await using db = await connectAs('client');
  await using worker = await connectAs('worker');
  await unit.publish(worker);
  await db.transact((tx) => tx.execute(sql('SELECT 1')), { commitMarker: true });
  const { sequence } = await queue.send(db, 'asked', 'extend', {}, { author: 'a client' });
  expect(await queue.cancel(db, 'asked', sequence, 'not wanted')).toBe(true);
  await unit.start(db, 'asked');
  await unit.signal(db, 'asked', 'stop');
  expect(await unit.status(db, 'asked')).toMatchObject({ workflow: 'unit' });
  await expect(pipeline.enable(db, 'asked', ['upload'])).rejects.toEqual(refused);
  await expect(db.startSession({ component: 'painter' })).rejects.toEqual(refused);
  await expect(db.kinds.pause('Paint', 'not mine to say')).rejects.toEqual(refused);
});

test('a server gives what a repository has, fetches and stores what is on demand, and changes no repository', async () => {
  await using upstream = await startFileServer(new Map([['a', 'what is asked for']]));
  await using worker = await connectAs('worker');
  await using session = await worker.startSession({ component: 'mirror' });
  await createRepository(worker, 'served', {});
  const artifacts = [{ path: 'a', urls: [`${upstream.url}/a`] }];
  await sync(session, 'served', [declare(file, { metadata: { path: 'a' }, artifacts })], {
    policy: 'on demand',
  });
  await using db = await connectAs('server');
  const store = await directoryStore(await mkdtemp(join(tmpdir(), 'holdfast-rights-')));
  const { fetch } = serveRepositories({ db, store });
  const answer = await fetch(new Request('http://h/served/a'));
  expect([answer.status, await answer.text()]).toEqual([200, 'what is asked for']);
  await expect(protectVersion(db, 'served', 1, 'mine')).rejects.toEqual(refused);
});

test('granting again, from several places at once, changes nothing; a user or a schema that is not there is told in one line', async () => {
  const args = ['migrate', 'grant', '--url', database.url];
  const statements = grantStatements({ worker: [nameOf('worker')], faces: [...FACES] });
  await Promise.all([1, 2, 3].map(() => grant(database.url, statements)));
  const missing = await runCliInside([...args, '--worker', 'nobody-of-this-name']);
  expect(missing).toMatchObject({ code: 1, stdout: '' });
  expect(missing.stderr).toMatch(
    /^holdfast: .*nobody-of-this-name.*does not exist: create it first, such as by CREATE ROLE \.\.\. LOGIN\n$/,
  );
  await using empty = await createEmptyTestDatabase();
  const early = await runCliInside(['migrate', 'grant', '--url', empty.url, '--worker', nameOf('worker')]);
  expect(early).toMatchObject({ code: 1, stdout: '' });
  expect(early.stderr).toMatch(/^holdfast: .*: bring the schema up first: holdfast migrate up\n$/);
  expect(await runCliInside([...args, '--face', 'paint', '--worker', 'w'])).toEqual({
    code: 2,
    stdout: '',
    stderr: 'holdfast: --face: paint is none of work, operations, commands, workflows, repositories\n',
  });
  expect((await runCliInside(args)).stderr).toMatch(/^holdfast: grant to whom\? name users by --worker, /);
});

test('faces of a program bring the rights of their own tables; users of no face get those of work alone', () => {
  const racks: Face = { name: 'racks', rights: { operator: { 'SELECT, INSERT': ['plant.rack'] } } };
  expect(grantStatements({ client: ['web'], operator: ['a"b', 'c'], faces: [racks] })).toEqual([
    'GRANT USAGE ON SCHEMA holdfast, plant TO "a""b", "c"',
    'GRANT SELECT ON holdfast.migration, holdfast.session_deadline, holdfast.active_work, holdfast.quarantined_work TO "a""b", "c"',
    'GRANT SELECT, INSERT ON holdfast.intervention, holdfast.ended_work, plant.rack TO "a""b", "c"',
    'GRANT SELECT, INSERT, UPDATE ON holdfast.kind, holdfast.work, holdfast.topic TO "a""b", "c"',
    'GRANT USAGE ON SCHEMA holdfast TO "web"',
    'GRANT SELECT ON holdfast.migration TO "web"',
    'GRANT SELECT, INSERT, DELETE ON holdfast.commit_marker TO "web"',
  ]);
});
