/** Sweeps up behind the fleet's components, and measures the fleet: machines by state. */
import {
  type Database,
  type Face,
  type Janitor,
  type JanitorOptions,
  runJanitor,
  sql,
  type Transaction,
} from '../../../../src/index.ts';
import type { Logger } from '../logger.ts';
import { INITIALIZE, INSTALL, PROVISION, RECOVER, RETIRE } from '../processes.ts';
import type { Provider } from '../provider/provider.ts';
import { machinesToInitialize, machinesToRecover } from '../queries/agents.ts';
import { machinesToInstall } from '../queries/installation.ts';
import { listMachines } from '../queries/machines.ts';
import { machinesToProvision, machinesToRetire } from '../queries/provisioning.ts';
import { FLEET_SCHEMA } from '../schema.ts';
import { type Component, startAt } from './component.ts';

export interface FleetJanitorOptions {
  readonly log: Logger;
  /** How old a heartbeat may be before its machine counts as silent, in milliseconds. */
  readonly silentMs: number;
  /** How often to sweep, in milliseconds. */
  readonly sweepIntervalMs: number;
  /** Whose machines wait for work. */
  readonly provider: Pick<Provider, 'name'>;
  /** As the recoverer has it. */
  readonly firstHeartbeatMs: number;
  /** As the installer has it. */
  readonly retryMs: number;
}

/** Every state, so that a gauge falls back to zero. */
export const MACHINE_STATES = [
  'wanted',
  'provided',
  'starting',
  'reporting',
  'installing',
  'running',
  'silent',
  'missing',
  'unwanted',
] as const;

/** How many machines are in each state; all states are there. */
export async function countMachines(db: Database, silentMs: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(MACHINE_STATES.map((state) => [state, 0]));
  const machines = await db.transact((tx) => listMachines(tx, { silentMs: BigInt(silentMs) }), {
    readOnly: true,
  });
  for (const { state } of machines) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** What the fleet brings to upkeep: its schema and its gauge. */
export function fleetFace(db: Database, silentMs: number): Face {
  return {
    name: 'fleet',
    migrations: FLEET_SCHEMA,
    gauges: [
      {
        descriptions: { 'holdfast.fleet.machines': 'Machines by state' },
        read: async () => ({
          'holdfast.fleet.machines': Object.entries(await countMachines(db, silentMs)).map(
            ([state, count]) => [count, { state }] as const,
          ),
        }),
      },
    ],
  };
}

/** More are not told apart: an autoscaler has its most replicas long before. */
const MOST_COUNTED = 10_000;

/** How many machines a claim of each kind would take now: what is held, backs off or is paused does not wait. */
function pendingWork(options: FleetJanitorOptions): NonNullable<JanitorOptions['pending']> {
  const bounds = { provider: options.provider.name, ...startAt(MOST_COUNTED) };
  const silentMs = BigInt(options.silentMs);
  const firstHeartbeatMs = BigInt(options.firstHeartbeatMs);
  const retryMs = BigInt(options.retryMs);
  const find: Record<string, (tx: Transaction) => Promise<readonly unknown[]>> = {
    [PROVISION]: (tx) => machinesToProvision(tx, bounds),
    [RETIRE]: (tx) => machinesToRetire(tx, bounds),
    [INITIALIZE]: (tx) => machinesToInitialize(tx, bounds),
    [RECOVER]: (tx) => machinesToRecover(tx, { ...bounds, silentMs, firstHeartbeatMs }),
    [INSTALL]: (tx) => machinesToInstall(tx, { ...bounds, silentMs, retryMs }),
  };
  const count = (kind: string, waiting: (typeof find)[string]) => async (tx: Transaction) => {
    const paused = await tx.execute(
      sql`SELECT 1 FROM holdfast.kind WHERE kind = ${kind} AND paused_at IS NOT NULL`,
    );
    return paused.rows.length > 0 ? 0 : (await waiting(tx)).length;
  };
  return Object.fromEntries(Object.entries(find).map(([kind, waiting]) => [kind, count(kind, waiting)]));
}

export function runFleetJanitor(
  db: Database,
  options: FleetJanitorOptions,
): Component & Pick<Janitor, 'sweep'> {
  const { log, silentMs, sweepIntervalMs } = options;
  const janitor = runJanitor(db, {
    intervalMs: sweepIntervalMs,
    pending: pendingWork(options),
    faces: [fleetFace(db, silentMs)],
  });
  let previous = '';
  const timer = setInterval(async () => {
    const machines = await countMachines(db, silentMs).catch(() => undefined);
    const now = JSON.stringify(machines);
    if (machines && now !== previous) log.info({ machines }, 'machines by state');
    previous = now;
  }, sweepIntervalMs);
  return {
    name: 'janitor',
    done: janitor.done,
    sweep: () => janitor.sweep(),
    stop: async () => {
      clearInterval(timer);
      await janitor.stop();
    },
  };
}
