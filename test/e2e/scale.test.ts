import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  runAgentApi,
  runFleetJanitor,
  runInitializer,
  runInstaller,
  runProvisioner,
  runRecoverer,
  SimulatedProvider,
} from '../../examples/fleet/src/index.ts';
import { finishedPerMachine, overlappingWork, workCounts } from '../../examples/fleet/src/queries/audit.ts';
import { connect } from '../../src/index.ts';
import { log, pace, Replicas, states, writeInventory } from '../fleet/support/fleet.ts';
import { createTestDatabase, type TestDatabase, waitFor } from '../support/database.ts';
import { rows } from '../support/sql.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('200 machines with three replicas of each component reach running, none initialized twice', async () => {
  await using db = await connect({ url: database.url, pool: { max: 1 } });
  const names = Array.from({ length: 200 }, (_, index) => `node-${index + 1}`);
  await using inventory = await writeInventory(names);

  await using replicas = new Replicas(database.url);
  const apis: string[] = [];
  for (let replica = 0; replica < 3; replica++) {
    const listening = replicas.start((own) => runAgentApi(own, { log, host: '127.0.0.1', port: 0 }));
    apis.push((await listening).url);
  }
  // Two cores with CockroachDB on them cannot file a hundred heartbeats a second beside forty looks.
  const slow = database.engine === 'cockroachdb';
  await using provider = new SimulatedProvider({
    apiUrls: apis,
    heartbeatIntervalMs: slow ? 10_000 : 2_000,
    lostAfterMs: 3_600_000,
    latencyMs: 1,
  });
  // An hour: a host that is held up is no agent that fell silent.
  const bounds = {
    silentMs: 3_600_000,
    firstHeartbeatMs: 3_600_000,
    retryMs: 3_600_000,
    sweepIntervalMs: 1_000,
  };
  // One process is all fifteen replicas here: a host that holds it up for two seconds must not cost them their
  // sessions, for then an agent is rightly started a second time.
  const held = { sessionIntervalMs: 30_000, parallelism: 16, pollIntervalMs: slow ? 1_000 : 300 };
  const options = { ...pace, ...bounds, ...held, provider };
  for (let replica = 0; replica < 3; replica++) {
    await replicas.start((own) =>
      runProvisioner(own, { ...options, inventoryFile: inventory.file, reconcileIntervalMs: 500 }),
    );
    await replicas.start((own) => runInitializer(own, options));
    await replicas.start((own) => runRecoverer(own, options));
    await replicas.start((own) => runInstaller(own, options));
    await replicas.start((own) => runFleetJanitor(own, options));
  }

  await waitFor(async () => (await states(db, bounds.silentMs))['running'] === 200, {
    timeoutMs: 1_500_000,
    intervalMs: 200,
  });

  const once = names.toSorted().map((name) => ({ name, finished: 1n }));
  expect(await finishedPerMachine(db, { kind: 'FleetInitialize', since: new Date(0) })).toEqual(once);
  // A machine that a reconciliation adopts before its provisioning has finished need not finish it; none finishes
  // twice, and the provider made each machine once (below).
  const provisioned = await finishedPerMachine(db, { kind: 'FleetProvision', since: new Date(0) });
  expect(provisioned.map(({ name }) => name)).toEqual(names.toSorted());
  expect(provisioned.filter(({ finished }) => finished > 1n)).toEqual([]);
  expect(await overlappingWork(db)).toEqual([]);
  const counts = await workCounts(db, { since: new Date(0) });
  expect(counts.filter(({ kind }) => kind === 'FleetRecover')).toEqual([]);
  // The provider saw one start of each, and another only where the history tells of a try that came to nothing.
  const failed = await rows(
    db,
    `SELECT m.name, count(*) FROM holdfast.work_history AS h JOIN fleet.machine AS m ON m.machine_id::TEXT = h.target
     WHERE h.kind = 'FleetInitialize' AND h.event NOT IN ('started', 'finished') GROUP BY m.name`,
  );
  const triesOf = new Map(failed.map(([name, count]) => [name!, 1 + Number(count)]));
  const starts = provider.startsByName();
  expect([...starts.keys()].toSorted()).toEqual(names.toSorted());
  expect([...starts].filter(([name, count]) => count > (triesOf.get(name) ?? 1))).toEqual([]);
});
