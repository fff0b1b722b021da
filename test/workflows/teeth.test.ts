import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DriverConnection, pgDriver, postgresDriver } from '../../src/database/index.ts';
import { connect, type Database } from '../../src/index.ts';
import { createTestDatabase, DRIVERS } from '../support/database.ts';
import { rows } from '../support/sql.ts';
import { breaks, defineUnit, INCONSISTENT, kill } from './support.ts';

const unit = defineUnit('unit');

/** Takes a protection out of the statements that are sent. */
type Mutation = (text: string) => string;
const withoutProof: Mutation = (text) =>
  text.replaceAll(
    /THEN 'holdfast:(lease-lost|session-expired) ' \|\| (\$\d+)::TEXT/g,
    "THEN '1' || left($2::TEXT, 0)",
  );
const withoutInFlight: Mutation = (text) =>
  text.replace(/in_flight = \$\d+::TEXT, arguments/, 'in_flight = NULL::TEXT, arguments');

describe.each(DRIVERS)('the checks of workflows notice on %s', (name) => {
  const driver = name === 'pg' ? pgDriver : postgresDriver;
  let url: string;
  let db: Database;
  beforeAll(async () => {
    ({ url } = await createTestDatabase());
    db = await connect({ url, driver: name });
  });
  afterAll(() => db?.close());

  /** With a handle whose connections leave the protection out. */
  const mutated = async <T>(mutation: Mutation, body: (victim: Database) => Promise<T>): Promise<T> => {
    const { open } = driver;
    driver.open = async (options) => {
      const connection: DriverConnection = await open.call(driver, options);
      const send = connection.send.bind(connection);
      connection.send = (statement, mode) => send({ ...statement, text: mutation(statement.text) }, mode);
      return connection;
    };
    try {
      await using victim = await connect({ url, driver: name, pool: { max: 2 } });
      return await body(victim);
    } finally {
      driver.open = open;
    }
  };

  /** How many lines of history a worker writes after its instance was taken over. */
  const writesOfTheDead = async (victim: Database, target: string) => {
    await unit.start(db, target);
    const dead = await victim.startSession({ component: 'dead', intervalMs: 600_000 });
    const mine = (await unit.hold(dead, target))!;
    await mine.synchronize();
    await kill(db, dead);
    await using session = await db.startSession({ component: 'next', intervalMs: 600_000 });
    const next = (await unit.hold(session, target))!;
    const before = (await unit.history(db, target)).length;
    await mine.fire('stop').catch(() => {});
    const after = (await unit.history(db, target)).length;
    await next.work.cancel();
    return after - before;
  };

  /** What is wrong after a worker died in an action and the next one has synchronized. */
  const afterADeath = async (victim: Database, target: string) => {
    await unit.start(db, target);
    const dead = await victim.startSession({ component: 'dead', intervalMs: 600_000 });
    const mine = (await unit.hold(dead, target, { upgrade: breaks() }))!;
    await mine.synchronize();
    await mine.fire('upgrade').catch(() => {});
    await kill(db, dead);
    await using session = await db.startSession({ component: 'next', intervalMs: 600_000 });
    const next = (await unit.hold(session, target))!;
    await next.synchronize();
    await next.end();
    return (await rows(db, INCONSISTENT)).filter(([, found]) => found === target).length;
  };

  test('nothing, when nothing is taken out', async () => {
    expect(await writesOfTheDead(db, 'w1')).toBe(0);
    expect(await afterADeath(db, 'd1')).toBe(0);
  });

  test('a worker that does not prove its token and its session', async () => {
    expect(await mutated(withoutProof, (victim) => writesOfTheDead(victim, 'w2'))).toBeGreaterThan(0);
  });

  test('a worker that does not write down what is in flight', async () => {
    expect(await mutated(withoutInFlight, (victim) => afterADeath(victim, 'd2'))).toBeGreaterThan(0);
  });
});
