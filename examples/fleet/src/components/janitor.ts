/** Sweeps up behind the fleet's components, and measures the fleet: machines by state. */
import { type Database, type Face, type Janitor, runJanitor } from '../../../../src/index.ts';
import type { Logger } from '../logger.ts';
import { listMachines } from '../queries/machines.ts';
import { FLEET_SCHEMA } from '../schema.ts';
import type { Component } from './component.ts';

export interface FleetJanitorOptions {
  readonly log: Logger;
  /** How old a heartbeat may be before its machine counts as silent, in milliseconds. */
  readonly silentMs: number;
  /** How often to sweep, in milliseconds. */
  readonly sweepIntervalMs: number;
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

export function runFleetJanitor(
  db: Database,
  options: FleetJanitorOptions,
): Component & Pick<Janitor, 'sweep'> {
  const { log, silentMs, sweepIntervalMs } = options;
  const janitor = runJanitor(db, { intervalMs: sweepIntervalMs, faces: [fleetFace(db, silentMs)] });
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
