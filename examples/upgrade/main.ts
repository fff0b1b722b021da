/**
 * `npm run demo:upgrade`: installs units of a service, relates them, configures them and upgrades them twice, in worker
 * processes that are killed at random. Then it looks by SQL whether every transition had one outcome, and whether anything
 * was started while an upgrade was in flight.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connect, type Database, migrate, sql } from '../../src/index.ts';
import { charmsOf, createTables } from './machine.ts';
import { relation, unit } from './workflows.ts';

const { values } = parseArgs({
  options: {
    units: { type: 'string', default: '24' },
    workers: { type: 'string', default: '4' },
    kills: { type: 'string', default: '10' },
    'interval-ms': { type: 'string', default: '1000' },
  },
});
const [count, workers, kills, intervalMs] = [
  values.units,
  values.workers,
  values.kills,
  values['interval-ms'],
].map(Number) as [number, number, number, number];
if (![count, workers, kills, intervalMs].every((value) => Number.isInteger(value) && value > 0)) {
  console.error('demo:upgrade: --units, --workers, --kills and --interval-ms are whole numbers from 1');
  process.exit(2);
}

const run = randomBytes(3).toString('hex');
const targets = Array.from({ length: count }, (_, n) => `${run}/${n}`);
const relations = targets.slice(1).map((target) => `${targets[0]}:${target}`);
const folder = await mkdtemp(join(tmpdir(), 'holdfast-upgrade-'));
const children = new Set<ChildProcess>();
let stopping = false;
let killed = 0;

function startWorker(url: string): void {
  const child = fork(new URL('worker.ts', import.meta.url), [run, folder, String(intervalMs)], {
    env: { ...process.env, DATABASE_URL: url, HOLDFAST_DATABASE_URL: '' },
  });
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
    if (!stopping) startWorker(url);
  });
}

/**
 * Until every unit is in its state, with this charm and nothing in flight; one worker after the other is killed meanwhile,
 * and what stopped in an error state is resolved.
 */
async function until(
  db: Database,
  what: string,
  state: string,
  charm: number,
  deaths: number,
): Promise<void> {
  const mostKills = killed + deaths;
  let line = '';
  for (;;) {
    let done = 0;
    let inFlight = 0;
    for await (const one of unit.list(db)) {
      if (!targets.includes(one.target)) continue;
      if (one.stuck !== undefined) throw new Error(`${one.target} is stuck: ${one.stuck}`);
      if (one.inFlight) inFlight++;
      else if (one.state === state && one.variables['charm'] === charm) done++;
      else if (one.state === 'upgrade_error')
        await unit.signal(db, one.target, 'resolved-with-hook', { charm }, { key: what });
      else if (one.state?.endsWith('_error'))
        await unit.signal(db, one.target, 'resolved', {}, { key: what });
    }
    const now = `${what}: ${done} of ${count}`;
    if (now !== line) console.log(`${now}; in flight ${inFlight}; killed ${killed}`);
    line = now;
    if (done === count && killed >= mostKills) return;
    if (killed < mostKills && (inFlight > 0 || done === count)) {
      const victim = [...children][Math.floor(Math.random() * children.size)];
      if (victim?.kill('SIGKILL')) killed++;
    }
    await sleep(300);
  }
}

const NOT_UP = sql`SELECT target, state FROM holdfast.workflow
  WHERE workflow = 'relation' AND target LIKE ${`${run}/%`} AND (state <> 'up' OR state IS NULL)`;

/** Each statement gives what should not be there. */
const CHECKS: readonly (readonly [what: string, text: ReturnType<typeof sql>])[] = [
  [
    'intents with more than one outcome',
    sql`SELECT target, intent FROM holdfast.workflow_history
      WHERE target LIKE ${`${run}/%`} AND event IN ('done', 'failed') GROUP BY workflow, target, intent HAVING count(*) > 1`,
  ],
  [
    'intents without an outcome',
    sql`SELECT i.target, i.intents FROM holdfast.workflow AS i WHERE i.target LIKE ${`${run}/%`}
      AND i.intents <> (SELECT count(*) FROM holdfast.workflow_history AS h
        WHERE h.workflow = i.workflow AND h.target = i.target AND h.event IN ('done', 'failed'))`,
  ],
  [
    'rows that differ from the last outcome in their history',
    sql`SELECT i.target, i.state FROM holdfast.workflow AS i
      JOIN holdfast.workflow_history AS h ON h.workflow = i.workflow AND h.target = i.target AND h.event = 'done'
        AND h.intent = (SELECT max(m.intent) FROM holdfast.workflow_history AS m
          WHERE m.workflow = i.workflow AND m.target = i.target AND m.event = 'done')
      WHERE i.target LIKE ${`${run}/%`} AND (i.state IS DISTINCT FROM h.state OR i.variables <> h.data)`,
  ],
  [
    'units that were not upgraded twice',
    sql`SELECT target, count(*) FROM holdfast.workflow_history
      WHERE workflow = 'unit' AND target LIKE ${`${run}/%`} AND event = 'done'
        AND transition IN ('upgrade', 'retry_upgrade_hook') GROUP BY target HAVING count(*) <> 2`,
  ],
  [
    'executors that were started while an upgrade was in flight',
    sql`SELECT unit, found FROM executor_start
      WHERE run = ${run} AND (in_flight = 'upgrade' OR found LIKE ${'%,%'})`,
  ],
  ['relations that are not up', NOT_UP],
  ['work that is held', sql`SELECT target, kind FROM holdfast.active_work WHERE target LIKE ${`${run}/%`}`],
];

async function check(db: Database): Promise<string[]> {
  const wrong: string[] = [];
  for (const [what, statement] of CHECKS) {
    const { rows } = await db.execute(statement);
    console.log(`${rows.length === 0 ? 'ok     ' : 'WRONG  '} ${rows.length} ${what}`);
    if (rows.length > 0) wrong.push(`${what}: ${rows.slice(0, 3).join('; ')}`);
  }
  for (const target of targets) {
    const found = (await charmsOf(folder, target)).join(',');
    if (found !== '3') wrong.push(`the files of ${target} are of charm ${found}`);
  }
  return wrong;
}

process.once('SIGINT', () => process.exit(130));
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
try {
  await using db = await connect();
  await migrate(db.url);
  await createTables(db);
  for (let i = 0; i < workers; i++) startWorker(db.url);
  await unit.startMany(
    db,
    targets.map((target) => ({ target })),
  );
  await relation.startMany(
    db,
    relations.map((target) => ({ target })),
  );
  const [first, second] = [Math.ceil(kills / 3), Math.ceil(kills / 3)];
  await until(db, 'installed and started', 'started', 1, first);
  for (const target of targets) await unit.signal(db, target, 'charm', { charm: 2 });
  await until(db, 'upgraded to charm 2', 'started', 2, second);
  for (const target of targets) await unit.signal(db, target, 'config', { config: 7 });
  for (const target of targets) await unit.signal(db, target, 'charm', { charm: 3 });
  await until(db, 'configured, and upgraded to charm 3', 'started', 3, Math.max(0, kills - first - second));
  for (const target of targets) await unit.signal(db, target, 'stop');
  await until(db, 'stopped', 'stopped', 3, 0);
  while ((await db.execute(NOT_UP)).rows.length > 0) await sleep(100);
  stopping = true;
  await Promise.all(
    [...children].map((child) => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      return exited;
    }),
  );
  const wrong = await check(db);
  for (const line of wrong) console.error(line);
  const said = `${killed} workers were killed; ${count} units were upgraded twice`;
  console.log(
    wrong.length === 0 ? `${said}, each transition with one outcome` : `${said}, but not as they should`,
  );
  process.exitCode = wrong.length === 0 ? 0 : 1;
} catch (error) {
  console.error(`demo:upgrade: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  stopping = true;
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}
