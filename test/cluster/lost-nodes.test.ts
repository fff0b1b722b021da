import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Database, migrate } from '../../src/index.ts';
import { loadFaces } from '../e2e/chaos/face.ts';
import { brokenIn } from '../e2e/chaos/report.ts';
import { runChaos } from '../e2e/chaos/run-chaos.ts';
import { withAdmin } from '../support/admin.ts';
import { DRIVERS, seededRandom, waitFor } from '../support/database.ts';
import { CockroachCluster, type Door, LOSSES } from '../support/servers/cockroach-cluster.ts';
import { rows } from '../support/sql.ts';
import { urlOf } from '../support/url-of.ts';

const binary = inject('cockroach');

/** For what hangs. */
const PATIENCE_MS = 180_000;
const LOOK_MS = 20_000;
/** A session outlives the transfer of a lease: three times the 4.5 s that it takes by default, and more. */
const INTERVAL_MS = 15_000;
const WORKERS = 4;
/** So many transactions of each driver show that work goes on. */
const ENOUGH = 20;

describe.skipIf(binary === undefined)('three nodes, workers with both drivers on all of them', () => {
  let cluster: CockroachCluster;

  beforeAll(async () => {
    cluster = await CockroachCluster.start(binary!);
  });
  afterEach(() => cluster.giveBack());
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test.each(LOSSES)(
    'a node is %s: work goes on beside it, nothing is lost, and connections leave it and return',
    async (how) => {
      const random = seededRandom(`a node is ${how}`);
      const url = urlOf(cluster.url, `holdfast_${how}`);
      await withAdmin(cluster.url, (client) => client.query(`CREATE DATABASE holdfast_${how}`));
      await migrate(url);
      await cluster.whole();
      const doors = await Promise.all(DRIVERS.map(() => cluster.open()));
      const node = random.pick(cluster.nodes);

      const report = await runChaos({
        url,
        random,
        faces: await loadFaces(['work', 'commands']),
        seconds: PATIENCE_MS / 1_000,
        workers: WORKERS,
        intervalMs: INTERVAL_MS,
        cluster,
        given: (number) => ({
          driver: DRIVERS[number % 2]!,
          url: urlOf(doors[number % 2]!.url, `holdfast_${how}`),
          poolMax: 6,
          maxLifetimeMs: 3_000,
          skewMs: 0,
        }),
        scenario: async (db) => {
          await until('connections of both drivers to every node', () => doors.every(isOnAll));
          await workGoesOn(db);
          const [lostAt] = (await look(db, 'SELECT clock_timestamp()'))[0]!;
          const open = doors.flatMap((door) => door.open()[node]!);
          await cluster.lose(node, how);
          await workGoesOn(db);
          await until('connections to leave the node', () => open.every(({ destroyed }) => destroyed));
          await workGoesOn(db);
          await tellPauses(db, `node ${node} ${how}`, lostAt!);
          await cluster.giveBack();
          await until('connections of both drivers to return', () => doors.every(isOnAll));
          await workGoesOn(db);
        },
        log: (line) => console.log(line),
      });

      console.log(JSON.stringify({ ...report, invariants: report.invariants.length }, null, 2));
      expect(brokenIn(report)).toEqual([]);
    },
  );
});

const isOnAll = ({ open }: Door) => open().every(({ length }) => length > 0);

const until = <T>(what: string, holds: () => T | Promise<T>) =>
  waitFor(holds, { timeoutMs: PATIENCE_MS, intervalMs: 200, what });

/** Reads again when the connection was one to the lost node. */
const look = (db: Database, text: string, ...values: string[]) =>
  until('the cluster to answer', () =>
    rows(db.guardedWithin(LOOK_MS), text, ...values).catch(() => undefined),
  );

/** Transactions that were committed, by driver. */
async function committed(db: Database): Promise<readonly number[]> {
  const found = await look(db, 'SELECT process, count(*) FROM chaos_observation GROUP BY process');
  const of = (driver: number) =>
    found.filter(([process]) => Number(/\d+$/.exec(process!)![0]) % 2 === driver);
  return DRIVERS.map((_, driver) => of(driver).reduce((sum, [, count]) => sum + Number(count), 0));
}

/** Waits for some more transactions of each driver. */
async function workGoesOn(db: Database): Promise<void> {
  const before = await committed(db);
  await until(`${ENOUGH} more transactions of each driver`, async () =>
    (await committed(db)).every((count, driver) => count >= before[driver]! + ENOUGH),
  );
}

/** Prints the longest time without a commit since then: of all processes, and of one. */
async function tellPauses(db: Database, what: string, since: string): Promise<void> {
  const longest = (of: string) => `SELECT COALESCE(round(extract(epoch FROM max(p)) * 1000)::INT8, 0) FROM (
    SELECT at, at - lag(at) OVER (${of} ORDER BY at) AS p FROM chaos_observation) AS a WHERE at > $1::TIMESTAMPTZ`;
  const [all, one] = (
    await look(db, `SELECT (${longest('')}), (${longest('PARTITION BY process')})`, since)
  )[0]!;
  console.log(`${what}: nobody committed for ${all} ms at most, and one of the processes for ${one} ms`);
}
