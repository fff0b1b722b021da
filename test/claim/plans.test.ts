import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimJob, finishJob } from '../../examples/queue/generated/job.ts';
import { connect, type Database } from '../../src/index.ts';
import { insertMarker, resolveMarker } from '../../src/queries/markers.ts';
import {
  closeSessions,
  fenceSession,
  heartbeat,
  sealSession,
  startSession,
} from '../../src/queries/sessions.ts';
import {
  claimWork,
  endedKeys,
  heldKeys,
  holdClaims,
  holdWork,
  releaseWork,
  voidClaims,
  workHistory,
} from '../../src/queries/work.ts';
import { finishAndClaimStatement, type Statement } from '../../src/query/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { genericPlan } from '../support/generic-plan.ts';
import { inlined } from '../support/inlined.ts';
import { rows } from '../support/sql.ts';
import { addJobs, createQueue } from './support.ts';

const id = randomUUID();
const ids = [id, randomUUID(), randomUUID()];
const kinds = ids.map(() => 'job');
const tokens = ids.map(() => 1n);
const keys = {
  sessionId: id,
  targets: ids,
  keyKinds: kinds,
  keyTargets: ids,
  keyTokens: tokens,
  refusal: 'r',
};
const caller = { sessionId: id, claimNumber: 1n, wanted: 2n, refusal: 'r' };
const claimed = claimJob.with({ buckets: [3n, 4n] });
const finished = finishJob.with({ doneBy: 'me' });

const hot: [string, (system: 'postgresql' | 'cockroachdb') => Statement][] = [
  [':claim', (s) => claimed.statement(caller, s)],
  [':finish', (s) => finished.statement(keys, s)],
  [
    ':finish and :claim in one',
    (s) =>
      s === 'cockroachdb'
        ? finished.statement(keys, s)
        : finishAndClaimStatement(finished, keys, claimed, caller)!,
  ],
  ['WorkHistory', () => workHistory.statement({ target: id })],
  ['HoldClaims', () => holdClaims.statement({ sessionId: id })],
  ['VoidClaims', () => voidClaims.statement({ sessionId: id, claim: 1n })],
  [
    'ClaimWork',
    () =>
      claimWork.statement({
        ords: [0n, 1n, 2n],
        kinds,
        targets: ids,
        tokens,
        holders: ids.map(() => ''),
        kind: 'job',
        sessionId: id,
        wanted: 2n,
        claimNumber: 1n,
      }),
  ],
  [
    'ReleaseWork',
    () =>
      releaseWork.statement({
        event: 'finished',
        cause: null,
        until: null,
        kind: 'job',
        sessionId: id,
        kinds,
        targets: ids,
        tokens,
        delaysMs: [0n, 0n, 0n],
        backoffs: [0n, 0n, 0n],
      }),
  ],
  ['HoldWork', () => holdWork.statement({ kind: 'job', target: id, sessionId: id, token: 1n })],
  ['HeldKeys', () => heldKeys.statement({ kinds, targets: ids, tokens, sessionId: id })],
  ['EndedKeys', () => endedKeys.statement({ kind: 'job', targets: ids, tokens, sessionId: id })],
  ['FenceSession', () => fenceSession.statement({ sessionId: id })],
  ['SealSession', () => sealSession.statement({ sessionId: id })],
  ['Heartbeat', () => heartbeat.statement({ sessionIds: ids })],
  [
    'StartSession',
    () => startSession.statement({ sessionId: id, component: 'c', instance: 'r', intervalMs: 5_000n }),
  ],
  ['CloseSessions', () => closeSessions.statement({ sessionIds: ids })],
  ['InsertMarker', () => insertMarker.statement({ markerId: id })],
  ['ResolveMarker', () => resolveMarker.statement({ markerId: id })],
];

/** In a plan for PostgreSQL: the scans of an index that have no condition on it, so that they walk all of it. */
const wholeIndexScans = (plan: string) => {
  const lines = plan.split('\n');
  return lines.filter((line, at) => {
    if (!/Index (Only )?Scan using (work|session|ended)/.test(line)) return false;
    return !lines[at + 1]?.includes('Index Cond');
  });
};

describe('no hot statement reads a table that grows from end to end', () => {
  let database: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = await connect({ url: database.url });
    await createQueue(db);
    await addJobs(db, 10_000);
    await rows(
      db,
      `INSERT INTO holdfast.session (session_id, component, instance, interval_ms)
       SELECT gen_random_uuid(), 'c', 'r', 5000 FROM generate_series(1, 2000)`,
    );
    await rows(
      db,
      `INSERT INTO holdfast.session_deadline (session_id, deadline, interval_ms)
       SELECT session_id, now() + INTERVAL '1 hour', 5000 FROM holdfast.session`,
    );
    await rows(db, "INSERT INTO holdfast.work (kind, target, token) SELECT 'job', job_id::TEXT, 1 FROM job");
    await rows(
      db,
      `INSERT INTO holdfast.ended_work (target, kind, token, event, session_id, started_at)
       SELECT target, kind, token, 'finished', gen_random_uuid(), now() FROM holdfast.work`,
    );
    await rows(
      db,
      `INSERT INTO holdfast.commit_marker (marker_id, committed)
       SELECT gen_random_uuid(), true FROM generate_series(1, 10000)`,
    );
    for (const table of [
      'job',
      'holdfast.commit_marker',
      'holdfast.session',
      'holdfast.session_deadline',
      'holdfast.work',
      'holdfast.ended_work',
    ])
      await rows(db, `ANALYZE ${table}`);
  });
  afterAll(() => db?.close());

  const plan = async (text: string) => (await rows(db, text)).map(([line]) => line).join('\n');

  const genericPlanOf = (statement: Statement) =>
    withAdmin(database.url, (client) => genericPlan(client, statement.text));

  test.each(hot)('%s', async (_, statementFor) => {
    const statement = statementFor(database.engine);
    if (database.engine === 'cockroachdb') {
      expect(await plan(`EXPLAIN ${inlined(statement)}`)).not.toMatch(/FULL SCAN/);
      return;
    }
    expect(await plan(`EXPLAIN ${inlined(statement)}`)).not.toMatch(/Seq Scan on/);
    expect(await genericPlanOf(statement)).not.toMatch(/Seq Scan on/);
  });

  test('a claim walks the partial index in its order: nothing of the backlog is sorted', async () => {
    const statement = claimed.statement(caller, database.engine);
    const shown = [await plan(`EXPLAIN ${inlined(statement)}`)];
    if (database.engine === 'postgresql') shown.push(await genericPlanOf(statement));
    for (const text of shown) {
      expect(text).toMatch(/job_open/);
      expect(text).not.toMatch(/bitmap heap scan on job|sort key: (j\.)?bucket|order: \+bucket/i);
    }
  });

  // A plan is made once and kept, often when the fleet is new. It must still be right when the tables have grown.
  test('claims and finishes planned while the tables were empty go by key', async () => {
    if (database.engine === 'cockroachdb') return;
    await using fresh = await createTestDatabase();
    await using own = await connect({ url: fresh.url });
    await createQueue(own);
    await rows(own, 'VACUUM (ANALYZE)');
    const statements = [
      claimed.statement(caller, 'postgresql'),
      finished.statement(keys, 'postgresql'),
      finishAndClaimStatement(finished, keys, claimed, caller)!,
    ];
    await withAdmin(fresh.url, async (client) => {
      await client.query('SET enable_seqscan = off');
      for (const { text } of statements) {
        const shown = await genericPlan(client, text);
        expect(shown).not.toMatch(/Seq Scan on/);
        expect(wholeIndexScans(shown), shown).toEqual([]);
      }
    });
  });
});
