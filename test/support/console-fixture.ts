import { commandsFace, defineCommands } from '../../src/commands/index.ts';
import { type Database, type Face, type Session, sql } from '../../src/index.ts';
import { definePipeline, operationsFace } from '../../src/operations/index.ts';
import { createRepository, repositoriesFace } from '../../src/sync/index.ts';
import { defineWorkflow, workflowsFace } from '../../src/workflows/index.ts';

export const FACES: readonly Face[] = [operationsFace, commandsFace(), workflowsFace(), repositoriesFace()];

/** A text that does something in a page that takes it for HTML. */
export const EVIL = `"'><img src=x onerror=alert(1)><script>alert(2)</script>`;

export const doors = defineCommands({
  name: 'door',
  states: ['shut'],
  state: async () => 'shut' as const,
  commands: { open: { apply: ['shut'] }, paint: { apply: ['shut'] } },
});

export const upgrade = defineWorkflow({
  name: 'upgrade',
  version: 1,
  states: ['drained', 'flashed', 'booted', 'failed'],
  transitions: {
    drain: { from: null, to: 'drained', automatic: true },
    flash: { from: 'drained', to: 'flashed', automatic: true, retry: { attempts: 1 } },
    boot: { from: 'flashed', to: 'booted', automatic: true },
    abort: { from: ['drained', 'flashed'], to: 'failed' },
  },
  cancel: 'abort',
});

export const datasets = definePipeline({ name: 'datasets', operations: ['upload', 'index'] });

/** Everything that an operator may find: `n7` is quarantined, its upgrade is stuck, and so on. */
export async function fillConsole(db: Database): Promise<Session> {
  const session = await db.startSession({ component: 'flasher', instance: 'host n1', intervalMs: 600_000 });
  const claim = async (kind: string, target: string) =>
    (await session.claim({ kind, candidates: () => [target] }))[0]!;
  await db.kinds.set('Flash', { quarantineAfter: 2 });
  for (const cause of ['no answer from the BMC', 'no answer from the BMC']) {
    await (await claim('Flash', 'n7')).fail(cause);
    await db.execute(sql`UPDATE holdfast.work SET not_before = now() WHERE kind = 'Flash'`);
  }
  await (await claim('Flash', 'n8')).fail('connection refused', { backoff: { initialMs: 3_600_000 } });
  await (await claim('Flash', EVIL)).fail(EVIL, { backoff: { initialMs: 3_600_000 } });
  await claim('Initialize', 'n9');
  for (let i = 0; i < 60; i++)
    await (await claim('Initialize', `done-${String(i).padStart(3, '0')}`)).finish();
  await db.kinds.pause('Nightly', `maintenance ${EVIL}`);

  for (const target of ['d1', 'd2', 'd3']) {
    await datasets.enable(db, target, ['upload', 'index']);
    await datasets.error(db, target, 'index', target === 'd3' ? EVIL : 'no space left on device');
  }

  await doors.send(db, 'door-1', 'paint', {}, { author: 'ann' });
  const [work] = await session.claim(doors.source);
  await doors.consume(work!, { open: async () => undefined, paint: async () => undefined });
  await doors.send(db, 'door-1', 'open', {}, { author: EVIL });

  await upgrade.publish(db);
  await upgrade.start(db, 'n7');
  const [instance] = await session.claim(upgrade.source());
  await upgrade
    .run(instance!, {
      flash: async () => {
        throw new Error(`checksum is wrong ${EVIL}`);
      },
    })
    .catch(() => {});
  await upgrade.start(db, 'n10');

  await createRepository(db, 'npm', {});
  return session;
}
