import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  connect,
  type Database,
  explain,
  history,
  migrate,
  migrationStatus,
  type Session,
} from '../../src/index.ts';
import { definePipeline, operationsFace } from '../../src/operations/index.ts';
import type { Executor } from '../../src/query/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createEmptyTestDatabase, DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { OldRelease } from './fixture/old-release.ts';

/** Schemas that databases in the field may have, each with its data: the later ones have that of the earlier ones too. */
const VERSIONS = [
  { number: 3, data: ['data-0003.sql'] },
  { number: 5, data: ['data-0003.sql', 'data-0005.sql'] },
] as const;

const ALIVE = '00000000-0000-4000-8000-00000000000a';
const DEAD = '00000000-0000-4000-8000-00000000000b';

const dataOf = (file: string) => readFile(new URL(`fixture/${file}`, import.meta.url), 'utf8');

type Table = { readonly columns: readonly string[]; readonly rows: readonly unknown[] };

/** Everything in the tables, but for the bookkeeping of migrations; of `like`, the same tables and columns. */
async function contents(url: string, like?: ReadonlyMap<string, Table>): Promise<ReadonlyMap<string, Table>> {
  return withAdmin(url, async (client) => {
    const { rows: found } = await client.query(
      `SELECT c.table_name, c.column_name FROM information_schema.columns AS c
       JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
       WHERE c.table_schema = 'holdfast' AND t.table_type = 'BASE TABLE' AND t.table_name NOT LIKE 'migration%'
       ORDER BY c.table_name, c.ordinal_position`,
    );
    const tables = new Map<string, Table>();
    for (const table of new Set(found.map((row) => row.table_name as string))) {
      if (like && !like.has(table)) continue;
      const own = found.filter((row) => row.table_name === table).map((row) => row.column_name as string);
      const columns = like?.get(table)?.columns ?? own;
      const texts = columns.map((column) => `${column}::TEXT`).join(', ');
      const order = columns.map((_, i) => i + 1).join(', ');
      const { rows: all } = await client.query({
        text: `SELECT ${texts} FROM holdfast.${table} ORDER BY ${order}`,
        rowMode: 'array',
      });
      tables.set(table, { columns, rows: all });
    }
    return tables;
  });
}

describe.each(VERSIONS)(
  'a database whose schema is at $number, with data in every table',
  ({ number, data }) => {
    let url: string;
    let before: ReadonlyMap<string, Table>;
    let db: Database;
    beforeAll(async () => {
      ({ url } = await createEmptyTestDatabase());
      await migrate(url, { sets: ['holdfast'], to: number });
      for (const file of data) {
        const text = await dataOf(file);
        await withAdmin(url, (client) => client.query(text));
      }
      before = await contents(url);
      await migrate(url);
      db = await connect({ url });
    });
    afterAll(() => db?.close());

    test('the fixture has rows in every table of its schema', () => {
      const empty = [...before].filter(([, { rows: all }]) => all.length === 0).map(([table]) => table);
      expect(empty).toEqual([]);
    });

    test('the upgrade applies every migration, and keeps every value of every row', async () => {
      const { migrations } = await migrationStatus(url);
      expect(migrations.filter(({ state }) => state !== 'applied')).toEqual([]);
      expect(await contents(url, before)).toEqual(before);
      expect(await migrate(url)).toEqual([]);
    });

    test('every view can be read, and says of the old rows what it said', async () => {
      const views = await rows(
        db,
        "SELECT table_name FROM information_schema.views WHERE table_schema = 'holdfast' ORDER BY 1",
      );
      for (const [view] of views) await rows(db, `SELECT * FROM holdfast.${view}`);
      const held = await rows(
        db,
        "SELECT target FROM holdfast.active_work WHERE kind = 'Upgrade' ORDER BY 1",
      );
      expect(held.flat()).toEqual(['held', 'woken']);
      expect(await rows(db, 'SELECT target, cause FROM holdfast.quarantined_work')).toEqual([
        ['sick', 'no disk'],
      ]);
      const unavailable = await rows(
        db,
        "SELECT target FROM holdfast.unavailable_work WHERE kind IN ('Upgrade', 'Flash', 'Paused') ORDER BY 1",
      );
      expect(unavailable.flat()).toEqual(['failed', 'held', 'parked', 'sick', 'waits', 'woken']);
      const events: string[] = [];
      for await (const { subject, event } of history(db, 'finished')) events.push(`${subject} ${event}`);
      expect(events).toEqual(['Upgrade released', 'Upgrade started', 'Upgrade finished']);
      expect(await explain(db, 'failed')).toMatchObject({
        verdict: expect.stringMatching(/^backs off for .* after failure 3: connection refused$/),
      });
      if (number < 5) return;
      expect(await explain(db, 'ds2', { faces: [operationsFace] })).toMatchObject({
        state: 'stuck',
        verdict: expect.stringContaining('FAILED: no such file'),
      });
    });

    test.each([
      ['a session twice', `INSERT INTO holdfast.session VALUES ('${ALIVE}', 'c', 'i', now(), 5, 0)`],
      ['an interval of 0', `INSERT INTO holdfast.session VALUES (gen_random_uuid(), 'c', 'i', now(), 0, 0)`],
      ['a lock row twice', `INSERT INTO holdfast.work (target, kind, token) VALUES ('held', 'Upgrade', 9)`],
      ['a lock row without a token', `INSERT INTO holdfast.work (target, kind) VALUES ('x', 'Upgrade')`],
      ['an event that is none', `UPDATE holdfast.ended_work SET event = 'begun' WHERE target = 'finished'`],
      ['an intervention that is none', `UPDATE holdfast.intervention SET event = 'x'`],
      ['a quarantine after 0', `UPDATE holdfast.kind SET quarantine_after = 0 WHERE kind = 'Flash'`],
      ['a state that is none', `UPDATE holdfast.operation SET state = 'WORKING' WHERE target = 'ds1'`, 5],
      ['an announcement twice', `INSERT INTO holdfast.topic VALUES ('Upgrade', 0, 1)`, 5],
    ])('constraints hold: %s is refused', async (_, text, from = 0) => {
      if (number < from) return;
      await expect(rows(db, text)).rejects.toMatchObject({ code: expect.stringMatching(/^23/) });
    });

    test('a session of the old release goes on, and ends what it held before the upgrade', async () => {
      const old = await OldRelease.on(db, ALIVE);
      expect(await old.heartbeat()).toBe(true);
      const held = { kind: 'Upgrade', target: 'held', token: '1767261600001' };
      const group = { kind: 'group:power-feed', target: 'feed-A', token: '1767261600003' };
      await old.finish({ ...held, keys: [held, group] });
      const events: string[] = [];
      for await (const { event, sessionId } of history(db, 'held')) events.push(`${event} ${sessionId}`);
      expect(events).toEqual([`started ${ALIVE}`, `finished ${ALIVE}`]);
    });

    test('a new session takes over what a dead one of the old release held, which then ends nothing', async () => {
      const old = await OldRelease.on(db, DEAD);
      await using session = await db.startSession({ component: 'upgrader' });
      const [work] = await session.claim({ kind: 'Upgrade', candidates: () => ['dead'] });
      expect(work).toMatchObject({ target: 'dead', token: 1767261600005n, takenFrom: DEAD });
      expect(await old.heartbeat()).toBe(false);
      const lost = { kind: 'Upgrade', target: 'dead', token: '1767261600004' };
      await expect(old.finish({ ...lost, keys: [lost] })).rejects.toThrow('holdfast:session-expired');
      await work!.finish();
    });

    test('the old release takes over what a dead new session held, which then ends nothing', async () => {
      const session = await db.startSession({ component: 'new', intervalMs: 600_000 });
      const [work] = await session.claim({ kind: 'Upgrade', candidates: () => ['canceled'] });
      await rows(
        db,
        "UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 s' WHERE session_id = $1",
        session.id,
      );
      const old = await OldRelease.on(db, randomUUID());
      await old.start('old');
      const taken = await old.claim(() => [[{ kind: 'Upgrade', target: 'canceled' }]]);
      expect(taken?.token).toBe(`${work!.token + 1n}`);
      await expect(work!.finish()).rejects.toMatchObject({ code: 'HOLDFAST_SESSION_EXPIRED' });
      await old.finish(taken!);
    });

    test('the old release works on while the upgrade runs', async () => {
      const { url: busy } = await createEmptyTestDatabase();
      await migrate(busy, { sets: ['holdfast'], to: number });
      await using worked = await connect({ url: busy });
      const old = await OldRelease.on(worked, randomUUID());
      await old.start('old');
      let count = 0;
      const step = async () => {
        const work = await old.claim(() => [[{ kind: 'Load', target: `t${count}` }]]);
        await old.finish(work!);
        count++;
      };
      let isUpgraded = false;
      const working = (async () => {
        while (!isUpgraded) await step();
      })();
      try {
        await migrate(busy);
      } finally {
        isUpgraded = true;
        await working;
      }
      await step();
      expect(await old.heartbeat()).toBe(true);
      const ended = await rows(worked, "SELECT count(*) FROM holdfast.ended_work WHERE event = 'finished'");
      expect(ended).toEqual([[`${count}`]]);
    });

    describe.each(DRIVERS)('old and new code side by side, on %s', (driver) => {
      let own: Database;
      let session: Session;
      let old: OldRelease;
      beforeAll(async () => {
        own = await connect({ url, driver });
        session = await own.startSession({ component: 'new', intervalMs: 600_000 });
        old = await OldRelease.on(own, randomUUID());
        await old.start('old');
      });
      afterAll(() => own?.close());
      const targets = Array.from({ length: 30 }, (_, n) => `${driver}-${n}`);

      test('they share targets, and each is finished once', async () => {
        const kind = `Share ${driver}`;
        const open = async (on: Executor) => {
          const done = await rows(on, 'SELECT target FROM holdfast.ended_work WHERE kind = $1', kind);
          return targets.filter((target) => !done.some(([one]) => one === target));
        };
        const oldStep = async () => {
          const work = await old.claim(async (tx) => (await open(tx)).map((target) => [{ kind, target }]));
          if (work) await old.finish(work);
        };
        const newStep = async () => {
          const [work] = await session.claim({
            kind,
            candidates: async (tx) => (await open(tx)).toReversed(),
          });
          await work?.finish();
        };
        const work = async (step: () => Promise<void>) => {
          while ((await open(own)).length > 0) await step();
        };
        await oldStep();
        await newStep();
        await Promise.all([work(oldStep), work(newStep)]);
        const ended = await rows(own, 'SELECT target, event FROM holdfast.ended_work WHERE kind = $1', kind);
        expect(ended.toSorted()).toEqual(targets.map((target) => [target, 'finished']).toSorted());
        expect(await rows(own, 'SELECT 1 FROM holdfast.active_work WHERE kind = $1', kind)).toEqual([]);
      });

      test('they send the operations of a pipeline to their ends, each stage once', async () => {
        const name = `side-${driver}`;
        const stages = ['upload', 'index', 'backup'] as const;
        const pipeline = definePipeline({ name, operations: stages });
        const next = (stage: string) => stages.slice(stages.indexOf(stage as never) + 1).slice(0, 1);
        await rows(
          own,
          `CREATE TABLE observed_${driver} (target TEXT, stage TEXT, by TEXT, PRIMARY KEY (target, stage))`,
        );
        const observe = (target: string, stage: string, by: string) => ({
          text: `INSERT INTO observed_${driver} VALUES ($1, $2, $3)`,
          values: [target, stage, by],
        });
        const few = targets.slice(0, 12);
        // Half of them are enabled by either.
        for (const [n, target] of few.entries()) {
          if (n % 2 === 0) await pipeline.enable(own, target, ['upload']);
          else
            await own.transact((tx) =>
              old.send('EnableOperations', { target, kinds: [`${name}:upload`], pipeline: name }, tx),
            );
        }
        const isDone = async () =>
          (await pipeline.counts(own)).every(({ state }) => state === 'OK') &&
          (await rows(own, `SELECT count(*) FROM observed_${driver}`))[0]![0] ===
            `${few.length * stages.length}`;
        const oldStep = async (stage: string) => {
          const kind = `${name}:${stage}`;
          const lockKind = `group:operations ${name}`;
          const work = await old.claim(async (tx) => {
            const ready = await old.send(
              'ReadyOperations',
              { kind, free: 'true', lockKind, wanted: '10' },
              tx,
            );
            return ready.map(([target]) => [
              { kind, target: target! },
              { kind: lockKind, target: target! },
            ]);
          });
          if (!work) return;
          const { target } = work;
          await old.finish(work, async (tx) => {
            await old.send('SettleOperation', { state: 'OK', message: null, target, kind }, tx);
            await tx.execute(observe(target, stage, 'old'));
            const kinds = next(stage).map((one) => `${name}:${one}`);
            if (kinds.length > 0) await old.send('EnableOperations', { target, kinds, pipeline: name }, tx);
          });
        };
        const newStep = async (stage: (typeof stages)[number]) => {
          for (const taken of await pipeline.take(session, stage))
            await taken.finish({ enable: next(stage) }, (tx) =>
              tx.execute(observe(taken.target, stage, 'new')),
            );
        };
        const work = async (step: (stage: (typeof stages)[number]) => Promise<void>) => {
          while (!(await isDone())) for (const stage of stages) await step(stage);
        };
        await Promise.all([work(oldStep), work(newStep)]);
        for (const target of few)
          expect((await pipeline.status(own, target)).map(({ state, done }) => [state, done])).toEqual(
            stages.map(() => ['OK', 1n]),
          );
        const by = await rows(own, `SELECT DISTINCT by FROM observed_${driver} ORDER BY by`);
        expect(by.flat()).toEqual(['new', 'old']);
      });
    });
  },
);
