/** Sweeps up behind the fleet's components, and measures the fleet: machines by state. */
import { metrics } from '@opentelemetry/api';
import { type Database, runJanitor } from '../../../../src/index.ts';
import type { Logger } from '../logger.ts';
import { listMachines } from '../queries/machines.ts';
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

export function runFleetJanitor(db: Database, options: FleetJanitorOptions): Component {
  const { log, silentMs, sweepIntervalMs } = options;
  const gauge = metrics.getMeter('holdfast.fleet').createObservableGauge('holdfast.fleet.machines', {
    description: 'Machines by state',
    unit: '{machine}',
  });
  const observe = async (result: { observe(value: number, attributes: Record<string, string>): void }) => {
    for (const [state, count] of Object.entries(await countMachines(db, silentMs)))
      result.observe(count, { state });
  };
  gauge.addCallback(observe);
  const janitor = runJanitor(db, { intervalMs: sweepIntervalMs });
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
    stop: async () => {
      clearInterval(timer);
      gauge.removeCallback(observe);
      await janitor.stop();
    },
  };
}
